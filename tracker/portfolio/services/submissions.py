"""Handing evidence in: the draft is sealed as a version, numbered once, and told of."""

from sqlalchemy import func, select

from tracker import mail
from tracker.canonical import canonical_json, sha256
from tracker.clock import now
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger import Actor, record
from tracker.models import (
    EVIDENCE_FIELDS,
    Allocation,
    Claim,
    Evidence,
    EvidenceVersion,
    Grant,
    Person,
    Registration,
    Review,
    Submission,
    UnitAttempt,
    VersionAttachment,
)
from tracker.portfolio.services.claims import check_simulation, claims_hash
from tracker.portfolio.services.evidence import check_fields, differs_from, find_latest_version
from tracker.transactions import lock_rows
from tracker.vocabulary import AttemptState, Role

DECLARATION = (
    "I declare that this evidence is my own work, that it shows what I did, and that I have removed customers' "
    "personal details or have permission to use them."
)


def submit_evidence(evidence: Evidence, actor: Actor) -> EvidenceVersion:
    """Seal the draft as the next version and hand it in under the declaration.

    Raises `Invalid` for what is missing and `Refused` when nothing changed since the last version. Locks in
    the product's order: grant, attempts, evidence.
    """
    if actor.grant_id:
        lock_rows(Grant, [actor.grant_id])
    attempts = _claimed_attempts(evidence)
    lock_rows(UnitAttempt, (attempt.id for attempt in attempts))
    lock_rows(Evidence, [evidence.id])
    check_complete(evidence, attempts)
    latest = find_latest_version(evidence)
    if not differs_from(evidence, latest):
        raise Refused("Nothing has changed since you submitted this item, so there is nothing to submit.")
    if evidence.number is None:
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
    record(
        "evidence_submitted",
        version,
        actor,
        evidence=evidence.id,
        number=evidence.number,
        version=version.number,
        content=version.content_hash,
        claims=claims_hash(evidence),
    )
    _tell_assessors(evidence, version, attempts)
    return version


def withdraw_submission(evidence: Evidence, actor: Actor) -> None:
    """Take back a version that nobody has reviewed."""
    lock_rows(Evidence, [evidence.id])
    version = find_latest_version(evidence)
    if version is None:
        raise Refused("This item is not submitted. Nothing was changed.")
    if db.session.scalar(select(Review.id).where(Review.evidence_version_id == version.id).limit(1)):
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
    check_fields({name: getattr(evidence, name) for name in EVIDENCE_FIELDS})
    for attempt in attempts:
        check_simulation(attempt, evidence.method)


def _claimed_attempts(evidence: Evidence) -> list[UnitAttempt]:
    """Open attempts of registrations not withdrawn in which this item claims something."""
    query = (
        select(UnitAttempt)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .where(
            UnitAttempt.id.in_(
                select(Claim.attempt_id).where(Claim.evidence_id == evidence.id, Claim.removed_at.is_(None))
            ),
            UnitAttempt.state == AttemptState.IN_PROGRESS,
            Registration.withdrawn_at.is_(None),
        )
        .order_by(UnitAttempt.id)
    )
    return list(db.session.scalars(query))


def _next_number(evidence: Evidence) -> int:
    """One more than any ever given to this candidate at this centre; never reused."""
    query = select(func.max(Evidence.number)).where(
        Evidence.candidate_id == evidence.candidate_id, Evidence.centre_id == evidence.centre_id
    )
    return (db.session.scalar(query) or 0) + 1


def _seal(evidence: Evidence) -> EvidenceVersion:
    fields = {name: getattr(evidence, name) for name in EVIDENCE_FIELDS}
    attachments = list(evidence.attachments)
    last = db.session.scalar(
        select(func.max(EvidenceVersion.number)).where(EvidenceVersion.evidence_id == evidence.id)
    )
    version = EvidenceVersion(
        evidence_id=evidence.id,
        number=(last or 0) + 1,
        content_hash=_content_hash(fields, [(each.name, each.size, each.sha256) for each in attachments]),
        sealed_at=now(),
        **fields,
    )
    db.session.add(version)
    db.session.flush()
    db.session.add_all(VersionAttachment(version_id=version.id, attachment_id=each.id) for each in attachments)
    db.session.flush()
    return version


def _content_hash(fields: dict[str, object], files: list[tuple[str, int, str]]) -> str:
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
            Allocation.until_at.is_(None),
        )
        .distinct()
    )
    for assessor in db.session.scalars(query):
        mail.tell(
            assessor,
            f"evidence_submitted:{evidence.id}",
            f"{evidence.candidate.name} has submitted evidence {evidence.number}",
            f"“{version.title}” waits in your queue: {mail.link('/queue')}",
        )
