"""Drafts of evidence: created, saved while they are typed, discarded."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import bindparam, func, select

from tracker.accounts.person_names import remove_invisible_characters
from tracker.clock import now, today
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import sha256
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import ADDED_FIELDS, SEALED_FIELDS, Claim, Evidence, IdempotencyKey, Submission, UnitAttempt
from tracker.models.portfolio import EvidenceVersion
from tracker.portfolio.services.claims import check_simulation
from tracker.vocabulary import AttemptState, Method

MAX_LENGTH = {
    "title": 200,
    "occasion": 200,
    "customers": 200,
    "workplace_location": 200,
    "workplace_holder": 200,
    "workplace_seen_by": 200,
    "narrative": 20_000,
    "response": 10_000,
    "witness_name": 200,
    "witness_relationship": 200,
    "witness_status": 200,
}
LABELS = {
    "title": "Title",
    "occasion": "Occasion",
    "customers": "Customers",
    "workplace_location": "Where it is kept",
    "workplace_holder": "Who keeps it",
    "workplace_seen_by": "Who has seen it",
    "narrative": "Your written account of what you did",
    "response": "Your answer",
    "witness_name": "Name of the witness",
    "witness_relationship": "Job or relationship to you",
    "witness_status": "Status of an expert witness",
}
EARLIEST_DATE = date(1950, 1, 1)
MAX_DRAFTS = 500
DRAFT_CREATED = sha256("tracker.draft-created", b"")
"""The body hash in the idempotency key of a new draft, whose text may differ when its form is sent again."""


def create_draft(candidate_id: int, centre_id: int, key: str = "") -> Evidence:
    """Create an empty draft. No event is recorded, since nothing has been submitted.

    `key` is the idempotency key of the form: when the form is sent again, its first draft is returned.
    """
    if draft := _find_created_draft(candidate_id, key):
        return draft
    _check_draft_limit(candidate_id)
    moment = now()
    evidence = Evidence(
        candidate_id=candidate_id,
        centre_id=centre_id,
        created_at=moment,
        updated_at=moment,
        **dict.fromkeys(MAX_LENGTH.keys() - ADDED_FIELDS, ""),
    )
    db.session.add(evidence)
    db.session.flush()
    if key:
        location = f"/evidence/{evidence.id}/edit"
        db.session.add(
            IdempotencyKey(
                person_id=candidate_id, key=key[:64], body_hash=DRAFT_CREATED, location=location, used_at=moment
            )
        )
        db.session.flush()
    return evidence


def save_draft(evidence: Evidence, fields: Mapping[str, Any], seen_version: int | None) -> dict[str, str]:
    """Save the fields that can be saved, and return the problem of each field that cannot, by its name.

    A draft may be incomplete. `fields` holds any of the evidence fields; the others stay as they are. Raises
    `Conflict` when the draft was saved elsewhere since it was shown as `seen_version`; then nothing is saved.
    """
    lock_rows(Evidence, [evidence.id])
    if "title" in fields:
        fields = {**fields, "title": remove_invisible_characters(fields["title"] or "")}
    problems = find_problems(fields)
    if sentence := _find_simulation_problem(evidence, fields):
        problems["method"] = sentence
    changed = {
        name: value for name, value in fields.items() if name not in problems and getattr(evidence, name) != value
    }
    if changed and seen_version is not None and seen_version != evidence.version:
        raise Conflict(
            "This item was changed in another window since you opened it. What you typed is still on this page, "
            "but not saved. Check the saved item, then save here again to replace it."
        )
    for name, value in changed.items():
        setattr(evidence, name, value)
    if changed:
        evidence.updated_at = now()
        db.session.flush()
    return problems


def find_problems(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the problems of fields by name: text that is too long, a future date, an end before the start."""
    return dict(_iterate_problems(fields))


