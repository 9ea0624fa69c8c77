"""Witnesses who do not answer: one reminder, then the asker is told. docs/rules.md, Witness testimonies, rule 15."""

import secrets
from datetime import timedelta

from sqlalchemy import and_, false, func, or_, select

from tracker.accounts.sessions import hash_token
from tracker.background import emails
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import lock_rows, reading, transaction
from tracker.models import DeliveryFailure, Registration, UnitAttempt, WitnessTestimony
from tracker.records.services.testimony_requests import KEPT_AFTER_END
from tracker.records.testimony_emails import notify_of_failure, notify_of_silence, send_reminder
from tracker.vocabulary import AttemptState

REMIND_AFTER = timedelta(days=10)
TELL_AFTER = timedelta(days=7)
"""How long after the reminder the asker is told."""
MAX_AT_ONCE = 50
"""The most requests in one run of the job; the others follow a minute later."""


def follow_up_requests() -> None:
    """Remind witnesses who have not answered, and tell the askers when that did not help or an email did not arrive.

    A job of every minute.
    """
    if not emails.can_deliver():
        return
    with reading():
        due = _list_due()
    for id_, _ in due:
        with transaction():
            lock_rows(WitnessTestimony, [id_])
            for _, has_failed in _list_due(id_):  # the witness may have answered meanwhile
                _follow_up(db.session.get_one(WitnessTestimony, id_), has_failed=has_failed)


def _list_due(id_: int | None = None) -> list[tuple[int, bool]]:
    """List the requests that are to be followed up now, and whether the email server refused the email of each.

    Args:
        id_: list this request alone.
    """
    moment = now()
    is_open = WitnessTestimony.expires_at > moment
    has_failed = DeliveryFailure.failed_at >= func.coalesce(WitnessTestimony.reminded_at, WitnessTestimony.asked_at)
    is_untold = or_(
        WitnessTestimony.asker_told_at.is_(None), WitnessTestimony.asker_told_at < WitnessTestimony.reminded_at
    )
    query = (
        select(WitnessTestimony.id, func.coalesce(has_failed, false()))
        .join(UnitAttempt, UnitAttempt.id == WitnessTestimony.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .outerjoin(DeliveryFailure, DeliveryFailure.address == WitnessTestimony.email)
        .where(
            WitnessTestimony.signed_at.is_(None),
            ~WitnessTestimony.is_in_person,
            WitnessTestimony.withdrawn_at.is_(None),
            WitnessTestimony.declined_at.is_(None),
            WitnessTestimony.expires_at > moment - KEPT_AFTER_END,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
            or_(
                and_(has_failed, is_untold),
                and_(
                    is_open,
                    WitnessTestimony.reminded_at.is_(None),
                    WitnessTestimony.asked_at <= moment - REMIND_AFTER,
                ),
                and_(WitnessTestimony.reminded_at <= moment - TELL_AFTER, is_untold),
                and_(~is_open, is_untold),
            ),
        )
        .order_by(WitnessTestimony.id)
        .limit(MAX_AT_ONCE)
    )
    rows = db.session.execute(query if id_ is None else query.where(WitnessTestimony.id == id_))
    return [(row[0], bool(row[1])) for row in rows]


def _follow_up(testimony: WitnessTestimony, *, has_failed: bool) -> None:
    told, reminded = testimony.asker_told_at, testimony.reminded_at
    # Whoever was told that the first email failed is told what becomes of the reminder too.
    if has_failed and (told is None or (reminded is not None and told < reminded)):
        testimony.asker_told_at = now()
        notify_of_failure(testimony)
    elif testimony.reminded_at is None and testimony.expires_at > now():
        token = secrets.token_urlsafe(32)
        testimony.token_hash, testimony.reminded_at = hash_token(token), now()
        send_reminder(testimony, token)
    else:
        testimony.asker_told_at = now()
        notify_of_silence(testimony)
