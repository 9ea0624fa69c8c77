"""Witnesses who do not answer: one reminder, then the asker is told. docs/rules.md, Witness testimonies, rule 15."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import and_, or_, select

from tracker.accounts.sessions import hash_token
from tracker.background import emails
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import lock_rows, reading, transaction
from tracker.models import Registration, UnitAttempt, WitnessTestimony
from tracker.records.services.testimony_requests import KEPT_AFTER_END
from tracker.records.testimony_emails import notify_of_silence, send_reminder
from tracker.vocabulary import AttemptState

REMIND_AFTER = timedelta(days=10)
TELL_AFTER = timedelta(days=7)
"""How long after the reminder the asker is told."""
MAX_AT_ONCE = 50
"""The most requests in one run of the job; the others follow a minute later."""


def follow_up_requests() -> None:
    """Remind witnesses who have not answered, and tell the askers when that did not help. A job of every minute."""
    if not emails.can_deliver():
        return
    with reading():
        due = _list_due()
    for id_ in due:
        with transaction():
            lock_rows(WitnessTestimony, [id_])
            if _list_due(id_):  # the witness may have answered meanwhile
                _follow_up(db.session.get_one(WitnessTestimony, id_))


def _list_due(id_: int | None = None) -> Sequence[int]:
    """List the requests that are to be followed up now; of one request alone, if its id is given."""
    moment = now()
    is_open = WitnessTestimony.expires_at > moment
    query = (
        select(WitnessTestimony.id)
        .join(UnitAttempt, UnitAttempt.id == WitnessTestimony.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            WitnessTestimony.signed_at.is_(None),
            ~WitnessTestimony.is_in_person,
            WitnessTestimony.withdrawn_at.is_(None),
            WitnessTestimony.declined_at.is_(None),
            WitnessTestimony.asker_told_at.is_(None),
            WitnessTestimony.expires_at > moment - KEPT_AFTER_END,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
            or_(
                and_(
                    is_open,
                    WitnessTestimony.reminded_at.is_(None),
                    WitnessTestimony.asked_at <= moment - REMIND_AFTER,
                ),
                WitnessTestimony.reminded_at <= moment - TELL_AFTER,
                ~is_open,
            ),
        )
        .order_by(WitnessTestimony.id)
        .limit(MAX_AT_ONCE)
    )
    return db.session.scalars(query if id_ is None else query.where(WitnessTestimony.id == id_)).all()


def _follow_up(testimony: WitnessTestimony) -> None:
    if testimony.reminded_at is None and testimony.expires_at > now():
        token = secrets.token_urlsafe(32)
        testimony.token_hash, testimony.reminded_at = hash_token(token), now()
        send_reminder(testimony, token)
        return
    testimony.asker_told_at = now()
    notify_of_silence(testimony)
