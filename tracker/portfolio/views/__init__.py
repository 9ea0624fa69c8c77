"""The candidate's portfolio over HTTP: evidence, files, claims, units, and registrations' pages."""

from flask import Blueprint

portfolio = Blueprint("portfolio", __name__)

from tracker.portfolio.views import (  # noqa: E402 - they hang their routes on it
    claims,
    drafts,
    evidence,
    files,
    index,
    registration,
    units,
)

__all__ = ["claims", "drafts", "evidence", "files", "index", "portfolio", "registration", "units"]
