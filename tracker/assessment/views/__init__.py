"""Assessment over HTTP: the queue, judging, signing off, and the candidate's confirmation."""

import time

from flask import Blueprint, current_app

from tracker.ledger import read_only

assessment = Blueprint("assessment", __name__)

from tracker.assessment.services.assessments import release_due_assessments  # noqa: E402 - after the blueprint its views need
from tracker.assessment.views import assessing, confirming, queue, signing, version_moves  # noqa: E402 - they hang routes on it

__all__ = ["assessing", "assessment", "confirming", "queue", "signing", "version_moves"]


@assessment.before_app_request
def release_what_is_due() -> None:
    """Whoever asks for a page sees decisions whose time to undo is over; looked for once a second at most."""
    moment = time.monotonic()
    last = current_app.extensions.get("released_at", 0.0)
    if moment - last >= current_app.config["RELEASE_INTERVAL"] and not read_only.is_read_only():
        current_app.extensions["released_at"] = moment
        release_due_assessments()
