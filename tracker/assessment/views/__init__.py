"""Views of assessment: the queue, assessing an item, sign-off, the candidate's confirmation, version moves."""

from flask import Blueprint

assessment = Blueprint("assessment", __name__)

from tracker.assessment.views import (  # noqa: E402 - their routes need the blueprint
    assessing,
    confirming,
    countersigners,
    countersigning,
    queue,
    signing,
    version_moves,
)

__all__ = [
    "assessing",
    "assessment",
    "confirming",
    "countersigners",
    "countersigning",
    "queue",
    "signing",
    "version_moves",
]
