"""Queries for the candidate's home page: next steps, units with progress, latest evidence."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, distinct, func, or_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.matrix import Progress, has_submission, select_progress
from tracker.models import (
    Acknowledgement,
    Allocation,
    Assessment,
    Claim,
    Countersignature,
    Decision,
    Evidence,
    EvidenceVersion,
    Person,
    QuestionSet,
    Registration,
    Submission,
    Unit,
    UnitAttempt,
)
from tracker.portfolio.queries.badges import list_badges
from tracker.portfolio.queries.records import is_claimed_in_use
from tracker.registrations.current_allocations import has_role_now
from tracker.statements import fetch_rows, ids
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, Outcome, RecordKind, Role
from tracker.web.countersigners import is_open
from tracker.web.formatting import counted, day, join_words
from tracker.web.text_direction import isolate

MAX_STEPS = 3
MAX_LATEST = 5
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
class OwnItem:
    """A piece of evidence that the candidate wrote, or a record that waits for their answer."""

    evidence_id: int
    number: int | None
    title: str
    updated_at: datetime
    is_claimed: bool
    """Whether it claims a criterion."""
    is_submitted: bool
    author: str | None
    """Who wrote the record; None for what the candidate wrote."""
    kind: RecordKind | None
    set_id: int | None = None
    """The questions that it answers, where it answers set questions."""
    due_on: date | None = None
    """The day by which they are to be answered."""
    set_in: AttemptState | None = None
    """The state of the unit in which they were set."""
    set_on: str | None = None
    """The code of that unit."""

    is_taken_back: bool = False
    """Whether the questions were taken back."""

    @property
    def is_unanswered(self) -> bool:
        """Return whether it is set questions whose answers are not submitted, or were withdrawn."""
        return self.set_id is not None and not (self.is_submitted or self.is_taken_back)


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


def _select_candidate_units() -> Select[*tuple[Any, ...]]:
    """Select a candidate's units with their assessors and progress, in the order of `UnitProgress`."""
    is_own = and_(
        UnitAttempt.candidate_id == bindparam("person_id"),
        UnitAttempt.centre_id.in_(ids("centre_ids")),
        UnitAttempt.state != AttemptState.VOID,
    )
    progress = select_progress(is_own, with_drafts=True).subquery()
    return (
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
            progress.c.met,
            progress.c.claimed,
            progress.c.total,
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .join(progress, progress.c.id == UnitAttempt.id)
        .outerjoin(
            Allocation,
            and_(
                Allocation.attempt_id == UnitAttempt.id,
                Allocation.role == Role.ASSESSOR,
                Allocation.ends_at.is_(None),
            ),
        )
        .outerjoin(Person, Person.id == Allocation.person_id)
        .where(is_own)
        .order_by(Registration.withdrawn_at.is_not(None), UnitAttempt.id)
    )


def _waits_for_answer() -> ColumnElement[bool]:
    """Return as SQL whether the newest version of a record can be answered and has no answer yet.

    It cannot be answered when it was withdrawn, or when no unit that it claims criteria in is in use any more.
    """
    version, later = aliased(EvidenceVersion), aliased(EvidenceVersion)
    waiting = (
        select(version.id)
        .join(Submission, Submission.evidence_version_id == version.id)
        .where(
            version.evidence_id == Evidence.id,
            Submission.withdrawn_at.is_(None),
            ~select(later.id).where(later.evidence_id == version.evidence_id, later.number > version.number).exists(),
            ~select(Acknowledgement.id).where(Acknowledgement.evidence_version_id == version.id).exists(),
        )
        .correlate(Evidence)
    )
    return and_(Evidence.number.is_not(None), waiting.exists(), is_claimed_in_use())


