"""Views of the candidate's portfolio: evidence, files, claims, units and registrations."""

from flask import Blueprint

portfolio = Blueprint("portfolio", __name__)

from tracker.portfolio.views import (  # noqa: E402 - they register their routes on the blueprint
    claims,
    drafts,
    evidence,
    files,
    index,
    printing,
    registration,
    remarks,
    units,
)

__all__ = [
    "claims",
    "drafts",
    "evidence",
    "files",
    "index",
    "portfolio",
    "printing",
    "registration",
    "remarks",
    "units",
]
