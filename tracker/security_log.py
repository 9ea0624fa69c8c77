"""The security log: one line of JSON on standard error for each sign-in, refusal and act that concerns security.

docs/operations.md, Security log, lists the events and fields. No line holds a password, token, code, name or email
address. A person is their number; an email address that was typed is a keyed hash.
"""

import hashlib
import hmac
import logging
from typing import Any

from flask import current_app, g, has_request_context, request

from tracker.log_output import add_handler, make_line

LOGGED_ACTS = frozenset(
    {
        "account_change_cancelled",
        "account_change_requested",
        "browser_confirmed",
        "candidate_two_step_changed",
        "checkpoints_repaired",
        "clock_accepted",
        "data_exported",
        "database_confined",
        "email_changed",
        "grant_ended",
        "grant_given",
        "invitation_accepted",
        "key_made",
        "link_issued",
        "password_changed",
        "password_reset",
        "person_deactivated",
        "portfolio_erased",
        "record_exported",
        "recovery_code_used",
        "recovery_codes_made",
        "restore_accepted",
        "second_factor_added",
        "second_factor_removed",
        "session_ended",
        "sessions_ended",
        "signing_two_step_changed",
        "staff_record_erased",
        "listed_witness_erased",
        "two_step_verification_reset",
    }
)
"""The acts whose events in the ledger make a line too, once they are committed."""
HASH_DOMAIN = "tracker.security_log.v1"
MAX_TEXT_LENGTH = 200
logger = logging.getLogger("tracker.security")


def write(event: str, **facts: str | int | bool | None) -> None:
    """Write one line, except in a demonstration: the time, the event and its facts.

    Within a request it also has the request's id, IP address, method and endpoint, and the signed-in person.

    Args:
        event: the name of the event in the past tense.
        facts: numbers, fixed words and hashes; those that are None are left out, long ones are cut.
    """
    if current_app.config["DEMO"]:
        return
    line: dict[str, Any] = {"event": event}
    if has_request_context():
        g.security_line = True
        line |= {
            "address": request.remote_addr,
            "method": request.method,
            "endpoint": request.endpoint,
            "person": getattr(g.get("_login_user"), "person_id", None),
        }
    line |= {name: fact[:MAX_TEXT_LENGTH] if isinstance(fact, str) else fact for name, fact in facts.items()}
    logger.info(make_line("security", line))


def hash_email(email: str) -> str:
    """Return the hash by which the log names an email address: keyed, so that nobody else can test a guess."""
    key = hashlib.sha256(f"{HASH_DOMAIN} {current_app.config['SECRET_KEY']}".encode()).digest()
    return hmac.new(key, email.strip().lower().encode(), hashlib.sha256).hexdigest()[:16]


def init_app() -> None:
    """Send the lines to standard error."""
    add_handler(logger)