def discard_draft(evidence: Evidence, actor: Actor) -> None:
    """Discard a draft that was never submitted, and remove its claims."""
    lock_rows(Evidence, [evidence.id])
    if evidence.number is not None:
        raise Refused("This item has been submitted, so it stays in your index. Nothing was changed.")
    moment = now()
    evidence.discarded_at = moment
    claims = select(Claim).where(Claim.evidence_id == evidence.id, Claim.removed_at.is_(None))
    for claim in db.session.scalars(claims):
        claim.removed_at, claim.removed_by_id = moment, actor.person_id
    record("draft_discarded", evidence, actor)


def has_changes_since(evidence: Evidence, version: EvidenceVersion | None) -> bool:
    """Return whether the draft has an answer to a return, or other fields, files or order of files than a version.

    Always true for None.
    """
    if version is None or evidence.response:
        return True
    if any(getattr(evidence, name) != getattr(version, name) for name in SEALED_FIELDS if name != "response"):
        return True
    return [each.id for each in evidence.attachments] != [each.id for each in version.attachments]


LATEST_VERSION = (
    select(EvidenceVersion)
    .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
    .where(EvidenceVersion.evidence_id == bindparam("evidence_id"), Submission.withdrawn_at.is_(None))
    .order_by(EvidenceVersion.number.desc())
    .limit(1)
)


def find_latest_version(evidence: Evidence) -> EvidenceVersion | None:
    """Return the latest version that was submitted and not withdrawn."""
    return db.session.scalars(LATEST_VERSION, {"evidence_id": evidence.id}).one_or_none()


def _iterate_problems(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, limit in MAX_LENGTH.items():
        if (length := len(fields.get(name) or "")) > limit:
            yield name, f"“{LABELS[name]}” can have at most {limit:,} characters; yours has {length:,}. Shorten it."
    start, end = fields.get("happened_from"), fields.get("happened_until")
    if start and end and end < start:
        yield "happened_until", "The end date is before the start date. Change one of them."
    for name, day in (("happened_from", start), ("happened_until", end)):
        if day and day > today():
            yield name, "Enter a date that is not in the future."
        elif day and day < EARLIEST_DATE:
            yield name, f"Enter a date in or after {EARLIEST_DATE.year}."


def _find_simulation_problem(evidence: Evidence, fields: Mapping[str, Any]) -> str | None:
    """Return why the method cannot become simulation, where a unit that the item has claims in forbids it."""
    if fields.get("method") is not Method.SIMULATION or evidence.method is Method.SIMULATION:
        return None
    query = (
        select(UnitAttempt)
        .join(Claim, Claim.attempt_id == UnitAttempt.id)
        .where(
            Claim.evidence_id == evidence.id,
            Claim.removed_at.is_(None),
            UnitAttempt.state == AttemptState.IN_PROGRESS,
        )
        .distinct()
    )
    try:
        for attempt in db.session.scalars(query):
            check_simulation(attempt, Method.SIMULATION)
    except Refused as refusal:
        return str(refusal)
    return None


def _find_created_draft(candidate_id: int, key: str) -> Evidence | None:
    """Return the draft that the form with this key created. Raises `Invalid` when it is no longer a draft."""
    row = db.session.get(IdempotencyKey, (candidate_id, key[:64])) if key else None
    if row is None:
        return None
    evidence = db.session.get(Evidence, int(row.location.split("/")[2])) if row.body_hash == DRAFT_CREATED else None
    if evidence is None or evidence.discarded_at or evidence.number is not None:
        raise Invalid("This form was already used for another item. Choose “Add evidence” to start a new one.")
    return evidence


def _check_draft_limit(candidate_id: int) -> None:
    query = select(func.count(Evidence.id)).where(
        Evidence.candidate_id == candidate_id,
        Evidence.record_kind.is_(None),  # neither records of others nor questions that an assessor set
        Evidence.number.is_(None),
        Evidence.discarded_at.is_(None),
    )
    if (db.session.scalar(query) or 0) >= MAX_DRAFTS:
        raise Refused(
            f"You have {MAX_DRAFTS} drafts, which is the maximum. Nothing was saved. Submit or discard some first."
        )
