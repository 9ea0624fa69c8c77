"""Handing evidence in: the draft is sealed as a version, numbered once, and told of."""

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import (
    EVIDENCE_FIELDS,
    Allocation,
    Assessment,
    Claim,
    Evidence,
    EvidenceVersion,
    Grant,
    Person,
    Submission,
    UnitAttempt,
    VersionAttachment,
)
from tracker.portfolio.services.claims import check_simulation, claims_hash
from tracker.portfolio.services.evidence import differs_from, find_latest_version, find_problems
from tracker.registrations.due_releases import release_due_assessments_in
from tracker.vocabulary import AttemptState, Role

DECLARATION = (
    "I declare that this evidence is my own work, that it shows what I did, and that I have removed customers’ "
    "personal details or have permission to use them."
)


def submit_evidence(evidence: Evidence, actor: Actor, seen_version: int | None = None) -> EvidenceVersion:
    """Seal the draft as the next version and hand it in under the declaration.

    Raises `Invalid` for what is missing, `Refused` when nothing changed since the last version, and `Conflict`
    when the draft was changed since it was shown as `seen_version`. Locks in the product's order: grant,
    attempts, evidence.
    """
    attempts = _lock_with_attempts(evidence, actor)
    if seen_version is not None and seen_version != evidence.version:
        raise Conflict(
            "This item was changed in another window since you opened this page. Nothing was submitted. "
            "Read it below as it is now, then submit it."
        )
    check_complete(evidence, attempts)
    latest = find_latest_version(evidence)
    if not differs_from(evidence, latest):
        raise Refused("Nothing has changed since you submitted this item, so there is nothing to submit.")
    is_first = evidence.number is None
    if is_first:
        evidence.number = _next_number(evidence)
    version = _seal(evidence)
    db.session.add(
        Submission(
            evidence_version_id=version.id,
            declaration=DECLARATION,
            submitted_at=version.sealed_at,
            submitted_by_id=evidence.candidate_id,
        )
    )
    db.session.flush()
    claims = select(Claim).where(Claim.evidence_id == evidence.id)
    if not is_first:  # what was taken out since has its own event; what was taken out of the draft has none
        claims = claims.where(Claim.removed_at.is_(None))
    record(
        "evidence_submitted",
        version,
        actor,
        evidence=evidence.id,
        number=evidence.number,
        version=version.number,
        content=version.content_hash,
        claims=claims_hash(evidence),
        rows=[*evidence.attachments, *db.session.scalars(claims)],
    )
    _tell_assessors(evidence, version, attempts)
    return version


def withdraw_submission(evidence: Evidence, actor: Actor) -> None:
    """Take back a version that nobody has reviewed."""
    _lock_with_attempts(evidence, actor)
    version = find_latest_version(evidence)
    if version is None:
        raise Refused("This item is not submitted. Nothing was changed.")
    if db.session.scalar(select(Assessment.id).where(Assessment.evidence_version_id == version.id).limit(1)):
        raise Refused(
            "Your assessor has begun to look at this item, so it can no longer be taken back. "
            "Nothing was changed. You can submit a new version when you have their feedback."
        )
    version.submission.withdrawn_at = now()
    record("submission_withdrawn", version, actor, evidence=evidence.id, version=version.number)


def check_complete(evidence: Evidence, attempts: list[UnitAttempt]) -> None:
    """Raise `Invalid` naming what is still missing before an item can be handed in."""
    missing = []
    if not evidence.title.strip():
        missing.append("say what it is")
    if evidence.method is None:
        missing.append("say how it was gathered")
    if evidence.happened_from is None:
        missing.append("say when it happened")
    if not (evidence.narrative.strip() or evidence.attachments or evidence.kept_where.strip()):
        missing.append("say what you did, add a file, or say where it is kept")
    if not attempts:
        missing.append("choose at least one criterion of an open unit")
    if missing:
        raise Invalid(f"Before you submit: {'; '.join(missing)}. Everything typed so far is saved.")
    if problems := find_problems({name: getattr(evidence, name) for name in EVIDENCE_FIELDS}):
        raise Invalid(f"{next(iter(problems.values()))} Everything typed so far is saved.")
    for attempt in attempts:
        check_simulation(attempt, evidence.method)