CANDIDATE_UNITS = _select_candidate_units()
HAS_CLAIM = select(Claim.id).where(Claim.evidence_id == Evidence.id, Claim.removed_at.is_(None)).exists()
OWN_ITEMS = (
    select(
        Evidence.id,
        Evidence.number,
        Evidence.title,
        Evidence.updated_at,
        select(Claim.id)
        .where(Claim.evidence_id == Evidence.id, Claim.removed_at.is_(None))
        .exists()
        .label("is_claimed"),
        has_submission(Evidence.id).label("is_submitted"),
        Person.name.label("author"),
        Evidence.record_kind,
        QuestionSet.id.label("set_id"),
        QuestionSet.due_on,
        UnitAttempt.state.label("set_in"),
        Unit.code.label("set_on"),
        QuestionSet.taken_back_at.is_not(None).label("is_taken_back"),
    )
    .outerjoin(Person, Person.id == Evidence.author_id)
    .outerjoin(QuestionSet, QuestionSet.evidence_id == Evidence.id)
    .outerjoin(UnitAttempt, UnitAttempt.id == QuestionSet.attempt_id)
    .outerjoin(Unit, Unit.id == UnitAttempt.unit_id)
    .where(
        Evidence.candidate_id == bindparam("person_id"),
        Evidence.centre_id.in_(ids("centre_ids")),
        Evidence.discarded_at.is_(None),
        or_(Evidence.author_id.is_(None), _waits_for_answer()),
    )
    .order_by(Evidence.updated_at, Evidence.id)
)


def list_candidate_units(person_id: int, centre_ids: tuple[int, ...]) -> list[UnitProgress]:
    """List a candidate's units at these centres with their assessors and progress, in one statement."""
    rows = fetch_rows(CANDIDATE_UNITS, person_id=person_id, centre_ids=centre_ids)
    return [UnitProgress(*(*row[:-3], Progress(*row[-3:]))) for row in rows]


def list_own_items(person_id: int, centre_ids: tuple[int, ...]) -> list[OwnItem]:
    """List what a candidate wrote at these centres, drafts included, and the records that wait for their answer.

    The one that was changed last is at the end.
    """
    return [OwnItem(*row) for row in fetch_rows(OWN_ITEMS, person_id=person_id, centre_ids=centre_ids)]


def list_latest(items: list[OwnItem]) -> list[LatestEvidence]:
    """List the five pieces of evidence that a candidate changed last."""
    latest = [item for item in items if not item.author and not item.is_unanswered][: -MAX_LATEST - 1 : -1]
    badges = list_badges([item.evidence_id for item in latest])
    return [
        LatestEvidence(item.evidence_id, item.number, item.title, item.updated_at, badges=badges[item.evidence_id])
        for item in latest
    ]


def list_steps(
    person_id: int,
    centre_ids: tuple[int, ...],
    units: list[UnitProgress],
    items: list[OwnItem],
    to_countersign: Collection[int] = (),
) -> list[NextStep]:
    """List at most three next steps: units to confirm, records to answer, feedback, unfinished work, then gaps.

    Attempts whose sign-off waits for a countersigner are not to be confirmed yet.
    """
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
        if row.state is AttemptState.ASSESSED and row.withdrawn_at is None and row.attempt_id not in to_countersign
    ]
    steps += _list_record_steps(items)
    if open_units:
        steps += _list_question_steps(items)
        steps += _list_feedback_steps(person_id, centre_ids)
        steps += _list_needs_more_steps(open_units)
        steps += _list_unfinished_steps(items)
        steps += _list_gap_steps(open_units)
    return steps[:MAX_STEPS]


def list_to_countersign(attempt_ids: Collection[int]) -> set[int]:
    """Return which of these attempts have a sign-off that waits for its countersigner."""
    query = select(Countersignature.attempt_id).where(
        Countersignature.attempt_id.in_(attempt_ids), Countersignature.signature_id.is_not(None), is_open()
    )
    return set(db.session.scalars(query))


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


