"""Evidence as pages show it: one item with its story, a version to judge, the index."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, and_, exists, select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.matrix import has_submission
from tracker.models import (
    Attachment,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceVersion,
    Person,
    Registration,
    Review,
    Sample,
    SampleItem,
    Submission,
    Unit,
    UnitAttempt,
    VersionAttachment,
)
from tracker.vocabulary import AttemptState, Method, Outcome, ReviewOutcome, ReviewState


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """One claim of an item, with what was decided about it."""

    attempt_id: int
    code: str
    unit_title: str
    label: str
    text: str
    locator: str
    added_reason: str | None
    outcome: Outcome | None
    comment: str | None
    decided_by: str | None
    struck_reason: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an item's story."""

    at: datetime
    who: str
    what: str
    text: str = ""
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class IndexLine:
    evidence_id: int
    number: int | None
    version_number: int | None
    title: str
    method: Method | None
    happened_from: date | None
    happened_until: date | None
    kept_where: str
    kept_by: str
    files: int
    codes: tuple[str, ...]
    badges: tuple[tuple[str, str], ...]
    """Unit code and word: waiting, accepted, returned."""
    sampled_by: tuple[tuple[str, date], ...]

    @property
    def ref(self) -> str:
        if self.number is None:
            return "Draft"
        return f"{self.number} v{self.version_number}" if (self.version_number or 1) > 1 else str(self.number)

    @property
    def where(self) -> str:
        parts = [f"{self.files} file{'s' if self.files > 1 else ''}"] if self.files else []
        if self.kept_where:
            parts.append(f"{self.kept_where}, held by {self.kept_by}" if self.kept_by else self.kept_where)
        return "; ".join(parts) or "Written here"


def list_claims(evidence_id: int) -> list[ClaimLine]:
    """An item's live claims and those an assessor struck, by unit and criterion."""
    query = (
        select(
            Claim.attempt_id,
            Unit.code,
            Unit.title,
            Criterion.label,
            Criterion.text,
            Claim.locator,
            Claim.added_reason,
            Decision.outcome,
            Decision.comment,
            Person.name,
            Claim.struck_reason,
        )
        .join(Criterion, Criterion.id == Claim.criterion_id)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .outerjoin(Decision, and_(Decision.claim_id == Claim.id, Decision.superseded_at.is_(None)))
        .outerjoin(Person, Person.id == Decision.decided_by_id)
        .where(
            Claim.evidence_id == evidence_id,
            (Claim.removed_at.is_(None)) | (Claim.struck_reason.is_not(None)),
            UnitAttempt.state != AttemptState.VOID,
        )
        .order_by(Claim.attempt_id, Criterion.position, Claim.id)
    )
    return [ClaimLine(*tuple(row)) for row in db.session.execute(query)]


