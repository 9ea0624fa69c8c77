"""Views of records of assessment: the observation, its reading by others, the answers to it, and testimonies."""

from flask import Blueprint

records = Blueprint("records", __name__)

from tracker.records.views import discussions, files, reading, testimonies, uploads, witness, writing  # noqa: E402, F401