def _select_needs_more() -> Select[*tuple[Any, ...]]:
    """Select, for each attempt, the criteria that need more evidence, with no newer claim to be assessed."""
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
    return (
        select(Claim.attempt_id, func.count(distinct(Claim.criterion_id)), func.min(Decision.decided_at))
        .join(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
        .join(EvidenceVersion, EvidenceVersion.id == Decision.evidence_version_id)
        .outerjoin(Assessment, Assessment.id == Decision.assessment_id)
        .where(
            Claim.attempt_id.in_(ids("attempt_ids")),
            # A decision always has its claim's attempt. Without this condition PostgreSQL read all decisions.
            Decision.attempt_id.in_(ids("attempt_ids")),
            Claim.removed_at.is_(None),
            Decision.outcome != Outcome.MET,
            or_(Assessment.id.is_(None), Assessment.outcome == AssessmentOutcome.ACCEPTED),
            ~later_versions.exists(),
            ~met_or_undecided_claims.exists(),
        )
        .group_by(Claim.attempt_id)
    )


def _select_feedback() -> Select[*tuple[Any, ...]]:
    """Select the evidence whose newest version was returned, the one returned first at the top."""
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
    return (
        select(Evidence.id, Evidence.number, Evidence.title, Person.name, func.min(Assessment.released_at))
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .join(Person, Person.id == Assessment.assessor_id)
        .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
        .where(
            Evidence.candidate_id == bindparam("person_id"),
            Evidence.centre_id.in_(ids("centre_ids")),
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


NEEDS_MORE, FEEDBACK = _select_needs_more(), _select_feedback()


def _list_needs_more_steps(open_units: list[UnitProgress]) -> list[NextStep]:
    """List the units with criteria that need more evidence, for which no newer claim is waiting to be assessed."""
    rows = fetch_rows(NEEDS_MORE, attempt_ids=[row.attempt_id for row in open_units])
    by_attempt = {row[0]: (row[1], row[2]) for row in rows}
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


def _list_record_steps(items: list[OwnItem]) -> list[NextStep]:
    """List the records that the candidate has to agree or object to."""
    return [
        NextStep(
            f"Agree or object: {isolate(item.author)} "
            f"{'asked you questions' if item.kind is RecordKind.QUESTIONS else 'observed you'}",
            "records.show_record",
            {"record_id": item.evidence_id},
            item.updated_at,
            item.title,
            is_answer=True,
        )
        for item in items
        if item.author
    ]


def _list_feedback_steps(person_id: int, centre_ids: tuple[int, ...]) -> list[NextStep]:
    """List the evidence whose newest version was returned."""
    rows = fetch_rows(FEEDBACK, person_id=person_id, centre_ids=centre_ids)
    return [
        NextStep(
            f"Respond to {isolate(name.split()[0])}’s feedback on evidence {number}",
            "portfolio.show_evidence",
            {"evidence_id": evidence_id},
            since,
            title,
            is_answer=True,
        )
        for evidence_id, number, title, name, since in rows
    ]


def _list_question_steps(items: list[OwnItem]) -> list[NextStep]:
    """List the questions that were set and are not answered, those that are due first at the top."""
    unanswered = [item for item in items if item.is_unanswered and item.set_in is AttemptState.IN_PROGRESS]
    return [
        NextStep(
            f"Answer your assessor’s questions on {item.set_on}",
            "records.answer_questions",
            {"set_id": item.set_id or 0},
            None,
            f"by {day(item.due_on)}" if item.due_on else "",
            is_answer=True,
        )
        for item in sorted(unanswered, key=lambda item: (item.due_on or date.max, item.evidence_id))
    ]


def _list_unfinished_steps(items: list[OwnItem]) -> list[NextStep]:
    """List drafts that are not submitted, and evidence that is not linked to any criteria."""
    unfinished = [
        item
        for item in items
        if not (item.author or item.set_id is not None or (item.is_claimed and item.is_submitted))
    ]
    return [
        NextStep(
            f"Submit “{isolate(item.title or 'Untitled draft')}”",
            "portfolio.show_evidence",
            {"evidence_id": item.evidence_id},
            item.updated_at,
        )
        if item.is_claimed
        else NextStep(
            f"Link “{isolate(item.title or 'Untitled draft')}” to criteria",
            "portfolio.choose_criteria",
            {"evidence_id": item.evidence_id},
            item.updated_at,
        )
        for item in unfinished[:MAX_STEPS]
    ]
