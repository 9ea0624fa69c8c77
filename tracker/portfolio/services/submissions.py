"""Submission of evidence: the draft is sealed as a version, numbered once, and the assessors are emailed."""

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from tracker.accounts.email_confirmation import has_confirmed_address
from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import (
    ADDED_FIELDS,
    EVIDENCE_FIELDS,
    SEALED_FIELDS,
    Assessment,
    Claim,
    Evidence,
    EvidenceVersion,
    Grant,
    Submission,
    UnitAttempt,
    VersionAttachment,
)
from tracker.portfolio.emails import notify_assessors
from tracker.portfolio.services.claims import check_simulation, compute_claims_hash
from tracker.portfolio.services.evidence import find_latest_version, find_problems, has_changes_since
from tracker.registrations.due_releases import end_countersignatures_in, release_due_assessments_in
from tracker.vocabulary import AttemptState, CountersignatureEnd, Method

OWN_WORK = "that this evidence is my own work, that it shows what I did"
AUTHENTICITY = {
    Method.OBSERVATION: "that this is a true record of an observation of me at work",
    Method.WITNESS_TESTIMONY: "that the witness gave this testimony, and that it is about work I did myself",
    Method.EXPERT_WITNESS: "that the expert witness gave this testimony, and that it is about work I did myself",
    Method.PROFESSIONAL_DISCUSSION: "that this is a true record of the discussion, and that the answers are my own",
    Method.QUESTIONING: "that the answers are my own",
    Method.PRIOR_LEARNING: "that this evidence shows what I achieved myself before I began this award",
    Method.SIMULATION: "that this evidence shows what I did myself in a simulation",
}
"""What the candidate declares about evidence, by method; `OWN_WORK` for any other method."""


def build_declaration(method: Method | None) -> str:
    """Return the declaration for evidence of this method (docs/rules.md, Evidence, rule 4)."""
    authenticity = AUTHENTICITY.get(method, OWN_WORK) if method else OWN_WORK
    return (
        f"I declare {authenticity}, and that I have removed customers’ personal details "
        "or have permission to use them."
    )


def submit_evidence(evidence: Evidence, actor: Actor, seen_version: int | None = None) -> EvidenceVersion:
    """Seal the draft as the next version and submit it under the declaration.

    Locks the grant, the attempts and the evidence, in this order. Raises `Invalid` for an incomplete item, `Refused`
    when nothing has changed since the last version, and `Conflict` when the draft was changed since it was shown as
    `seen_version`.
    """
    attempts = _lock_with_attempts(evidence, actor)
    if seen_version is not None and seen_version != evidence.version:
        raise Conflict(
            "This item was changed in another window since you opened this page. Nothing was submitted. "
            "Read the current text below, then submit it."
        )
    check_complete(evidence, attempts)
    latest = find_latest_version(evidence)
    if not has_changes_since(evidence, latest):
        raise Refused("Nothing has changed since you submitted this item, so there is nothing to submit.")
    end_countersignatures_in(attempts, CountersignatureEnd.NEW_VERSION, actor, evidence_id=evidence.id)
    is_first = evidence.number is None
    if is_first:
        evidence.number = get_next_number(evidence)
    version = seal_version(evidence)
    db.session.add(
        Submission(
            evidence_version_id=version.id,
            declaration=build_declaration(evidence.method),
            submitted_at=version.sealed_at,
            submitted_by_id=evidence.candidate_id,
            address_confirmed=has_confirmed_address(evidence.candidate_id),
        )
    )
    db.session.flush()
    claims = select(Claim).where(Claim.evidence_id == evidence.id)
    if not is_first:
        # The removal of a claim from a submitted item is an event of its own; from a draft it is not.
        claims = claims.where(Claim.removed_at.is_(None))
    record(
        "evidence_submitted",
        version,
        actor,
        evidence=evidence.id,
        number=evidence.number,
        version=version.number,
        content=version.content_hash,
        claims=compute_claims_hash(evidence),
        rows=[*evidence.attachments, *db.session.scalars(claims)],
    )
    notify_assessors(evidence, version, attempts)
    return version


def withdraw_submission(evidence: Evidence, actor: Actor) -> None:
    """Withdraw the latest version while nobody has begun to assess it, and give its answer back to the draft."""
    _lock_with_attempts(evidence, actor)
    version = find_latest_version(evidence)
    if version is None:
        raise Refused("This item is not submitted. Nothing was changed.")
    if db.session.scalar(select(Assessment.id).where(Assessment.evidence_version_id == version.id).limit(1)):
        raise Refused(
            "Your assessor has started to assess this item, so it can no longer be withdrawn. Nothing was changed. "
            "You can submit a new version when you have their feedback."
        )
    version.submission.withdrawn_at = now()
    evidence.response = evidence.response or version.response
    record("submission_withdrawn", version, actor, evidence=evidence.id, version=version.number)


