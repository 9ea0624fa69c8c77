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
STALE_SECONDS = 30.0
"""How long the last answer is given while another request still examines. After that the process is not ready."""

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
    """Answer whether database, storage and Redis can be used. What is wrong is in the log, not in the answer.

    While another request examines, the last answer is given for a while; without one, that it is not ready.
    """
    answered_at, is_ready = current_app.extensions.get("readiness", (None, False))
    age = None if answered_at is None else time.monotonic() - answered_at
    # One request examines at a time, and none waits for it: a database that hangs would hold every thread.
    if (age is None or age >= PROBE_SECONDS) and _examining.acquire(blocking=False):
        try:
            is_ready = _examine()
        finally:
            _examining.release()
    elif age is not None and age >= STALE_SECONDS:
        is_ready = False
    return _answer("ready", 200) if is_ready else _answer("not ready", 503)


def _examine() -> bool:
    """Examine the installation, keep the answer for the requests that follow, and return it."""
    faults = [each.sentence for each in examine(get_settings(), PROBED) if each.is_fault]
    for sentence in faults:
        logger.error("Not ready: %s", sentence)
    current_app.extensions["readiness"] = (time.monotonic(), not faults)
    return not faults


def _answer(word: str, status: int) -> Response:
    return Response(f"{word}\n", status, mimetype="text/plain")
