"""Records of assessment that wait for their author or an internal verifier; the home page has the candidate's."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from tracker.clock import now
from tracker.matrix.record_standing import compute_standing, select_last_answer
from tracker.models import (
    Acknowledgement,
    Allocation,
    Claim,
    Evidence,
    EvidenceVersion,
    Person,
    RecordWithdrawal,
    Registration,
    Submission,
    UnitAttempt,
)
from tracker.registrations.current_allocations import is_current
from tracker.registrations.separation_of_duties import list_assessed
from tracker.statements import fetch_rows, ids
from tracker.vocabulary import AcknowledgementAnswer, AttemptState, RecordKind, RecordStanding, Role
from tracker.web.record_authors import is_allocated_to_author

ENDED_SHOWN = timedelta(days=30)
"""How long an author's list shows a record after an objection to it was upheld, or they withdrew it."""


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
            RecordWithdrawal.id.is_not(None).label("is_withdrawn"),
        )
        .select_from(Evidence)
        .join(AUTHOR, AUTHOR.id == Evidence.author_id)
        .join(CANDIDATE, CANDIDATE.id == Evidence.candidate_id)
        .outerjoin(EvidenceVersion, is_newest)
        .outerjoin(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .outerjoin(RecordWithdrawal, RecordWithdrawal.evidence_version_id == EvidenceVersion.id)
        .where(Evidence.discarded_at.is_(None))
        .order_by(Evidence.updated_at, Evidence.id)
    )


IS_IN_USE = (UnitAttempt.state != AttemptState.VOID, Registration.withdrawn_at.is_(None))
"""The conditions of a unit in which a record can be answered: it is not void, and its candidate not withdrawn."""


def is_claimed_in_use() -> ColumnElement[bool]:
    """Return as SQL whether a statement's `Evidence` claims criteria in a unit that is in use."""
    return (
        select(Claim.id)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(Claim.evidence_id == Evidence.id, Claim.removed_at.is_(None), *IS_IN_USE)
        .correlate(Evidence)
        .exists()
    )


IS_OBJECTED = and_(select_last_answer() == AcknowledgementAnswer.OBJECTED, Submission.withdrawn_at.is_(None))
IS_UNANSWERED = and_(select_last_answer().is_(None), Submission.withdrawn_at.is_(None))
UPHELD_LATELY = (
    select(Acknowledgement.id)
    .where(
        Acknowledgement.evidence_version_id == EvidenceVersion.id,
        Acknowledgement.answer == AcknowledgementAnswer.UPHELD,
        Acknowledgement.acknowledged_at > bindparam("ended_since"),
    )
    .correlate(EvidenceVersion)
    .exists()
)
UNSETTLED_OF_AUTHOR = _select_lines().where(
    Evidence.author_id == bindparam("person_id"),
    Evidence.record_kind != RecordKind.WITNESS_TESTIMONY,
    is_allocated_to_author(),
    or_(
        EvidenceVersion.id.is_(None),
        and_(or_(IS_UNANSWERED, IS_OBJECTED), is_claimed_in_use()),
        UPHELD_LATELY,
        RecordWithdrawal.withdrawn_at > bindparam("ended_since"),
    ),
)
"""An author's drafts, what has no answer or no decision yet, and what was upheld or withdrawn lately."""
OBJECTIONS = _select_lines().where(
    IS_OBJECTED,
    Evidence.id.in_(
        select(Claim.evidence_id)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            Claim.removed_at.is_(None),
            *IS_IN_USE,
            Allocation.person_id == bindparam("person_id"),
            Allocation.role == Role.INTERNAL_VERIFIER,
            is_current(),
        )
    ),
    Evidence.author_id != bindparam("person_id"),
)
CLAIMED_ATTEMPTS = select(Claim.evidence_id, Claim.attempt_id).where(
    Claim.evidence_id.in_(ids("record_ids")), Claim.removed_at.is_(None)
)


def list_unsettled_records(person_id: int) -> list[RecordLine]:
    """List an author's drafts, their records that wait for an answer or a decision, and those that ended lately.

    The last are those whose objection was upheld, and those that they withdrew: from there they write a new version.
    A record that claims nothing in a unit in use cannot be answered (docs/rules.md, Records of assessment, rule 13).
    """
    return _build_lines(fetch_rows(UNSETTLED_OF_AUTHOR, person_id=person_id, ended_since=now() - ENDED_SHOWN))


def list_objections(person_id: int) -> list[RecordLine]:
    """List the records whose candidate objected, for an internal verifier who may decide it.

    `tracker.records.queries.reading.list_deciders` has the same conditions for the page of one record.
    """
    lines = _build_lines(fetch_rows(OBJECTIONS, person_id=person_id))
    if not lines:
        return []
    claimed = fetch_rows(CLAIMED_ATTEMPTS, record_ids=[line.record_id for line in lines])
    assessed = {attempt_id for _, attempt_id in list_assessed([person_id], {row.attempt_id for row in claimed})}
    excluded = {row.evidence_id for row in claimed if row.attempt_id in assessed}
    return [line for line in lines if line.record_id not in excluded]


def _build_lines(rows: Any) -> list[RecordLine]:
    return [RecordLine(*(*row[:8], _find_standing(row))) for row in rows]


def _find_standing(row: Any) -> RecordStanding | None:
    return compute_standing(row.answer, is_withdrawn=row.is_withdrawn) if row.version_id else None
