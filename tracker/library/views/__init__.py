"""Pages of the library: units for everyone signed in, and maintenance by centre administrators."""

from flask import Blueprint

library = Blueprint("library", __name__)

from tracker.library.views import (  # noqa: E402 - they register their routes on it
    adding,
    centre_rules,
    drafts,
    exports,
    guidance,
    imports,
    links,
    publishing,
    qualifications,
    units,
)

__all__ = [
    "adding",
    "centre_rules",
    "drafts",
    "exports",
    "guidance",
    "imports",
    "library",
    "links",
    "publishing",
    "qualifications",
    "units",
]
