"""Evidence as pages show it: one item with its history, its versions, claims, badges and files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import (
    Assessment,
    Attachment,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceVersion,
    Person,
    Submission,
    Unit,
    UnitAttempt,
    VersionAttachment,
)
from tracker.vocabulary import AssessmentOutcome, AssessmentState, AttemptState, CriterionKind, Outcome
from tracker.web.formatting import join_words


@dataclass(frozen=True, slots=True)
class EvidenceClaim:
    """One claim of an item, with its decision."""

    attempt_id: int
    code: str
    unit_title: str
    kind: CriterionKind
    label: str
    text: str
    locator: str
    added_reason: str | None
    outcome: Outcome | None
    comment: str | None
    decided_by: str | None
    removed_reason: str | None
    claim_id: int
    returned_version: int | None = None
    """The version on which it was marked as met before the item was returned, so that it does not count yet."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One entry in the history of an item."""

    occurred_at: datetime
    person_name: str
    description: str
    """For example `submitted version 2`."""
    feedback: str = ""
    tone: str = ""
    """The colour: `needs-you`, `done`, or empty."""
    version: int | None = None
    """The number of the submitted version; None for a withdrawal and for feedback."""
    response: str = ""
    """The candidate's answer to earlier feedback, with that version."""
    is_withdrawn: bool = False
    """Whether that version was withdrawn later."""


