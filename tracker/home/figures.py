"""Figures of a centre on its administrator's home page: units in progress, work to do, failed jobs.

No counters are kept for them. Open units, units to verify and registrations without a number are found by index, and
counting tens of thousands of those takes about 20 ms. Items to assess are looked for among the newest and counted up
to 1,000, so that the page costs the same however much evidence the centre has (docs/performance.md, Findings).
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Integer, ScalarSelect, Select, bindparam, cast, func, or_, select
from sqlalchemy.orm import aliased

from tracker.clock import today
from tracker.matrix.record_standing import counts
from tracker.models import (
    ActionPoint,
    Claim,
    Countersignature,
    Decision,
    Evidence,
    EvidenceVersion,
    Grant,
    JobRun,
    Person,
    Registration,
    Submission,
    UnitAttempt,
)
from tracker.registrations.queries import is_not_registered
from tracker.statements import fetch_rows, moment_of_reading
from tracker.vocabulary import OPEN_ATTEMPT_STATES, AttemptState, JobState
from tracker.web import lists
from tracker.web.countersigners import is_open

CENTRE: ColumnElement[int] = bindparam("centre_id")


@dataclass(frozen=True, slots=True)
class CentreFigures:
    """Counts of a centre now, some with the time or day of the oldest."""

    candidates: int
    """Candidates with an open unit in a registration that was not withdrawn."""
    units: int
    """Their open units."""
    to_assess: int
    """Items of evidence with a claim that was submitted and not decided yet, counted up to `MAX_COUNTED` and one."""
    to_verify: int
    """Units that their candidate has confirmed."""
    overdue: int
    """Open action points after their due date."""
    overdue_since: date | None
    pending_invitations: int
    not_registered: int
    """Registrations of candidates whom the awarding body has not registered yet."""
    to_countersign: int
    """Decisions and sign-offs that wait for a countersigner."""
    failed_jobs: int
    """Long jobs that failed, and that nobody has retried or cancelled."""

    @property
    def to_assess_words(self) -> str:
        """Return how many items there are to assess, such as `1,000` or `more than 1,000`."""
        return lists.describe_total(self.to_assess)


def _select_figures() -> Select[*tuple[Any, ...]]:
    """Select the figures of the centre `centre_id`, in the order of `CentreFigures`."""
    open_attempts = (
        select(UnitAttempt)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            UnitAttempt.centre_id == CENTRE,
            UnitAttempt.state.in_(OPEN_ATTEMPT_STATES),
            Registration.withdrawn_at.is_(None),
        )
    )
    to_verify = select(UnitAttempt).where(
        UnitAttempt.centre_id == CENTRE, UnitAttempt.state == AttemptState.CONFIRMED
    )
    overdue = (
        select(ActionPoint)
        .join(UnitAttempt, UnitAttempt.id == ActionPoint.attempt_id)
        .where(
            UnitAttempt.centre_id == CENTRE, ActionPoint.closed_at.is_(None), ActionPoint.due_on < bindparam("today")
        )
    )
    to_countersign = (
        select(Countersignature)
        .join(UnitAttempt, UnitAttempt.id == Countersignature.attempt_id)
        .where(UnitAttempt.centre_id == CENTRE, is_open())
    )
    to_assess = _select_items_to_assess().limit(bindparam("max_counted")).subquery()
    by_candidate = open_attempts.with_only_columns(func.count().label("units")).group_by(UnitAttempt.candidate_id)
    candidates = by_candidate.subquery()  # one pass for both counts, without sorting the candidates
    opened = select(func.count().label("candidates"), func.sum(candidates.c.units).label("units")).subquery()
    return select(
        opened.c.candidates,
        cast(func.coalesce(opened.c.units, 0), Integer),
        select(func.count()).select_from(to_assess).scalar_subquery(),
        _select_aggregate(to_verify, func.count(UnitAttempt.id)),
        _select_aggregate(overdue, func.count(ActionPoint.id)),
        _select_aggregate(overdue, func.min(ActionPoint.due_on)),
        _select_aggregate(select_pending_people(), func.count(Person.id)),
        _select_aggregate(
            select(Registration).where(Registration.centre_id == CENTRE, is_not_registered()),
            func.count(Registration.id),
        ),
        _select_aggregate(to_countersign, func.count(Countersignature.id)),
        _select_aggregate(
            select(JobRun).where(JobRun.centre_id == CENTRE, JobRun.state == JobState.FAILED), func.count(JobRun.id)
        ),
    )


def select_pending_people() -> Select[Person]:
    """Select people with a current or future role at the centre `centre_id` who have not chosen a password yet.

    Their roles are looked up one by one. With `EXISTS` PostgreSQL would read all roles of the centre.
    """
    role = select(Grant.id).where(
        Grant.person_id == Person.id,
        Grant.centre_id == CENTRE,
        or_(Grant.ends_at.is_(None), Grant.ends_at > moment_of_reading()),
    )
    return select(Person).where(Person.password_hash.is_(None), Person.deactivated_at.is_(None), _is_found(role))


def _select_items_to_assess() -> Select[int]:
    """Select the ids of the items to assess, newest first: those that wait are mostly among the newest.

    Each condition is a look-up of the item's own rows. With `EXISTS` PostgreSQL would read the claims, decisions and
    submissions of everybody to begin with.
    """
    decision = select(Decision.id).where(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None))
    undecided = (
        select(Claim.id)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            Claim.evidence_id == Evidence.id,
            Claim.removed_at.is_(None),
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
            ~_is_found(decision),
        )
    )
    submission = (
        select(Submission.id)
        .join(EvidenceVersion, EvidenceVersion.id == Submission.evidence_version_id)
        .where(
            EvidenceVersion.evidence_id == Evidence.id,
            Submission.withdrawn_at.is_(None),
            counts(),
            ~_is_found(_select_later_submission()),
        )
    )
    return (
        select(Evidence.id)
        .where(Evidence.centre_id == CENTRE, _is_found(undecided), _is_found(submission))
        .order_by(Evidence.id.desc())
    )


def _select_later_submission() -> Select[int]:
    """Select the submissions of later versions of the item than a statement's `EvidenceVersion`."""
    version, submission = aliased(EvidenceVersion), aliased(Submission)
    return (
        select(submission.id)
        .join(version, version.id == submission.evidence_version_id)
        .where(
            version.evidence_id == EvidenceVersion.evidence_id,
            version.id > EvidenceVersion.id,
            submission.withdrawn_at.is_(None),
        )
        .correlate(EvidenceVersion)
    )


def _is_found(query: Select[Any]) -> ColumnElement[bool]:
    return query.limit(1).scalar_subquery().is_not(None)


def _select_aggregate(query: Select[Any], aggregate: ColumnElement[Any]) -> ScalarSelect[Any]:
    return query.with_only_columns(aggregate).order_by(None).scalar_subquery()


FIGURES = _select_figures()


def load_centre_figures(centre_id: int) -> CentreFigures:
    """Load the figures of a centre in one statement."""
    rows = fetch_rows(FIGURES, centre_id=centre_id, today=today(), max_counted=lists.MAX_COUNTED + 1)
    return CentreFigures(*rows[0])
