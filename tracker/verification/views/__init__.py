"""Views of verification: sampling a unit, its action points and signature, what is allocated, and external visits."""

from flask import Blueprint

verification = Blueprint("verification", __name__)

from tracker.verification.views import action_points, allocated, returning, sampling, signing, visits  # noqa: E402, F401
