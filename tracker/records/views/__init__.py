"""Views of records of assessment: observations, their reading and answers, testimonies, and question banks."""

from flask import Blueprint

records = Blueprint("records", __name__)

from tracker.records.views import (  # noqa: E402
    files,  # noqa: F401
    question_bank,  # noqa: F401
    question_sets,  # noqa: F401
    reading,  # noqa: F401
    testimonies,  # noqa: F401
    uploads,  # noqa: F401
    witness,  # noqa: F401
    writing,  # noqa: F401
)