def list_story(evidence: Evidence) -> list[Entry]:
    """Versions, withdrawals and released feedback, oldest first."""
    versions = db.session.execute(
        select(EvidenceVersion.number, Submission.submitted_at, Submission.withdrawn_at)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(EvidenceVersion.evidence_id == evidence.id)
    )
    entries = []
    for number, submitted_at, withdrawn_at in versions:
        entries.append(Entry(submitted_at, evidence.candidate.name, f"submitted version {number}"))
        if withdrawn_at:
            entries.append(Entry(withdrawn_at, evidence.candidate.name, f"took version {number} back"))
    reviews = db.session.execute(
        select(Review.released_at, Person.name, Review.outcome, EvidenceVersion.number, Unit.code, Review.feedback)
        .join(EvidenceVersion, EvidenceVersion.id == Review.evidence_version_id)
        .join(Person, Person.id == Review.assessor_id)
        .join(UnitAttempt, UnitAttempt.id == Review.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(EvidenceVersion.evidence_id == evidence.id, Review.state == ReviewState.RELEASED)
    )
    for released_at, name, outcome, number, code, feedback in reviews:
        if released_at and outcome:
            tone = "needs-you" if outcome is ReviewOutcome.RETURNED else "done"
            entries.append(
                Entry(released_at, name, f"{outcome.label.lower()} version {number} in {code}", feedback, tone)
            )
    return sorted(entries, key=lambda entry: entry.at)


def list_badges(evidence_ids: list[int]) -> dict[int, tuple[tuple[str, str], ...]]:
    """Per item, what it is in each unit: accepted or returned on its latest version, else waiting."""
    claimed = (
        select(Claim.evidence_id, Claim.attempt_id, Unit.code)
        .join(UnitAttempt, UnitAttempt.id == Claim.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(
            Claim.evidence_id.in_(evidence_ids), Claim.removed_at.is_(None), UnitAttempt.state != AttemptState.VOID
        )
        .distinct()
        .order_by(Claim.evidence_id, Claim.attempt_id)
    )
    outcomes = _latest_outcomes(evidence_ids)
    found: dict[int, list[tuple[str, str]]] = {}
    for evidence_id, attempt_id, code in db.session.execute(claimed):
        word = outcomes.get((evidence_id, attempt_id))
        found.setdefault(evidence_id, []).append((code, word.value if word else "waiting"))
    return {evidence_id: tuple(badges) for evidence_id, badges in found.items()}


def _latest_outcomes(evidence_ids: list[int]) -> dict[tuple[int, int], ReviewOutcome | None]:
    """The outcome of the last released review by item and attempt; None once a newer version was handed in."""
    rows = db.session.execute(
        select(EvidenceVersion.evidence_id, EvidenceVersion.number, Review.attempt_id, Review.outcome)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .outerjoin(
            Review, and_(Review.evidence_version_id == EvidenceVersion.id, Review.state == ReviewState.RELEASED)
        )
        .where(EvidenceVersion.evidence_id.in_(evidence_ids), Submission.withdrawn_at.is_(None))
        .order_by(EvidenceVersion.number, Review.released_at, Review.id)
    ).all()
    newest: dict[int, int] = {}
    for evidence_id, number, _, _ in rows:
        newest[evidence_id] = max(number, newest.get(evidence_id, 0))
    return {
        (evidence_id, attempt_id): outcome
        for evidence_id, number, attempt_id, outcome in rows
        if attempt_id is not None and number == newest[evidence_id]
    }


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


def list_index(candidate_id: int, centre_id: int, *, with_drafts: bool) -> list[IndexLine]:
    """A candidate's index of evidence at a centre; five statements whatever the number of items."""
    items = list(db.session.scalars(_indexed(candidate_id, centre_id, with_drafts=with_drafts)))
    ids = [item.id for item in items]
    handed_in = (
        select(EvidenceVersion.evidence_id, EvidenceVersion.number)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(EvidenceVersion.evidence_id.in_(ids), Submission.withdrawn_at.is_(None))
        .order_by(EvidenceVersion.number)
    )
    versions: dict[int, int] = dict(db.session.execute(handed_in).all())
    files: dict[int, int] = {}
    for evidence_id in db.session.scalars(
        select(Attachment.evidence_id).where(Attachment.evidence_id.in_(ids), Attachment.removed_at.is_(None))
    ):
        files[evidence_id] = files.get(evidence_id, 0) + 1
    badges, sampled = list_badges(ids), _sampled(ids)
    return [
        IndexLine(
            evidence_id=item.id,
            number=item.number,
            version_number=versions.get(item.id),
            title=item.title,
            method=item.method,
            happened_from=item.happened_from,
            happened_until=item.happened_until,
            kept_where=item.kept_where,
            kept_by=item.kept_by,
            files=files.get(item.id, 0),
            codes=tuple(code for code, _ in badges.get(item.id, ())),
            badges=badges.get(item.id, ()) if item.id in versions else (("", "draft"),),
            sampled_by=sampled.get(item.id, ()),
        )
        for item in items
    ]


def _indexed(candidate_id: int, centre_id: int, *, with_drafts: bool) -> Select[Evidence]:
    query = (
        select(Evidence)
        .where(
            Evidence.candidate_id == candidate_id, Evidence.centre_id == centre_id, Evidence.discarded_at.is_(None)
        )
        .order_by(Evidence.number.is_(None), Evidence.number, Evidence.id)
    )
    return query if with_drafts else query.where(has_submission(Evidence.id))


def _sampled(evidence_ids: list[int]) -> dict[int, tuple[tuple[str, date], ...]]:
    """Who sampled each item and when: initials and day, as the index prints them."""
    query = (
        select(EvidenceVersion.evidence_id, Person.name, Sample.sampled_at)
        .join(SampleItem, SampleItem.evidence_version_id == EvidenceVersion.id)
        .join(Sample, Sample.id == SampleItem.sample_id)
        .join(Person, Person.id == Sample.verifier_id)
        .where(EvidenceVersion.evidence_id.in_(evidence_ids))
        .distinct()
        .order_by(Sample.sampled_at)
    )
    found: dict[int, tuple[tuple[str, date], ...]] = {}
    for evidence_id, name, sampled_at in db.session.execute(query):
        initials = "".join(part[0] for part in name.split())
        found[evidence_id] = (*found.get(evidence_id, ()), (initials, sampled_at.date()))
    return found


def find_registration(candidate_id: int, centre_id: int) -> Registration | None:
    """The candidate's newest registration at a centre."""
    query = (
        select(Registration)
        .where(Registration.candidate_id == candidate_id, Registration.centre_id == centre_id)
        .options(joinedload(Registration.candidate), joinedload(Registration.centre))
        .order_by(Registration.id.desc())
        .limit(1)
    )
    return db.session.scalars(query).one_or_none()
