"""Probes of a balancer: whether the process answers, and whether it can answer requests now."""

import threading
import time
from logging import getLogger

from flask import Blueprint, Response, current_app

from tracker.doctor.examinations import PROBED, get_settings
from tracker.doctor.findings import examine
from tracker.web.route_rules import public

doctor = Blueprint("doctor", __name__)

PROBE_SECONDS = 5.0
"""How long an answer is given again: anybody may ask, and an examination asks the database and the store."""

logger = getLogger(__name__)
_examining = threading.Lock()


@doctor.get("/healthz")
@public
def show_health() -> Response:
    """Answer that the process works; nothing else is asked."""
    return _answer("ok", 200)


@doctor.get("/readyz")
@public
def show_readiness() -> Response:
    """Answer whether database, storage and Redis can be used. What is wrong is in the log, not in the answer."""
    with _examining:
        asked_at, is_ready = current_app.extensions.get("readiness", (None, False))
        if asked_at is None or time.monotonic() - asked_at >= PROBE_SECONDS:
            faults = [each.sentence for each in examine(get_settings(), PROBED) if each.is_fault]
            for sentence in faults:
                logger.error("Not ready: %s", sentence)
            is_ready = not faults
            current_app.extensions["readiness"] = (time.monotonic(), is_ready)
    return _answer("ready", 200) if is_ready else _answer("not ready", 503)


def _answer(word: str, status: int) -> Response:
    return Response(f"{word}\n", status, mimetype="text/plain")
