"""Queries for an assessor's queue: evidence to assess, units to sign off, action points to answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from sqlalchemy import CTE, Select, and_, func, literal, or_, select

from tracker.assessment.services.sign_off_checks import load_sign_off_counts
from tracker.clock import start_of_day, today
from tracker.extensions import db
from tracker.matrix import summarise_attempts
from tracker.matrix.record_standing import counts
from tracker.models import (
    ActionPoint,
    Allocation,
    Assessment,
    Claim,
    Decision,
    Evidence,
    EvidenceVersion,
    Person,
    Registration,
    Submission,
    Unit,
    UnitAttempt,
)
from tracker.models.base import UtcDateTime
from tracker.registrations.current_allocations import is_current
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Role

LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""A time later than any claim."""


@dataclass(frozen=True, slots=True)
class EvidenceToAssess:
    """An item to assess in one unit."""

    attempt_id: int
    evidence_id: int
    number: int
    title: str
    version_number: int
    candidate_id: int
    candidate: str
    code: str
    claim_count: int
    """The number of claims to decide."""
    queued_at: datetime
    """When the item entered the queue: at its submission, or with a claim added later."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An item in the queue, with every unit in which it is to be assessed."""

    entries: tuple[EvidenceToAssess, ...]

    @property
    def first(self) -> EvidenceToAssess:
        """The item in the unit that is shown first."""
        return self.entries[0]

    @property
    def codes(self) -> tuple[str, ...]:
        """The units' codes."""
        return tuple(entry.code for entry in self.entries)

    @property
    def claim_count(self) -> int:
        """The number of claims to decide."""
        return sum(entry.claim_count for entry in self.entries)

    @property
    def queued_at(self) -> datetime:
        """When the item entered the queue, in whichever unit came first."""
        return min(entry.queued_at for entry in self.entries)


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """The position of an item in the queue, and the items beside it."""

    position: int | None
    """Counted from one; None if the item is not in the queue."""
    length: int
    previous: EvidenceToAssess | None
    following: EvidenceToAssess | None

    @property
    def next_to_assess(self) -> EvidenceToAssess | None:
        """The item to open after this one."""
        return self.following or self.previous


@dataclass(frozen=True, slots=True)
class UnitToSign:
    """An attempt in progress that its assessor can sign off once the evidence requirements are confirmed."""

    attempt_id: int
    code: str
    candidate: str
    requirements: int
    """Evidence requirements that are still to be confirmed."""


def list_evidence_to_assess(person_id: int) -> list[EvidenceToAssess]:
    """List the items with claims that this assessor must still decide, oldest first. Runs one SQL statement.

    Items returned to the candidate are left out, and so are finished assessments that can still be undone, and
    records that do not count yet.
    """
    undecided = _select_undecided_by_item(person_id).cte("undecided").prefix_with("MATERIALIZED")
    query = (
        select(
            undecided.c.attempt_id,
            undecided.c.evidence_id,
            Evidence.number,
            EvidenceVersion.title,
            EvidenceVersion.number,
            UnitAttempt.candidate_id,
            Person.name,
            Unit.code,
            undecided.c.claims,
            undecided.c.claimed_at,
            Submission.submitted_at,
        )
        .join(UnitAttempt, UnitAttempt.id == undecided.c.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Evidence, Evidence.id == undecided.c.evidence_id)
        .join(EvidenceVersion, EvidenceVersion.id == undecided.c.version_id)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(counts())
    )
    rows = [
        EvidenceToAssess(
            attempt_id=row[0],
            evidence_id=row[1],
            number=row[2] or 0,
            title=row[3],
            version_number=row[4],
            candidate_id=row[5],
            candidate=row[6],
            code=row[7],
            claim_count=row[8],
            queued_at=max(row[9], row[10]),  # a claim added after the submission enters the queue then
        )
        for row in db.session.execute(query)
    ]
    return sorted(rows, key=lambda entry: (entry.queued_at, entry.evidence_id, entry.attempt_id))


