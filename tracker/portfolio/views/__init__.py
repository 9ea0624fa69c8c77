"""The candidate's portfolio over HTTP: evidence, files, claims, units."""

from flask import Blueprint

portfolio = Blueprint("portfolio", __name__)

from tracker.portfolio.views import claims, evidence, files, units  # noqa: E402 - they hang their routes on it

__all__ = ["claims", "evidence", "files", "portfolio", "units"]
