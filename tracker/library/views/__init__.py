"""The standards over HTTP: units to browse, and what administrators do to the library."""

from flask import Blueprint

library = Blueprint("library", __name__)

from tracker.library.views import drafts, exchange, guidance, links, publishing, qualifications, reading_in, units  # noqa: E402 - they hang their routes on it

__all__ = [
    "drafts",
    "exchange",
    "guidance",
    "library",
    "links",
    "publishing",
    "qualifications",
    "reading_in",
    "units",
]