def _select_undecided_by_item(person_id: int) -> Select[int, int, int, int, datetime]:
    """Select, per attempt and item, the claims without a live decision on the newest version.

    Everything is restricted to the assessor's open attempts first, so that nobody else's claims are read: by `IN`, as
    SQLite reads a joined table from one end to the other where that is the order of the groups. The newest version is
    looked up once for each item of an attempt: to look it up for each claim took five times as long.
    """
    open_attempts = _select_open_attempts(person_id).cte("open_attempts").prefix_with("MATERIALIZED")
    latest = _select_latest_versions(open_attempts).cte("latest").prefix_with("MATERIALIZED")
    assessed = _select_assessed_until(open_attempts).cte("assessed").prefix_with("MATERIALIZED")
    is_decided_on_latest = and_(
        Decision.claim_id == Claim.id,
        Decision.superseded_at.is_(None),
        Decision.evidence_version_id == latest.c.version_id,
    )
    return (
        select(
            Claim.attempt_id,
            Claim.evidence_id,
            latest.c.version_id,
            func.count(Claim.id).label("claims"),
            func.max(Claim.claimed_at).label("claimed_at"),
        )
        .select_from(Claim)
        .join(
            latest,
            and_(latest.c.attempt_id == Claim.attempt_id, latest.c.evidence_id == Claim.evidence_id),
        )
        .outerjoin(Decision, is_decided_on_latest)
        .outerjoin(
            assessed,
            and_(assessed.c.attempt_id == Claim.attempt_id, assessed.c.version_id == latest.c.version_id),
        )
        .where(
            Claim.attempt_id.in_(select(open_attempts)),
            Claim.removed_at.is_(None),
            Decision.id.is_(None),
            or_(assessed.c.until.is_(None), assessed.c.until < Claim.claimed_at),
        )
        .group_by(Claim.attempt_id, Claim.evidence_id, latest.c.version_id)
    )


def _select_latest_versions(open_attempts: CTE) -> Select[int, int, int | None]:
    """Select the items with claims in these attempts, and the newest version of each that was not withdrawn.

    An item of two attempts is there twice.
    """
    items = (
        select(Claim.attempt_id, Claim.evidence_id)
        .where(Claim.attempt_id.in_(select(open_attempts)), Claim.removed_at.is_(None))
        .distinct()
        .subquery("items")
    )
    newest = (
        select(func.max(EvidenceVersion.id))
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(EvidenceVersion.evidence_id == items.c.evidence_id, Submission.withdrawn_at.is_(None))
        .scalar_subquery()
    )
    return select(items.c.attempt_id, items.c.evidence_id, newest.label("version_id"))


def _select_assessed_until(open_attempts: CTE) -> Select[int, int, datetime]:
    """Select, per attempt and version, the time up to which claims were assessed: returned, or still undoable.

    While an assessment waits for its countersigner, all claims count as assessed.
    """
    return (
        select(
            Assessment.attempt_id,
            Assessment.evidence_version_id.label("version_id"),
            func.max(
                func.coalesce(Assessment.release_after, Assessment.released_at, literal(LATEST, UtcDateTime()))
            ).label("until"),
        )
        .where(
            Assessment.attempt_id.in_(select(open_attempts)),
            or_(
                Assessment.release_after.is_not(None),
                Assessment.state == AssessmentState.AWAITING_COUNTERSIGNATURE,
                and_(Assessment.state == AssessmentState.RELEASED, Assessment.outcome == AssessmentOutcome.RETURNED),
            ),
        )
        .group_by(Assessment.attempt_id, Assessment.evidence_version_id)
    )


def _select_open_attempts(person_id: int) -> Select[int]:
    """Select the attempts allocated to this assessor that can be assessed now."""
    return (
        select(Allocation.attempt_id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            Allocation.person_id == person_id,
            Allocation.role == Role.ASSESSOR,
            is_current(),
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
        )
    )


def group_by_item(queue: Iterable[EvidenceToAssess]) -> list[QueueItem]:
    """Group the queue by item, oldest first."""
    by_item = sorted(queue, key=attrgetter("evidence_id"))
    rows = [QueueItem(tuple(entries)) for _, entries in groupby(by_item, key=attrgetter("evidence_id"))]
    return sorted(rows, key=lambda row: (row.queued_at, row.first.evidence_id))


