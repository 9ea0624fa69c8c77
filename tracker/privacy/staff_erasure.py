"""Erasure of what people wrote in a staff record, once its person has long ceased to assess and verify at the centre.

Awards, their dates and units of competence are kept, since decisions and signatures rest on them (docs/rules.md,
Retention and erasure, rule 12).
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select

from tracker.clock import day_of, now, today
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Base, CpdEntry, Grant, InterestDeclaration, StaffAward, StaffCompetence, StaffErasure
from tracker.privacy.erased_texts import delete_text_salts, erase_texts
from tracker.registrations.retention_periods import find_last_day_kept
from tracker.staff.members import StaffMember
from tracker.staff.services.checks import check_another_person
from tracker.vocabulary import ERASED_TEXT

TEXTS_OF_STAFF: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (StaffAward, ("title", "awarding_body", "certificate_number", "removed_reason")),
    (StaffCompetence, ("sector", "basis", "removed_reason")),
    (CpdEntry, ("title", "learning", "evidence", "removed_reason")),
    (InterestDeclaration, ("interest", "answer", "ended_reason")),
)


@dataclass(frozen=True)
class StaffRetention:
    """Until when a staff record is kept, and whether something of it is left to erase."""

    ended_on: date | None
    """The day on which the last role as assessor or verifier at the centre ended; None if one runs or is to begin."""
    until: date | None
    has_texts: bool

    @property
    def is_due(self) -> bool:
        """Return whether the period is over and something is left."""
        return self.has_texts and self.until is not None and self.until < today()


def find_staff_retention(member: StaffMember) -> StaffRetention:
    """Return until when a person's staff record at a centre is kept.

    After the last role ended, or the account was closed, it is kept as long as the centre keeps decisions, by the
    longest of its retention rules.
    """
    if member.ended_at is None:
        return StaffRetention(None, None, has_texts=True)
    ended_on = day_of(member.ended_at)
    until = find_last_day_kept(member.centre.id, ended_on)
    return StaffRetention(ended_on, until, any(_has_text(row, names) for row, names in _load_texts(member)))


def erase_staff_record(member: StaffMember, actor: Actor) -> StaffErasure:
    """Erase what people wrote in a person's staff record at a centre.

    Args:
        member: whose record it is.
        actor: an administrator of the centre.

    Raises:
        Refused: it is the administrator's own, the person has a role again, the period has not ended, or nothing is
            left.
    """
    erased_by_id = check_another_person(member.person, actor)
    lock_rows(Grant, [grant.id for grant in member.grants])
    retention = find_staff_retention(member)
    if not retention.is_due or retention.until is None or retention.ended_on is None:
        raise Refused(
            "This staff record is not due for erasure now: its person has a role, its retention period has not "
            "ended, or it was erased already. Nothing was erased."
        )
    rows = _load_texts(member)
    erase_texts(rows)
    erasure = StaffErasure(
        person_id=member.person.id, centre_id=member.centre.id, erased_at=now(), erased_by_id=erased_by_id
    )
    db.session.add(erasure)
    db.session.flush()
    delete_text_salts(row for row, _ in rows)
    record(
        "staff_record_erased", erasure, actor, person=member.person.id, centre=member.centre.id,
        ended=str(retention.ended_on), until=str(retention.until),
    )  # fmt: skip
    return erasure


def _load_texts(member: StaffMember) -> list[tuple[Base, tuple[str, ...]]]:
    """Return every row of the staff record, each with its columns of text."""
    return [
        (row, names)
        for model, names in TEXTS_OF_STAFF
        for row in db.session.scalars(
            select(model)
            .where(model.person_id == member.person.id, model.centre_id == member.centre.id)
            .order_by(model.id)
        )
    ]


def _has_text(row: Base, names: tuple[str, ...]) -> bool:
    return any(getattr(row, name) not in {None, "", ERASED_TEXT} for name in names)
