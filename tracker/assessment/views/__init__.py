"""Views of assessment: the queue, assessing an item, sign-off, the candidate's confirmation, version moves."""

from flask import Blueprint

assessment = Blueprint("assessment", __name__)

from tracker.assessment.views import assessing, confirming, queue, signing, version_moves  # noqa: E402 - their routes need the blueprint

__all__ = ["assessing", "assessment", "confirming", "queue", "signing", "version_moves"]