def filter_queue(
    queue: Iterable[EvidenceToAssess], candidate: int = 0, unit: str = "", q: str = ""
) -> list[EvidenceToAssess]:
    """Return the entries that the filters and the search of the queue leave.

    Args:
        queue: the assessor's evidence to assess.
        candidate: the candidate's id; 0 for all.
        unit: the unit's code; empty for all.
        q: words in the candidate's name, the title of the item or the unit's code; empty for all.
    """
    words = q.lower()
    return [
        entry
        for entry in queue
        if candidate in {0, entry.candidate_id}
        and unit in {"", entry.code}
        and any(words in text.lower() for text in (entry.candidate, entry.title, entry.code))
    ]


def find_queue_position(rows: list[QueueItem], evidence_id: int) -> QueuePosition:
    """Return an item's position in the queue."""
    index = next((i for i, row in enumerate(rows) if row.first.evidence_id == evidence_id), None)
    if index is None:
        return QueuePosition(None, len(rows), None, rows[0].first if rows else None)
    return QueuePosition(
        position=index + 1,
        length=len(rows),
        previous=rows[index - 1].first if index else None,
        following=rows[index + 1].first if index + 1 < len(rows) else None,
    )


def group_by_age(rows: Iterable[QueueItem]) -> dict[str, list[QueueItem]]:
    """Group items into `Older`, `This week` and `Today`, by the London day on which they entered the queue."""
    start_of_today, a_week_ago = get_start_of_day(days_ago=0), get_start_of_day(days_ago=6)
    groups: dict[str, list[QueueItem]] = {"Older": [], "This week": [], "Today": []}
    for row in rows:
        if row.queued_at >= start_of_today:
            name = "Today"
        else:
            name = "This week" if row.queued_at >= a_week_ago else "Older"
        groups[name].append(row)
    return {name: group for name, group in groups.items() if group}


def count_older(rows: Iterable[QueueItem]) -> int:
    """Count the items that have been in the queue for more than a week."""
    a_week_ago = get_start_of_day(days_ago=6)
    return sum(row.queued_at < a_week_ago for row in rows)


def get_start_of_day(days_ago: int) -> datetime:
    """Return when a London day began, in UTC, so that thousands of rows are compared without converting each."""
    return start_of_day(today() - timedelta(days=days_ago)).astimezone(UTC)


def list_units_to_sign(person_id: int, queue: Iterable[EvidenceToAssess]) -> list[UnitToSign]:
    """List the attempts that nothing but evidence requirements keeps the assessor from signing off, by candidate.

    Args:
        person_id: the assessor.
        queue: the assessor's evidence to assess.
    """
    waiting = {entry.attempt_id for entry in queue}
    progress = summarise_attempts(set(db.session.scalars(_select_open_attempts(person_id))) - waiting)
    counts = load_sign_off_counts({id_: each for id_, each in progress.items() if each.met == each.total})
    query = (
        select(UnitAttempt.id, Unit.code, Person.name)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(UnitAttempt.id.in_([id_ for id_, each in counts.items() if not each.has_blockers]))
        .order_by(func.lower(Person.name), Unit.code)
    )
    return [UnitToSign(*row, counts[row.id].requirements) for row in db.session.execute(query)]


def list_action_points_to_answer(person_id: int) -> list[tuple[ActionPoint, str, str]]:
    """List the action points without a response on an assessor's attempts, with unit code and candidate.

    Those of void attempts are left out.
    """
    query = (
        select(ActionPoint, Unit.code, Person.name)
        .join(UnitAttempt, UnitAttempt.id == ActionPoint.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Allocation, Allocation.attempt_id == UnitAttempt.id)
        .where(
            Allocation.person_id == person_id,
            Allocation.role == Role.ASSESSOR,
            is_current(),
            ActionPoint.responded_at.is_(None),
            UnitAttempt.state != AttemptState.VOID,
        )
        .order_by(ActionPoint.due_on)
    )
    return [(action_point, code, name) for action_point, code, name in db.session.execute(query)]