def _lock_with_attempts(evidence: Evidence, actor: Actor) -> list[UnitAttempt]:
    """Lock what a submission touches, in the product's order; the open attempts it claims in come out.

    Raises `Refused` when the candidate was withdrawn from every registration among them.
    """
    if actor.grant_id:
        lock_rows(Grant, [actor.grant_id])
    attempts = _claimed_attempts(evidence)
    lock_rows(UnitAttempt, (attempt.id for attempt in attempts))
    for attempt in attempts:
        release_due_assessments_in(attempt)
    lock_rows(Evidence, [evidence.id])
    still_open = [attempt for attempt in attempts if attempt.state is AttemptState.IN_PROGRESS]
    allowed = [attempt for attempt in still_open if not attempt.registration.withdrawn_at]
    if still_open and not allowed:
        raise Refused(
            "Your centre has withdrawn your registration, so nothing can be submitted or taken back. "
            "Everything you saved is kept. Ask your centre's administrator."
        )
    return allowed


def _claimed_attempts(evidence: Evidence) -> list[UnitAttempt]:
    query = (
        select(UnitAttempt)
        .where(
            UnitAttempt.id.in_(
                select(Claim.attempt_id).where(Claim.evidence_id == evidence.id, Claim.removed_at.is_(None))
            ),
            UnitAttempt.state == AttemptState.IN_PROGRESS,
        )
        .options(joinedload(UnitAttempt.registration), joinedload(UnitAttempt.unit))
        .order_by(UnitAttempt.id)
    )
    return list(db.session.scalars(query))


def _next_number(evidence: Evidence) -> int:
    """One more than any ever given to this candidate at this centre; never reused."""
    query = select(func.max(Evidence.number)).where(
        Evidence.candidate_id == evidence.candidate_id, Evidence.centre_id == evidence.centre_id
    )
    return (db.session.scalar(query) or 0) + 1


def next_version_number(evidence: Evidence) -> int:
    """What the next version will be called; versions taken back keep theirs."""
    query = select(func.max(EvidenceVersion.number)).where(EvidenceVersion.evidence_id == evidence.id)
    return (db.session.scalar(query) or 0) + 1


def _seal(evidence: Evidence) -> EvidenceVersion:
    fields = {name: getattr(evidence, name) for name in EVIDENCE_FIELDS}
    attachments = list(evidence.attachments)
    version = EvidenceVersion(
        evidence_id=evidence.id,
        number=next_version_number(evidence),
        content_hash=content_hash(fields, [(each.name, each.size, each.sha256) for each in attachments]),
        sealed_at=now(),
        **fields,
    )
    db.session.add(version)
    db.session.flush()
    db.session.add_all(VersionAttachment(version_id=version.id, attachment_id=each.id) for each in attachments)
    db.session.flush()
    return version


def content_hash(fields: dict[str, object], files: list[tuple[str, int, str]]) -> str:
    """Over every field and every file, as canonical JSON; days as ISO text, words as their values."""
    plain = {
        name: value if value is None or isinstance(value, str) else value.isoformat()  # type: ignore[attr-defined]  # what is no text is a day
        for name, value in fields.items()
    }
    return sha256("tracker.evidence.v1", canonical_json({"fields": plain, "files": [list(each) for each in files]}))


def _tell_assessors(evidence: Evidence, version: EvidenceVersion, attempts: list[UnitAttempt]) -> None:
    query = (
        select(Person)
        .join(Allocation, Allocation.person_id == Person.id)
        .where(
            Allocation.attempt_id.in_([attempt.id for attempt in attempts]),
            Allocation.role == Role.ASSESSOR,
            Allocation.ends_at.is_(None),
        )
        .distinct()
    )
    for assessor in db.session.scalars(query):
        emails.notify(
            assessor,
            f"evidence_submitted:{evidence.id}",
            f"{evidence.candidate.name} has submitted evidence {evidence.number}",
            f"“{version.title}” waits in your queue: {emails.build_url('/queue')}",
        )
