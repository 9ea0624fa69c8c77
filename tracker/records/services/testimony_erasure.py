"""Erasure of what was typed about witnesses who did not sign. docs/rules.md, Witness testimonies, rule 17."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, delete, exists, or_, select, union_all, update

from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import lock_rows, reading, transaction
from tracker.models import DeliveryFailure, Person, Registration, RetentionHold, UnitAttempt, WitnessTestimony
from tracker.records.services.testimony_requests import KEPT_AFTER_END
from tracker.vocabulary import ERASED_TEXT

MAX_AT_ONCE = 200
"""The most requests that one run of the job erases; the others follow a minute later."""


def erase_ended_requests() -> None:
    """Erase what was typed about a witness who did not sign, 30 days after the link ended. A job of every minute."""
    ended = now() - KEPT_AFTER_END
    is_due = (
        ~_is_on_hold(),
        WitnessTestimony.signed_at.is_(None),
        WitnessTestimony.email != ERASED_TEXT,
        or_(
            WitnessTestimony.expires_at <= ended,
            WitnessTestimony.withdrawn_at <= ended,
            WitnessTestimony.declined_at <= ended,
        ),
    )
    query = (
        select(WitnessTestimony.id, WitnessTestimony.email, UnitAttempt.registration_id)
        .join(UnitAttempt, UnitAttempt.id == WitnessTestimony.attempt_id)
        .where(*is_due)
        .order_by(WitnessTestimony.id)
        .limit(MAX_AT_ONCE)
    )
    with reading():
        due = db.session.execute(query).all()
    if due:
        with transaction():
            lock_rows(Registration, [row.registration_id for row in due])  # a hold comes wholly before or after this
            erased = dict.fromkeys(("email", "witness_name", "title", "place"), ERASED_TEXT)
            of_these = WitnessTestimony.id.in_([row.id for row in due])
            db.session.execute(
                update(WitnessTestimony).where(of_these, *is_due).values(**erased, decline_reason="", code=None)
            )
            forget_failures({row.email for row in due})


def forget_failures(addresses: Collection[str]) -> None:
    """Delete what is known of emails that did not reach witnesses, where neither a person nor a request needs it."""
    needed = union_all(
        select(Person.email).where(Person.email.in_(addresses)),
        select(WitnessTestimony.email).where(WitnessTestimony.email.in_(addresses)),
    ).subquery()
    db.session.execute(
        delete(DeliveryFailure).where(
            DeliveryFailure.address.in_(addresses), DeliveryFailure.address.not_in(select(needed.c.email))
        )
    )


def _is_on_hold() -> ColumnElement[bool]:
    """Return as SQL whether the candidate of a testimony is on retention hold at its centre.

    docs/rules.md, Retention and erasure, rule 4.
    """
    return (
        exists()
        .where(
            UnitAttempt.id == WitnessTestimony.attempt_id,
            Registration.candidate_id == UnitAttempt.candidate_id,
            Registration.centre_id == UnitAttempt.centre_id,
            RetentionHold.registration_id == Registration.id,
            RetentionHold.lifted_at.is_(None),
        )
        .correlate(WitnessTestimony)
    )
