"""Queries for the candidate's home page: next steps, units with progress, latest evidence."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, distinct, func, or_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.matrix import Progress, has_submission, summarise_attempts
from tracker.models import (
    Allocation,
    Assessment,
    Claim,
    Decision,
    Evidence,
    EvidenceVersion,
    Person,
    Registration,
    Unit,
    UnitAttempt,
)
from tracker.portfolio.queries.badges import list_badges
from tracker.registrations.current_allocations import has_role_now
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Outcome, Role
from tracker.web.formatting import counted, join_words
from tracker.web.text_direction import isolate

MAX_STEPS = 3
MAX_NAMED_UNITS = 3
"""How many units a next step names; more are counted."""
CONFIRM, UNIT = "assessment.confirm_unit", "portfolio.show_attempt"


@dataclass(frozen=True, slots=True)
class NextStep:
    """One of the “Next steps”: its text, the endpoint and values of its link, and since when it has been waiting."""

    text: str
    endpoint: str
    values: dict[str, int | str]
    since: datetime | None
    detail: str = ""
    """The title of the item or unit, where the text does not name it."""
    is_answer: bool = False
    """Whether the assessor is waiting for it."""


@dataclass(frozen=True, slots=True)
class UnitProgress:
    """A candidate's unit with its assessor and progress."""

    attempt_id: int
    code: str
    title: str
    state: AttemptState
    assessed_at: datetime | None
    withdrawn_at: datetime | None
    assessor: str | None
    assessor_since: datetime | None
    assessor_has_role: bool
    """False also without an assessor."""
    progress: Progress

    @property
    def is_open(self) -> bool:
        """Return whether the candidate can still add to the unit."""
        return self.state is AttemptState.IN_PROGRESS and self.withdrawn_at is None

    @property
    def is_verified(self) -> bool:
        """Return whether the internal verifier has signed the unit."""
        return self.state in {AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED}

    @property
    def gaps(self) -> int:
        """Return the number of criteria without a claim."""
        return self.progress.total - self.progress.claimed


@dataclass(frozen=True, slots=True)
class LatestEvidence:
    """A piece of evidence in the list of the latest."""

    evidence_id: int
    number: int | None
    title: str
    updated_at: datetime
    badges: tuple[tuple[str, str], ...]
    """Its state in each unit: the unit's code and the state."""

    @property
    def state(self) -> str:
        """Return the state of the unit in which the item needs its candidate most; empty if it has no claims."""
        states = {state for _, state in self.badges}
        return next((state for state in ("returned", "draft", "waiting", "accepted") if state in states), "")


