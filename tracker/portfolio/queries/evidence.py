"""Evidence as pages show it: one item with its story, a version to judge, the index."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One claim of an item, with what was decided about it."""

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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an item's story."""

    at: datetime
    who: str
    what: str
    text: str = ""
    tone: str = ""
    version: int | None = None
    """The version this line is about, where the candidate can open it."""


def list_claims(evidence_id: int) -> list[ClaimLine]:
    """An item's live claims and those an assessor removed, by unit and criterion."""
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
    return [ClaimLine(*tuple(row)) for row in db.session.execute(query)]


def list_story(evidence: Evidence, attempt: UnitAttempt | None = None) -> list[Entry]:
    """Versions, withdrawals and released feedback, oldest first; for one attempt only, when it is given."""
    handed_in = (
        select(EvidenceVersion.number, Submission.submitted_at, Submission.withdrawn_at, Person.name)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .join(Person, Person.id == Submission.submitted_by_id)
        .where(EvidenceVersion.evidence_id == evidence.id)
    )
    entries = []
    for number, submitted_at, withdrawn_at, candidate in db.session.execute(handed_in):
        if withdrawn_at and attempt is not None:
            continue
        entries.append(Entry(submitted_at, candidate, f"submitted version {number}", version=number))
        if withdrawn_at:
            entries.append(Entry(withdrawn_at, candidate, f"took version {number} back"))
    entries += _released_feedback(evidence, attempt)
    return sorted(entries, key=lambda entry: entry.at)


def find_open_feedback(story: list[Entry]) -> list[Entry]:
    """What assessors asked for since the last version was handed in."""
    last = max((place for place, entry in enumerate(story) if entry.version), default=0)
    return [entry for entry in story[last:] if entry.tone == "needs-you"]


def _released_feedback(evidence: Evidence, attempt: UnitAttempt | None) -> Iterator[Entry]:
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
    )
    if attempt is not None:
        assessments = assessments.where(Assessment.attempt_id == attempt.id)
    for released_at, name, outcome, number, code, feedback in db.session.execute(assessments):
        if released_at and outcome:
            tone = "needs-you" if outcome is AssessmentOutcome.RETURNED else "done"
            yield Entry(released_at, name, f"{outcome.label.lower()} version {number} in {code}", feedback, tone)


def list_badges(evidence_ids: list[int]) -> dict[int, tuple[tuple[str, str], ...]]:
    """Per item, unit code and word: what it is in each unit it claims in. Three statements.

    `returned` until the candidate answers it, `accepted` once every claim there is decided on the version
    that the unit sees, else `waiting`. An item not handed in is `draft`, or `withdrawn` when it was.
    """
    versions = _versions_of(evidence_ids)
    assessments = _last_assessments(evidence_ids)
    found: dict[int, list[tuple[str, str]]] = {evidence_id: [] for evidence_id in evidence_ids}
    for place in _places(evidence_ids):
        seen = [each for each in versions.get(place.evidence_id, ()) if place.sees(each.submitted_at)]
        if seen:
            assessment = assessments.get((seen[-1].version_id, place.attempt_id))
            found[place.evidence_id].append((place.code, _word(place, seen[-1].version_id, assessment)))
    return {
        evidence_id: tuple(badges) or (() if versions.get(evidence_id) else (("", "draft"),))
        for evidence_id, badges in found.items()
    }


@dataclass(slots=True)
class _Place:
    """An item in one attempt: when its claims were made, and on which version each was decided, if it was."""

    evidence_id: int
    attempt_id: int
    code: str
    assessed_at: datetime | None
    claims: list[tuple[datetime, int | None]] = field(default_factory=list)

    def sees(self, submitted_at: datetime) -> bool:
        return self.assessed_at is None or submitted_at <= self.assessed_at


class _Version(NamedTuple):
    version_id: int
    submitted_at: datetime


class _Assessed(NamedTuple):
    outcome: AssessmentOutcome | None
    released_at: datetime


def _word(place: _Place, version_id: int, assessment: _Assessed | None) -> str:
    """Returned holds until a claim is added; accepted, while nothing claimed there is undecided."""
    newest_claim = max(claimed_at for claimed_at, _ in place.claims)
    if assessment and assessment.outcome is AssessmentOutcome.RETURNED and newest_claim <= assessment.released_at:
        return "returned"
    all_decided = all(decided_on == version_id for _, decided_on in place.claims)
    return (
        "accepted" if all_decided and assessment and assessment.outcome is AssessmentOutcome.ACCEPTED else "waiting"
    )


def _places(evidence_ids: list[int]) -> Iterable[_Place]:
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
    places: dict[tuple[int, int], _Place] = {}
    for evidence_id, attempt_id, code, assessed_at, claimed_at, decided_on in db.session.execute(query):
        place = places.setdefault((evidence_id, attempt_id), _Place(evidence_id, attempt_id, code, assessed_at))
        place.claims.append((claimed_at, decided_on))
    return places.values()


def _versions_of(evidence_ids: list[int]) -> dict[int, list[_Version]]:
    """Each item's versions that were handed in and not taken back, oldest first."""
    query = (
        select(EvidenceVersion.evidence_id, EvidenceVersion.id, Submission.submitted_at)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(EvidenceVersion.evidence_id.in_(evidence_ids), Submission.withdrawn_at.is_(None))
        .order_by(EvidenceVersion.number)
    )
    found: dict[int, list[_Version]] = {}
    for evidence_id, version_id, submitted_at in db.session.execute(query):
        found.setdefault(evidence_id, []).append(_Version(version_id, submitted_at))
    return found


def _last_assessments(evidence_ids: list[int]) -> dict[tuple[int, int], _Assessed]:
    """The last released review by version and attempt."""
    query = (
        select(Assessment.evidence_version_id, Assessment.attempt_id, Assessment.outcome, Assessment.released_at)
        .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .where(EvidenceVersion.evidence_id.in_(evidence_ids), Assessment.released_at.is_not(None))
        .order_by(Assessment.released_at, Assessment.id)
    )
    return {
        (version_id, attempt_id): _Assessed(outcome, released_at)
        for version_id, attempt_id, outcome, released_at in db.session.execute(query)
        if released_at
    }


def list_other_codes(attempt: UnitAttempt, evidence_id: int) -> list[str]:
    """The codes of the other units that an item claims in: all that one unit's assessor learns of another."""
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
    """One sealed version of an item, taken back or not."""
    query = (
        select(EvidenceVersion)
        .where(EvidenceVersion.evidence_id == evidence.id, EvidenceVersion.number == number)
        .options(joinedload(EvidenceVersion.submission))
    )
    return db.session.scalars(query).one_or_none()


def find_version_in(attempt: UnitAttempt, evidence_id: int) -> EvidenceVersion | None:
    """The version of an item that this attempt sees, if the item claims something in it."""
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


def list_attachments_of(version: EvidenceVersion) -> list[Attachment]:
    query = (
        select(Attachment)
        .join(VersionAttachment, VersionAttachment.attachment_id == Attachment.id)
        .where(VersionAttachment.version_id == version.id)
        .order_by(Attachment.id)
    )
    return list(db.session.scalars(query))


def find_own_attachment(evidence: Evidence, attachment_id: int) -> Attachment | None:
    """A file of the candidate's own item, in the draft or in any version."""
    query = select(Attachment).where(Attachment.id == attachment_id, Attachment.evidence_id == evidence.id)
    return db.session.scalars(query).one_or_none()


def find_sealed_attachment(attempt: UnitAttempt, evidence_id: int, attachment_id: int) -> Attachment | None:
    """A file sealed in a version that was handed in and claims something in this attempt."""
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