class IncompleteEvidence(Invalid):
    """An item that lacks something that a submission needs; `missing` has a sentence for each thing."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"{' '.join(missing)} Everything typed so far is saved.")
        self.missing = missing


def list_missing(evidence: Evidence, *, has_claims: bool) -> list[str]:
    """List what is missing before an item can be submitted, a sentence for each thing.

    Args:
        evidence: the item.
        has_claims: whether the item claims a criterion of an open unit.
    """
    written = evidence.narrative.strip() or evidence.content
    has_content = written or evidence.attachments or evidence.workplace_location.strip()
    requirements = (
        (evidence.title.strip(), "Enter a title."),
        (evidence.method, "Choose the method."),
        (evidence.happened_from, "Enter the date the evidence was produced."),
        (has_content, "Write what you did, add a file, or enter where it is kept."),
        (has_claims, "Choose at least one criterion of an open unit."),
    )
    return [sentence for value, sentence in requirements if not value]


def check_complete(evidence: Evidence, attempts: list[UnitAttempt]) -> None:
    """Raise `IncompleteEvidence` naming everything that is missing before an item can be submitted."""
    if missing := list_missing(evidence, has_claims=bool(attempts)):
        raise IncompleteEvidence(missing)
    if problems := find_problems({name: getattr(evidence, name) for name in EVIDENCE_FIELDS}):
        raise Invalid(f"{next(iter(problems.values()))} Everything typed so far is saved.")
    for attempt in attempts:
        check_simulation(attempt, evidence.method)


def _lock_with_attempts(evidence: Evidence, actor: Actor) -> list[UnitAttempt]:
    """Lock the grant, the attempts and the evidence, and return the open attempts in which the item has claims.

    Raises `Refused` when the candidate was withdrawn from the registration of each of them.
    """
    if actor.grant_id:
        lock_rows(Grant, [actor.grant_id])
    attempts = _list_claimed_attempts(evidence)
    lock_rows(UnitAttempt, (attempt.id for attempt in attempts))
    release_due_assessments_in(attempts)
    lock_rows(Evidence, [evidence.id])
    in_progress = [attempt for attempt in attempts if attempt.state is AttemptState.IN_PROGRESS]
    open_attempts = [attempt for attempt in in_progress if not attempt.registration.withdrawn_at]
    if in_progress and not open_attempts:
        raise Refused(
            "Your centre has withdrawn your registration, so you cannot submit or withdraw evidence. "
            "Everything you saved is kept. Ask your centre’s administrator."
        )
    return open_attempts


def _list_claimed_attempts(evidence: Evidence) -> list[UnitAttempt]:
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


def get_next_number(evidence: Evidence) -> int:
    """Return one more than any number given to this candidate at this centre; numbers are never reused."""
    query = select(func.max(Evidence.number)).where(
        Evidence.candidate_id == evidence.candidate_id, Evidence.centre_id == evidence.centre_id
    )
    return (db.session.scalar(query) or 0) + 1


def get_next_version_number(evidence: Evidence) -> int:
    """Return the number of the next version; withdrawn versions keep theirs."""
    query = select(func.max(EvidenceVersion.number)).where(EvidenceVersion.evidence_id == evidence.id)
    return (db.session.scalar(query) or 0) + 1


def seal_version(evidence: Evidence) -> EvidenceVersion:
    """Seal the draft and its files as the next version, and return it."""
    fields = {name: getattr(evidence, name) for name in SEALED_FIELDS}
    attachments = list(evidence.attachments)
    version = EvidenceVersion(
        evidence_id=evidence.id,
        number=get_next_version_number(evidence),
        content_hash=compute_content_hash(fields, [(each.name, each.size, each.sha256) for each in attachments]),
        sealed_at=now(),
        **fields,
    )
    db.session.add(version)
    db.session.flush()
    db.session.add_all(
        VersionAttachment(version_id=version.id, attachment_id=each.id, position=position)
        for position, each in enumerate(attachments, 1)
    )
    evidence.response = None  # the next return is answered anew
    db.session.flush()
    return version


def compute_content_hash(fields: dict[str, object], files: list[tuple[str, int, str]]) -> str:
    """Return the hash of every field and file as canonical JSON: dates in ISO format, enums as their values.

    A field that was added later is left out while it is empty, so that older versions keep their hashes.
    """
    plain = {
        name: value if value is None or isinstance(value, str | int) else value.isoformat()  # type: ignore[attr-defined]  # all other values are dates; an author is a number
        for name, value in fields.items()
        if value is not None or name not in ADDED_FIELDS
    }
    return sha256("tracker.evidence.v1", canonical_json({"fields": plain, "files": [list(each) for each in files]}))