def list_candidate_units(person_id: int, centre_ids: tuple[int, ...]) -> list[UnitProgress]:
    """List a candidate's units at these centres with their assessors and progress, in three queries."""
    query = (
        select(
            UnitAttempt.id,
            Unit.code,
            Unit.title,
            UnitAttempt.state,
            UnitAttempt.assessed_at,
            Registration.withdrawn_at,
            Person.name,
            Allocation.starts_at,
            has_role_now(),
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .outerjoin(
            Allocation,
            and_(
                Allocation.attempt_id == UnitAttempt.id,
                Allocation.role == Role.ASSESSOR,
                Allocation.ends_at.is_(None),
            ),
        )
        .outerjoin(Person, Person.id == Allocation.person_id)
        .where(
            UnitAttempt.candidate_id == person_id,
            UnitAttempt.centre_id.in_(centre_ids),
            UnitAttempt.state != AttemptState.VOID,
        )
        .order_by(Registration.withdrawn_at.is_not(None), UnitAttempt.id)
    )
    rows = db.session.execute(query).all()
    progress = summarise_attempts([row[0] for row in rows], with_drafts=True)
    return [UnitProgress(*row, progress=progress.get(row[0], Progress(0, 0, 0))) for row in rows]


def list_latest(person_id: int, centre_ids: tuple[int, ...]) -> list[LatestEvidence]:
    """List the five pieces of evidence that a candidate changed last."""
    query = (
        select(Evidence.id, Evidence.number, Evidence.title, Evidence.updated_at)
        .where(
            Evidence.candidate_id == person_id, Evidence.centre_id.in_(centre_ids), Evidence.discarded_at.is_(None)
        )
        .order_by(Evidence.updated_at.desc(), Evidence.id.desc())
        .limit(5)
    )
    rows = db.session.execute(query).all()
    badges = list_badges([row[0] for row in rows])
    return [LatestEvidence(*row, badges=badges[row[0]]) for row in rows]


def list_steps(person_id: int, centre_ids: tuple[int, ...], units: list[UnitProgress]) -> list[NextStep]:
    """List at most three next steps: units to confirm, feedback, unfinished evidence, then gaps."""
    open_units = [row for row in units if row.is_open]
    steps = [
        NextStep(
            f"Confirm {row.code}: your assessor has signed it off",
            CONFIRM,
            {"attempt_id": row.attempt_id},
            row.assessed_at,
            row.title,
            is_answer=True,
        )
        for row in units
        if row.state is AttemptState.ASSESSED and row.withdrawn_at is None
    ]
    if open_units:
        steps += _list_feedback_steps(person_id, centre_ids)
        steps += _list_needs_more_steps(open_units)
        steps += _list_unfinished_steps(person_id, centre_ids)
        steps += _list_gap_steps(open_units)
    return steps[:MAX_STEPS]


def _list_gap_steps(open_units: list[UnitProgress]) -> list[NextStep]:
    """List the units with criteria that have no evidence."""
    steps = [
        NextStep(
            f"Add evidence for {row.code}: {counted(row.gaps, 'criterion has', 'criteria have')} none yet",
            UNIT,
            {"attempt_id": row.attempt_id, "show": "gaps"},
            None,
            row.title,
        )
        for row in open_units
        if row.progress.claimed and row.gaps
    ]
    not_started = [row.code for row in open_units if not row.progress.claimed]
    if not_started:
        units = join_words(not_started) if len(not_started) <= MAX_NAMED_UNITS else f"your {len(not_started)} units"
        text = f"Add your first evidence for {units}"
        steps.append(NextStep(text, "portfolio.add_evidence", {}, None))
    return steps


def _list_needs_more_steps(open_units: list[UnitProgress]) -> list[NextStep]:
    """List the units with criteria that need more evidence, for which no newer claim is waiting to be assessed."""
    later_version, other_claim, other_decision = aliased(EvidenceVersion), aliased(Claim), aliased(Decision)
    later_versions = select(later_version.id).where(
        later_version.evidence_id == Claim.evidence_id, later_version.number > EvidenceVersion.number
    )
    met_or_undecided_claims = (
        select(other_claim.id)
        .outerjoin(
            other_decision,
            and_(other_decision.claim_id == other_claim.id, other_decision.superseded_at.is_(None)),
        )
        .where(
            other_claim.attempt_id == Claim.attempt_id,
            other_claim.criterion_id == Claim.criterion_id,
            other_claim.removed_at.is_(None),
            or_(other_decision.id.is_(None), other_decision.outcome == Outcome.MET),
        )
    )
    query = (
        select(Claim.attempt_id, func.count(distinct(Claim.criterion_id)), func.min(Decision.decided_at))
        .join(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
        .join(EvidenceVersion, EvidenceVersion.id == Decision.evidence_version_id)
        .outerjoin(Assessment, Assessment.id == Decision.assessment_id)
        .where(
            Claim.attempt_id.in_([row.attempt_id for row in open_units]),
            Claim.removed_at.is_(None),
            Decision.outcome != Outcome.MET,
            or_(Assessment.id.is_(None), Assessment.outcome == AssessmentOutcome.ACCEPTED),
            ~later_versions.exists(),
            ~met_or_undecided_claims.exists(),
        )
        .group_by(Claim.attempt_id)
    )
    by_attempt = {row[0]: (row[1], row[2]) for row in db.session.execute(query)}
    return [
        NextStep(
            f"Add evidence for {row.code}: "
            f"{counted(by_attempt[row.attempt_id][0], 'criterion needs', 'criteria need')} more",
            UNIT,
            {"attempt_id": row.attempt_id, "show": "mine"},
            by_attempt[row.attempt_id][1],
            row.title,
            is_answer=True,
        )
        for row in open_units
        if row.attempt_id in by_attempt
    ]


def _list_feedback_steps(person_id: int, centre_ids: tuple[int, ...]) -> list[NextStep]:
    """List the evidence whose newest version was returned."""
    later_version = aliased(EvidenceVersion)
    later_versions = select(later_version.id).where(
        later_version.evidence_id == EvidenceVersion.evidence_id, later_version.number > EvidenceVersion.number
    )
    newer_assessment = aliased(Assessment)
    newer_assessments = select(newer_assessment.id).where(
        newer_assessment.attempt_id == Assessment.attempt_id,
        newer_assessment.evidence_version_id == Assessment.evidence_version_id,
        newer_assessment.state == AssessmentState.RELEASED,
        newer_assessment.id > Assessment.id,
    )
    query = (
        select(Evidence.id, Evidence.number, Evidence.title, Person.name, func.min(Assessment.released_at))
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .join(Person, Person.id == Assessment.assessor_id)
        .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
        .where(
            Evidence.candidate_id == person_id,
            Evidence.centre_id.in_(centre_ids),
            Assessment.state == AssessmentState.RELEASED,
            Assessment.outcome == AssessmentOutcome.RETURNED,
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            ~later_versions.exists(),
            ~newer_assessments.exists(),
        )
        .group_by(Evidence.id, Evidence.number, Evidence.title, Person.name)
        .order_by(func.min(Assessment.released_at))
        .limit(MAX_STEPS)
    )
    return [
        NextStep(
            f"Respond to {isolate(name.split()[0])}’s feedback on evidence {number}",
            "portfolio.show_evidence",
            {"evidence_id": evidence_id},
            since,
            title,
            is_answer=True,
        )
        for evidence_id, number, title, name, since in db.session.execute(query)
    ]


def _list_unfinished_steps(person_id: int, centre_ids: tuple[int, ...]) -> list[NextStep]:
    """List drafts that are not submitted, and evidence that is not linked to any criteria."""
    has_claim = select(Claim.id).where(Claim.evidence_id == Evidence.id, Claim.removed_at.is_(None)).exists()
    is_submitted = has_submission(Evidence.id)
    query = (
        select(Evidence.id, Evidence.title, has_claim, Evidence.updated_at)
        .where(
            Evidence.candidate_id == person_id,
            Evidence.centre_id.in_(centre_ids),
            Evidence.discarded_at.is_(None),
            ~(has_claim & is_submitted),
        )
        .order_by(Evidence.updated_at)
        .limit(MAX_STEPS)
    )
    return [
        NextStep(
            f"Submit “{isolate(title or 'Untitled draft')}”",
            "portfolio.show_evidence",
            {"evidence_id": evidence_id},
            since,
        )
        if is_claimed
        else NextStep(
            f"Link “{isolate(title or 'Untitled draft')}” to criteria",
            "portfolio.choose_criteria",
            {"evidence_id": evidence_id},
            since,
        )
        for evidence_id, title, is_claimed, since in db.session.execute(query)
    ]
