"""Views of records of assessment: the observation, its reading by others, and the answers to it."""

from flask import Blueprint

records = Blueprint("records", __name__)

from tracker.records.views import files, reading, writing  # noqa: E402, F401
