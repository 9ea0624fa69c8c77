"""Records of assessment that wait for their author or an internal verifier; the home page has the candidate's."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from tracker.matrix.record_standing import compute_standing, select_last_answer
from tracker.models import Allocation, Claim, Evidence, EvidenceVersion, Person, UnitAttempt
from tracker.registrations.current_allocations import is_current
from tracker.statements import fetch_rows
from tracker.vocabulary import AcknowledgementAnswer, RecordKind, RecordStanding, Role
from tracker.web.record_authors import is_allocated_to_author

UNSETTLED = (AcknowledgementAnswer.OBJECTED, AcknowledgementAnswer.UPHELD)


@dataclass(frozen=True, slots=True)
class RecordLine:
    """A record of assessment in a list."""

    record_id: int
    kind: RecordKind
    number: int | None
    title: str
    happened_from: date | None
    candidate: str
    author: str
    since: datetime
    """When its newest version was finished; of a draft, when it was last saved."""
    standing: RecordStanding | None
    """None for a draft that was never finished."""


AUTHOR, CANDIDATE = aliased(Person), aliased(Person)
NEWEST = aliased(EvidenceVersion)


def _select_lines() -> Select[*tuple[Any, ...]]:
    """Select records with their newest version, withdrawn or not, and the last answer to it."""
    newest = (
        select(func.max(NEWEST.number)).where(NEWEST.evidence_id == Evidence.id).correlate(Evidence).scalar_subquery()
    )
    is_newest = and_(EvidenceVersion.evidence_id == Evidence.id, EvidenceVersion.number == newest)
    return (
        select(
            Evidence.id,
            Evidence.record_kind,
            Evidence.number,
            func.coalesce(EvidenceVersion.title, Evidence.title),
            func.coalesce(EvidenceVersion.happened_from, Evidence.happened_from),
            CANDIDATE.name,
            AUTHOR.name,
            func.coalesce(EvidenceVersion.sealed_at, Evidence.updated_at),
            EvidenceVersion.id.label("version_id"),
            select_last_answer().label("answer"),
        )
        .select_from(Evidence)
        .join(AUTHOR, AUTHOR.id == Evidence.author_id)
        .join(CANDIDATE, CANDIDATE.id == Evidence.candidate_id)
        .outerjoin(EvidenceVersion, is_newest)
        .where(Evidence.discarded_at.is_(None))
        .order_by(Evidence.updated_at, Evidence.id)
    )


IS_OBJECTED = select_last_answer() == AcknowledgementAnswer.OBJECTED
UNSETTLED_OF_AUTHOR = _select_lines().where(
    Evidence.author_id == bindparam("person_id"),
    is_allocated_to_author(),
    or_(select_last_answer().is_(None), select_last_answer().in_(UNSETTLED)),
)
OBJECTIONS = _select_lines().where(
    IS_OBJECTED,
    Evidence.author_id.is_not(None),
    Evidence.id.in_(
        select(Claim.evidence_id)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            Claim.removed_at.is_(None),
            Allocation.person_id == bindparam("person_id"),
            Allocation.role == Role.INTERNAL_VERIFIER,
            is_current(),
        )
    ),
)


def list_unsettled_records(person_id: int) -> list[RecordLine]:
    """List an author's drafts, and their records that wait for an answer, were objected to, or do not count."""
    return _build_lines(fetch_rows(UNSETTLED_OF_AUTHOR, person_id=person_id))


def list_objections(person_id: int) -> list[RecordLine]:
    """List the records whose candidate objected, for the internal verifier to whom a unit of them is allocated."""
    return _build_lines(fetch_rows(OBJECTIONS, person_id=person_id))


def _build_lines(rows: Any) -> list[RecordLine]:
    return [RecordLine(*(*row[:8], compute_standing(row.answer) if row.version_id else None)) for row in rows]