def list_claims(evidence_id: int) -> list[EvidenceClaim]:
    """List an item's live claims and those an assessor removed, by unit and criterion."""
    query = (
        select(
            Claim.attempt_id,
            Unit.code,
            Unit.title,
            Criterion.kind,
            Criterion.label,
            Criterion.text,
            Claim.locator,
            Claim.added_reason,
            Decision.outcome,
            Decision.comment,
            Person.name,
            Claim.removed_reason,
            Claim.id,
        )
        .join(Criterion, Criterion.id == Claim.criterion_id)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .outerjoin(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
        .outerjoin(Person, Person.id == Decision.decided_by_id)
        .where(
            Claim.evidence_id == evidence_id,
            (Claim.removed_at.is_(None)) | (Claim.removed_reason.is_not(None)),
            UnitAttempt.state != AttemptState.VOID,
        )
        .order_by(Claim.attempt_id, Criterion.position, Claim.id)
    )
    returned_versions = _find_marked_met(evidence_id)
    claims = [EvidenceClaim(*tuple(row)) for row in db.session.execute(query)]
    return [
        claim if claim.outcome else replace(claim, returned_version=returned_versions.get(claim.claim_id))
        for claim in claims
    ]


def _find_marked_met(evidence_id: int) -> dict[int, int]:
    """Return, by claim id, the version on which a claim was marked as met before the item was returned.

    Only the last released assessment in each attempt counts (docs/rules.md, Assessment, rule 16).
    """
    query = (
        select(Assessment.attempt_id, Assessment.outcome, Assessment.draft_decisions, EvidenceVersion.number)
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .where(EvidenceVersion.evidence_id == evidence_id, Assessment.released_at.is_not(None))
        .order_by(Assessment.released_at, Assessment.id)
    )
    last = {attempt_id: tuple(row) for attempt_id, *row in db.session.execute(query)}
    return {
        int(claim_id): number
        for outcome, decisions, number in last.values()
        if outcome is AssessmentOutcome.RETURNED
        for claim_id, decision in decisions.items()
        if decision.get("outcome") == Outcome.MET.value
    }


def list_evidence_history(evidence: Evidence, attempt: UnitAttempt | None = None) -> list[HistoryEntry]:
    """List versions with their answers, withdrawals and released feedback, oldest first.

    Args:
        evidence: the item.
        attempt: list only the feedback of this attempt, and no withdrawn version; None for all.
    """
    submissions = (
        select(
            EvidenceVersion.number,
            EvidenceVersion.response,
            Submission.submitted_at,
            Submission.withdrawn_at,
            Person.name,
        )
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .join(Person, Person.id == Submission.submitted_by_id)
        .where(EvidenceVersion.evidence_id == evidence.id)
    )
    entries = []
    for number, response, submitted_at, withdrawn_at, candidate in db.session.execute(submissions):
        if withdrawn_at and attempt is not None:
            continue
        entries.append(
            HistoryEntry(
                submitted_at,
                candidate,
                f"submitted version {number}{' and answered the feedback' if response else ''}",
                version=number,
                response=response or "",
                is_withdrawn=bool(withdrawn_at),
            )
        )
        if withdrawn_at:
            entries.append(HistoryEntry(withdrawn_at, candidate, f"withdrew version {number}"))
    entries += _released_feedback(evidence, attempt)
    return sorted(entries, key=lambda entry: entry.occurred_at)


def find_open_feedback(history: list[HistoryEntry]) -> list[HistoryEntry]:
    """Return the entries of feedback to answer: those since the last version that was not withdrawn."""
    last = max((index for index, entry in enumerate(history) if entry.version and not entry.is_withdrawn), default=0)
    return [entry for entry in history[last:] if entry.tone == "needs-you"]


def _released_feedback(evidence: Evidence, attempt: UnitAttempt | None) -> Iterator[HistoryEntry]:
    """Yield the released assessments. One feedback on one version in several units is one entry."""
    assessments = (
        select(
            Assessment.released_at,
            Person.name,
            Assessment.outcome,
            EvidenceVersion.number,
            Unit.code,
            Assessment.feedback,
        )
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .join(Person, Person.id == Assessment.assessor_id)
        .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(EvidenceVersion.evidence_id == evidence.id, Assessment.state == AssessmentState.RELEASED)
        .order_by(Unit.code, Assessment.id)
    )
    if attempt is not None:
        assessments = assessments.where(Assessment.attempt_id == attempt.id)
    codes: dict[tuple[str, AssessmentOutcome, int, str], list[str]] = {}
    released: dict[tuple[str, AssessmentOutcome, int, str], datetime] = {}
    for released_at, name, outcome, number, code, feedback in db.session.execute(assessments):
        if released_at and outcome:
            key = (name, outcome, number, feedback)
            codes.setdefault(key, []).append(code)
            released[key] = max(released_at, released.get(key, released_at))
    for key, of_feedback in codes.items():
        name, outcome, number, feedback = key
        tone = "needs-you" if outcome is AssessmentOutcome.RETURNED else "done"
        units = join_words(list(dict.fromkeys(of_feedback)))
        yield HistoryEntry(
            released[key], name, f"{outcome.label.lower()} version {number} in {units}", feedback, tone
        )


def list_badges(evidence_ids: list[int]) -> dict[int, tuple[tuple[str, str], ...]]:
    """Return, for each item, the code of each unit it claims and the item's state there. Three statements.

    The state is `returned` until the candidate adds a claim or submits a new version, `accepted` once every claim is
    decided on the version that the unit sees, and otherwise `waiting`. An item without a submission has one badge,
    `draft`.
    """
    versions = _list_submitted_versions(evidence_ids)
    assessments = _find_last_assessments(evidence_ids)
    badges: dict[int, list[tuple[str, str]]] = {evidence_id: [] for evidence_id in evidence_ids}
    for unit in _list_claimed_units(evidence_ids):
        seen = [each for each in versions.get(unit.evidence_id, ()) if unit.sees(each.submitted_at)]
        if seen:
            assessment = assessments.get((seen[-1].version_id, unit.attempt_id))
            badges[unit.evidence_id].append((unit.code, _compute_badge(unit, seen[-1].version_id, assessment)))
    return {
        evidence_id: tuple(of_item) or (() if versions.get(evidence_id) else (("", "draft"),))
        for evidence_id, of_item in badges.items()
    }


@dataclass(slots=True)
class _ClaimedUnit:
    """An item in one attempt: when each claim was made and, where it is decided, on which version."""

    evidence_id: int
    attempt_id: int
    code: str
    assessed_at: datetime | None
    claims: list[tuple[datetime, int | None]] = field(default_factory=list)

    def sees(self, submitted_at: datetime) -> bool:
        """Return whether the attempt sees a version submitted then: an assessed one sees no later ones."""
        return self.assessed_at is None or submitted_at <= self.assessed_at


class _SubmittedVersion(NamedTuple):
    version_id: int
    submitted_at: datetime


class _ReleasedAssessment(NamedTuple):
    outcome: AssessmentOutcome | None
    released_at: datetime


def _compute_badge(unit: _ClaimedUnit, version_id: int, assessment: _ReleasedAssessment | None) -> str:
    """Return `returned` until a claim is added, `accepted` while no claim is undecided, else `waiting`."""
    newest_claim = max(claimed_at for claimed_at, _ in unit.claims)
    if assessment and assessment.outcome is AssessmentOutcome.RETURNED and newest_claim <= assessment.released_at:
        return "returned"
    all_decided = all(decided_on == version_id for _, decided_on in unit.claims)
    return (
        "accepted" if all_decided and assessment and assessment.outcome is AssessmentOutcome.ACCEPTED else "waiting"
    )


def _list_claimed_units(evidence_ids: list[int]) -> Iterable[_ClaimedUnit]:
    query = (
        select(
            Claim.evidence_id,
            Claim.attempt_id,
            Unit.code,
            UnitAttempt.assessed_at,
            Claim.claimed_at,
            Decision.evidence_version_id,
        )
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .outerjoin(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
        .where(
            Claim.evidence_id.in_(evidence_ids), Claim.removed_at.is_(None), UnitAttempt.state != AttemptState.VOID
        )
        .order_by(Claim.evidence_id, Claim.attempt_id)
    )
    units: dict[tuple[int, int], _ClaimedUnit] = {}
    for evidence_id, attempt_id, code, assessed_at, claimed_at, decided_on in db.session.execute(query):
        unit = units.setdefault((evidence_id, attempt_id), _ClaimedUnit(evidence_id, attempt_id, code, assessed_at))
        unit.claims.append((claimed_at, decided_on))
    return units.values()


def _list_submitted_versions(evidence_ids: list[int]) -> dict[int, list[_SubmittedVersion]]:
    """Return each item's submitted versions that were not withdrawn, oldest first."""
    query = (
        select(EvidenceVersion.evidence_id, EvidenceVersion.id, Submission.submitted_at)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(EvidenceVersion.evidence_id.in_(evidence_ids), Submission.withdrawn_at.is_(None))
        .order_by(EvidenceVersion.number)
    )
    versions_by_item: dict[int, list[_SubmittedVersion]] = {}
    for evidence_id, version_id, submitted_at in db.session.execute(query):
        versions_by_item.setdefault(evidence_id, []).append(_SubmittedVersion(version_id, submitted_at))
    return versions_by_item


def _find_last_assessments(evidence_ids: list[int]) -> dict[tuple[int, int], _ReleasedAssessment]:
    """Return the last released assessment by version and attempt."""
    query = (
        select(Assessment.evidence_version_id, Assessment.attempt_id, Assessment.outcome, Assessment.released_at)
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .where(EvidenceVersion.evidence_id.in_(evidence_ids), Assessment.released_at.is_not(None))
        .order_by(Assessment.released_at, Assessment.id)
    )
    return {
        (version_id, attempt_id): _ReleasedAssessment(outcome, released_at)
        for version_id, attempt_id, outcome, released_at in db.session.execute(query)
        if released_at
    }


def list_other_codes(attempt: UnitAttempt, evidence_id: int) -> list[str]:
    """List the codes of the other units that an item claims (docs/rules.md, Who sees what)."""
    query = (
        select(Unit.code)
        .join(UnitAttempt, UnitAttempt.unit_id == Unit.id)
        .join(Claim, Claim.attempt_id == UnitAttempt.id)
        .where(
            Claim.evidence_id == evidence_id,
            Claim.removed_at.is_(None),
            UnitAttempt.id != attempt.id,
            UnitAttempt.state != AttemptState.VOID,
        )
        .distinct()
        .order_by(Unit.code)
    )
    return list(db.session.scalars(query))


def find_version(evidence: Evidence, number: int) -> EvidenceVersion | None:
    """Return one sealed version of an item, withdrawn or not."""
    query = (
        select(EvidenceVersion)
        .where(EvidenceVersion.evidence_id == evidence.id, EvidenceVersion.number == number)
        .options(joinedload(EvidenceVersion.submission))
    )
    return db.session.scalars(query).one_or_none()


def find_version_in(attempt: UnitAttempt, evidence_id: int) -> EvidenceVersion | None:
    """Return the version of an item that this attempt sees, if the item claims a criterion in it."""
    claims_here = exists().where(
        Claim.evidence_id == EvidenceVersion.evidence_id,
        Claim.attempt_id == attempt.id,
        Claim.removed_at.is_(None),
    )
    query = (
        select(EvidenceVersion)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .where(
            EvidenceVersion.evidence_id == evidence_id,
            Evidence.candidate_id == attempt.candidate_id,
            Evidence.centre_id == attempt.centre_id,
            Submission.withdrawn_at.is_(None),
            claims_here,
        )
        .options(joinedload(EvidenceVersion.evidence), joinedload(EvidenceVersion.submission))
        .order_by(EvidenceVersion.number.desc())
        .limit(1)
    )
    if attempt.assessed_at:
        query = query.where(Submission.submitted_at <= attempt.assessed_at)
    return db.session.scalars(query).unique().one_or_none()


def list_version_attachments(version: EvidenceVersion) -> list[Attachment]:
    """List the files sealed in a version, in the candidate's order."""
    query = (
        select(Attachment)
        .join(VersionAttachment, VersionAttachment.attachment_id == Attachment.id)
        .where(VersionAttachment.version_id == version.id)
        .order_by(VersionAttachment.position, Attachment.id)
    )
    return list(db.session.scalars(query))


def find_own_attachment(evidence: Evidence, attachment_id: int) -> Attachment | None:
    """Return a file of the candidate's own item, in the draft or in any version."""
    query = select(Attachment).where(Attachment.id == attachment_id, Attachment.evidence_id == evidence.id)
    return db.session.scalars(query).one_or_none()


def find_sealed_attachment(attempt: UnitAttempt, evidence_id: int, attachment_id: int) -> Attachment | None:
    """Return a file sealed in a submitted version of an item that claims a criterion in this attempt."""
    version = find_version_in(attempt, evidence_id)
    if version is None:
        return None
    sealed = (
        select(VersionAttachment.attachment_id)
        .join(EvidenceVersion, EvidenceVersion.id == VersionAttachment.version_id)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(
            EvidenceVersion.evidence_id == evidence_id,
            EvidenceVersion.number <= version.number,
            Submission.withdrawn_at.is_(None),
        )
    )
    query = select(Attachment).where(Attachment.id == attachment_id, Attachment.id.in_(sealed))
    return db.session.scalars(query).one_or_none()
