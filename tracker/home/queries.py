"""What home pages say: a candidate's next steps and units, an administrator's open ends."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.matrix import Progress, has_submission, summarise_attempts
from tracker.models import (
    Allocation,
    Claim,
    Evidence,
    EvidenceVersion,
    Grant,
    Person,
    Registration,
    Review,
    Unit,
    UnitAttempt,
)
from tracker.vocabulary import AttemptState, ReviewOutcome, ReviewState, Role

MOST_STEPS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One line of *Next for you*: a verb, what it leads to, and how long it has waited."""

    words: str
    endpoint: str
    values: dict[str, int]
    since: datetime | None


@dataclass(frozen=True, slots=True)
class UnitRow:
    attempt_id: int
    code: str
    title: str
    state: AttemptState
    round: int
    holder: str | None
    since: datetime | None
    progress: Progress


@dataclass(frozen=True, slots=True)
class Item:
    evidence_id: int
    number: int | None
    title: str
    updated_at: datetime


def list_units(person_id: int, centre_ids: tuple[int, ...]) -> list[UnitRow]:
    """A candidate's units with their holders and progress; three statements."""
    query = (
        select(
            UnitAttempt.id,
            Unit.code,
            Unit.title,
            UnitAttempt.state,
            UnitAttempt.round,
            Person.name,
            Allocation.from_at,
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .outerjoin(
            Allocation,
            and_(
                Allocation.attempt_id == UnitAttempt.id,
                Allocation.role == Role.ASSESSOR,
                Allocation.until_at.is_(None),
            ),
        )
        .outerjoin(Person, Person.id == Allocation.person_id)
        .where(
            UnitAttempt.candidate_id == person_id,
            UnitAttempt.centre_id.in_(centre_ids),
            UnitAttempt.state != AttemptState.VOID,
            Registration.withdrawn_at.is_(None),
        )
        .order_by(UnitAttempt.id)
    )
    rows = db.session.execute(query).all()
    progress = summarise_attempts([row[0] for row in rows], with_drafts=True)
    return [UnitRow(*row, progress=progress.get(row[0], Progress(0, 0, 0))) for row in rows]


def list_latest(person_id: int, centre_ids: tuple[int, ...]) -> list[Item]:
    query = (
        select(Evidence.id, Evidence.number, Evidence.title, Evidence.updated_at)
        .where(
            Evidence.candidate_id == person_id, Evidence.centre_id.in_(centre_ids), Evidence.discarded_at.is_(None)
        )
        .order_by(Evidence.updated_at.desc(), Evidence.id.desc())
        .limit(5)
    )
    return [Item(*row) for row in db.session.execute(query)]


def list_steps(person_id: int, centre_ids: tuple[int, ...], units: list[UnitRow]) -> list[Step]:
    """At most three things to do next, what waits on others' account first."""
    steps = [
        Step(
            f"Confirm {row.code}: your assessor has signed it",
            "assessment.confirm_unit",
            {"attempt_id": row.attempt_id},
            None,
        )
        for row in units
        if row.state is AttemptState.ASSESSED
    ]
    steps += _feedback_steps(person_id, centre_ids)
    steps += _unfinished_steps(person_id, centre_ids)
    steps += [
        Step(
            f"Close a gap in {row.code}: {row.progress.total - row.progress.claimed} criteria have nothing yet",
            "portfolio.show_attempt",
            {"attempt_id": row.attempt_id},
            None,
        )
        for row in units
        if row.state is AttemptState.IN_PROGRESS and 0 < row.progress.claimed < row.progress.total
    ]
    return steps[:MOST_STEPS]


def _feedback_steps(person_id: int, centre_ids: tuple[int, ...]) -> list[Step]:
    """Items whose newest version was returned and has not been answered by another."""
    later = aliased(EvidenceVersion)
    newer = select(later.id).where(
        later.evidence_id == EvidenceVersion.evidence_id, later.number > EvidenceVersion.number
    )
    newer_review = aliased(Review)
    reviewed_again = select(newer_review.id).where(
        newer_review.attempt_id == Review.attempt_id,
        newer_review.evidence_version_id == Review.evidence_version_id,
        newer_review.state == ReviewState.RELEASED,
        newer_review.id > Review.id,
    )
    query = (
        select(Evidence.id, Evidence.number, Person.name, func.min(Review.released_at))
        .join(EvidenceVersion, EvidenceVersion.id == Review.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .join(Person, Person.id == Review.assessor_id)
        .join(UnitAttempt, UnitAttempt.id == Review.attempt_id)
        .where(
            Evidence.candidate_id == person_id,
            Evidence.centre_id.in_(centre_ids),
            Review.state == ReviewState.RELEASED,
            Review.outcome == ReviewOutcome.RETURNED,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            ~newer.exists(),
            ~reviewed_again.exists(),
        )
        .group_by(Evidence.id, Evidence.number, Person.name)
        .order_by(func.min(Review.released_at))
        .limit(MOST_STEPS)
    )
    return [
        Step(
            f"Answer {name.split()[0]}'s feedback on evidence {number}",
            "portfolio.show_evidence",
            {"evidence_id": evidence_id},
            since,
        )
        for evidence_id, number, name, since in db.session.execute(query)
    ]


def _unfinished_steps(person_id: int, centre_ids: tuple[int, ...]) -> list[Step]:
    """Drafts to hand in, and items that serve no criterion yet."""
    claimed = select(Claim.id).where(Claim.evidence_id == Evidence.id, Claim.removed_at.is_(None)).exists()
    handed_in = has_submission(Evidence.id)
    query = (
        select(Evidence.id, Evidence.title, claimed, Evidence.updated_at)
        .where(
            Evidence.candidate_id == person_id,
            Evidence.centre_id.in_(centre_ids),
            Evidence.discarded_at.is_(None),
            ~(claimed & handed_in),
        )
        .order_by(Evidence.updated_at)
        .limit(MOST_STEPS)
    )
    return [
        Step(f"Submit “{title or 'Untitled draft'}”", "portfolio.show_evidence", {"evidence_id": evidence_id}, since)
        if is_claimed
        else Step(
            f"Claim criteria for “{title or 'Untitled draft'}”: it serves none yet",
            "portfolio.choose_criteria",
            {"evidence_id": evidence_id},
            since,
        )
        for evidence_id, title, is_claimed, since in db.session.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class OpenEnds:
    """What waits for an administrator."""

    unallocated: list[tuple[int, str, str, datetime]]
    """Registration, candidate, unit code, since when."""
    invited: list[tuple[int, str, datetime]]
    """Person, name, since when."""
    withdrawn: list[tuple[int, str, datetime | None]]
    held_longest: list[tuple[int, str, str, str, datetime]]
    """Registration, candidate, unit code, assessor, since when."""


def find_open_ends(centre_id: int) -> OpenEnds:
    """Four statements, each bounded."""
    return OpenEnds(_unallocated(centre_id), _invited(centre_id), _withdrawn(centre_id), _held_longest(centre_id))


def _assessing() -> ColumnElement[bool]:
    return and_(
        Allocation.attempt_id == UnitAttempt.id, Allocation.role == Role.ASSESSOR, Allocation.until_at.is_(None)
    )


def _unallocated(centre_id: int) -> list[tuple[int, str, str, datetime]]:
    query = (
        select(UnitAttempt.registration_id, Person.name, Unit.code, UnitAttempt.started_at)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .outerjoin(Allocation, _assessing())
        .where(
            UnitAttempt.centre_id == centre_id,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
            Allocation.id.is_(None),
        )
        .order_by(UnitAttempt.started_at)
        .limit(10)
    )
    return list(db.session.execute(query))


def _invited(centre_id: int) -> list[tuple[int, str, datetime]]:
    query = (
        select(Person.id, Person.name, Person.created_at)
        .where(
            Person.password_hash.is_(None),
            Person.deactivated_at.is_(None),
            Person.id.in_(select(Grant.person_id).where(Grant.centre_id == centre_id)),
        )
        .order_by(Person.created_at)
        .limit(10)
    )
    return list(db.session.execute(query))


def _withdrawn(centre_id: int) -> list[tuple[int, str, datetime | None]]:
    query = (
        select(Registration.id, Person.name, Registration.withdrawn_at)
        .join(Person, Person.id == Registration.candidate_id)
        .where(Registration.centre_id == centre_id, Registration.withdrawn_at.is_not(None))
        .order_by(Registration.withdrawn_at.desc())
        .limit(5)
    )
    return list(db.session.execute(query))


def _held_longest(centre_id: int) -> list[tuple[int, str, str, str, datetime]]:
    candidate, assessor = aliased(Person), aliased(Person)
    query = (
        select(UnitAttempt.registration_id, candidate.name, Unit.code, assessor.name, Allocation.from_at)
        .join(candidate, candidate.id == UnitAttempt.candidate_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(Allocation, _assessing())
        .join(assessor, assessor.id == Allocation.person_id)
        .where(
            UnitAttempt.centre_id == centre_id,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
        )
        .order_by(Allocation.from_at)
        .limit(10)
    )
    return list(db.session.execute(query))
