"""Drafts: begun, saved as they are typed, thrown away."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import func, select

from tracker.clock import now, today
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.canonical_json import sha256
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import EVIDENCE_FIELDS, Claim, Evidence, IdempotencyKey, Submission, UnitAttempt
from tracker.models.portfolio import EvidenceVersion
from tracker.portfolio.services.claims import check_simulation
from tracker.vocabulary import AttemptState, Method

MAX_LENGTH = {
    "title": 200,
    "occasion": 200,
    "customers": 200,
    "kept_where": 200,
    "kept_by": 200,
    "kept_seen_by": 200,
    "narrative": 20_000,
}
LABELS = {
    "title": "What is it?",
    "occasion": "Occasion",
    "customers": "Customers",
    "kept_where": "Where is it?",
    "kept_by": "Who holds it?",
    "kept_seen_by": "Who saw it?",
    "narrative": "What did you do?",
}
EARLIEST = date(1950, 1, 1)
MAX_DRAFTS = 500
BEGUN = sha256("tracker.draft-begun", b"")
"""Stands where a signing form keeps its body's hash: a draft may be begun with any text."""


def begin_evidence(candidate_id: int, centre_id: int, key: str = "") -> Evidence:
    """A new, empty draft. No event: nothing has been handed in.

    `key` names the form it is begun with: sent again, it leads to the draft that it began.
    """
    if begun := _find_begun(candidate_id, key):
        return begun
    _check_room_for_drafts(candidate_id)
    moment = now()
    evidence = Evidence(
        candidate_id=candidate_id,
        centre_id=centre_id,
        created_at=moment,
        updated_at=moment,
        **dict.fromkeys(MAX_LENGTH, ""),
    )
    db.session.add(evidence)
    db.session.flush()
    if key:
        location = f"/evidence/{evidence.id}/edit"
        db.session.add(
            IdempotencyKey(person_id=candidate_id, key=key[:64], body_hash=BEGUN, location=location, used_at=moment)
        )
        db.session.flush()
    return evidence


def save_draft(evidence: Evidence, fields: Mapping[str, Any], seen_version: int | None) -> dict[str, str]:
    """Save what was typed, as far as it can be: a draft may be incomplete.

    `fields` holds any of the evidence fields; the others stay. What comes out names the fields that were left
    as they were, each with the sentence that says why. Raises `Conflict` when somebody (or another tab) saved
    something else since it was shown; then nothing is saved.
    """
    lock_rows(Evidence, [evidence.id])
    problems = find_problems(fields)
    if sentence := _simulation_problem(evidence, fields):
        problems["method"] = sentence
    changed = {
        name: value for name, value in fields.items() if name not in problems and getattr(evidence, name) != value
    }
    if changed and seen_version is not None and seen_version != evidence.version:
        raise Conflict(
            "This item was changed in another window since you opened it. What you typed is still on this page, "
            "but not saved yet. Look at the item as it is saved, then save here again to put this in its place."
        )
    for name, value in changed.items():
        setattr(evidence, name, value)
    if changed:
        evidence.updated_at = now()
        db.session.flush()
    return problems


def find_problems(fields: Mapping[str, Any]) -> dict[str, str]:
    """What cannot be kept, by field: text that is too long, a future day, a period that ends before it begins."""
    return dict(_problems(fields))


def discard_draft(evidence: Evidence, actor: Actor) -> None:
    """Throw away a draft that was never handed in; its claims go with it."""
    lock_rows(Evidence, [evidence.id])
    if evidence.number is not None:
        raise Refused("This item was handed in before, so it stays in your index. Nothing was changed.")
    moment = now()
    evidence.discarded_at = moment
    claims = select(Claim).where(Claim.evidence_id == evidence.id, Claim.removed_at.is_(None))
    for claim in db.session.scalars(claims):
        claim.removed_at, claim.removed_by_id = moment, actor.person_id
    record("draft_discarded", evidence, actor)


def differs_from(evidence: Evidence, version: EvidenceVersion | None) -> bool:
    """Whether the draft says anything that this version does not."""
    if version is None:
        return True
    if any(getattr(evidence, name) != getattr(version, name) for name in EVIDENCE_FIELDS):
        return True
    return {each.id for each in evidence.attachments} != {each.id for each in version.attachments}


def find_latest_version(evidence: Evidence) -> EvidenceVersion | None:
    """The latest version that was handed in and not taken back."""
    query = (
        select(EvidenceVersion)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(EvidenceVersion.evidence_id == evidence.id, Submission.withdrawn_at.is_(None))
        .order_by(EvidenceVersion.number.desc())
        .limit(1)
    )
    return db.session.scalars(query).one_or_none()


def _problems(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, limit in MAX_LENGTH.items():
        if (length := len(fields.get(name) or "")) > limit:
            yield name, f"“{LABELS[name]}” takes at most {limit:,} characters; there are {length:,}. Shorten it."
    start, end = fields.get("happened_from"), fields.get("happened_until")
    if start and end and end < start:
        yield "happened_until", "The last day lies before the first. Change one of them."
    for name, day in (("happened_from", start), ("happened_until", end)):
        if day and day > today():
            yield name, "That day lies in the future. Evidence is of something that has happened."
        elif day and day < EARLIEST:
            yield name, f"That day lies before {EARLIEST.year}. Check the year."


def _simulation_problem(evidence: Evidence, fields: Mapping[str, Any]) -> str | None:
    """Why the method may not become simulation: a unit that this item claims in forbids it."""
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


def _find_begun(candidate_id: int, key: str) -> Evidence | None:
    """The draft that the form with this key began, while it is one."""
    row = db.session.get(IdempotencyKey, (candidate_id, key[:64])) if key else None
    if row is None:
        return None
    evidence = db.session.get(Evidence, int(row.location.split("/")[2])) if row.body_hash == BEGUN else None
    if evidence is None or evidence.discarded_at or evidence.number is not None:
        raise Invalid("This form was already used for another item. Open “Log evidence” again for a new one.")
    return evidence


def _check_room_for_drafts(candidate_id: int) -> None:
    query = select(func.count(Evidence.id)).where(
        Evidence.candidate_id == candidate_id, Evidence.number.is_(None), Evidence.discarded_at.is_(None)
    )
    if (db.session.scalar(query) or 0) >= MAX_DRAFTS:
        raise Refused(f"There are {MAX_DRAFTS} drafts already. Submit or discard some first. Nothing was saved.")
