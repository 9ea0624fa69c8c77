"""Drafts: begun, saved as they are typed, thrown away."""

from datetime import date
from typing import Any

from sqlalchemy import select

from tracker.clock import now, today
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger import Actor, record
from tracker.models import EVIDENCE_FIELDS, Claim, Evidence, Submission, UnitAttempt
from tracker.models.portfolio import EvidenceVersion
from tracker.portfolio.services.claims import check_simulation
from tracker.vocabulary import AttemptState, Method

LONGEST = {
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
TOO_MANY_DRAFTS = 500


def begin_evidence(candidate_id: int, centre_id: int) -> Evidence:
    """A new, empty draft. No event: nothing has been handed in."""
    open_drafts = select(Evidence.id).where(
        Evidence.candidate_id == candidate_id, Evidence.number.is_(None), Evidence.discarded_at.is_(None)
    )
    if len(db.session.scalars(open_drafts.limit(TOO_MANY_DRAFTS)).all()) >= TOO_MANY_DRAFTS:
        raise Refused("There are 500 drafts already. Submit or discard some first. Nothing was saved.")
    moment = now()
    evidence = Evidence(
        candidate_id=candidate_id,
        centre_id=centre_id,
        created_at=moment,
        updated_at=moment,
        **dict.fromkeys(LONGEST, ""),
    )
    db.session.add(evidence)
    db.session.flush()
    return evidence


def save_draft(evidence: Evidence, fields: dict[str, Any], seen_version: int | None) -> Evidence:
    """Save what was typed. Raises `Conflict` when somebody (or another tab) saved since it was shown.

    `fields` holds any of the evidence fields; the others stay. Nothing but lengths, dates and a forbidden
    simulation is refused: a draft may be incomplete.
    """
    if seen_version is not None and seen_version != evidence.version:
        raise Conflict(
            "This item was changed in another window since you opened it. What you typed here is not saved yet: "
            "copy it, reload the page, and add it to what is there."
        )
    check_fields(fields)
    if fields.get("method") is Method.SIMULATION and evidence.method is not Method.SIMULATION:
        _check_no_forbidding_claims(evidence)
    changed = {name: value for name, value in fields.items() if getattr(evidence, name) != value}
    for name, value in changed.items():
        setattr(evidence, name, value)
    if changed:
        evidence.updated_at = now()
        db.session.flush()
    return evidence


def check_fields(fields: dict[str, Any]) -> None:
    """Raise `Invalid` for text that is too long, a future day, or a period that ends before it begins."""
    for name, limit in LONGEST.items():
        if len(fields.get(name) or "") > limit:
            raise Invalid(
                f"“{LABELS[name]}” takes at most {limit:,} characters; there are {len(fields[name]):,}.", name
            )
    start, end = fields.get("happened_from"), fields.get("happened_until")
    for name, day in (("happened_from", start), ("happened_until", end)):
        if isinstance(day, date) and day > today():
            raise Invalid("The day lies in the future. Evidence is of something that happened.", name)
    if start and end and end < start:
        raise Invalid("The last day lies before the first.", "happened_until")


def discard_draft(evidence: Evidence, actor: Actor) -> None:
    """Throw away a draft that was never handed in; its claims go with it."""
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


def _check_no_forbidding_claims(evidence: Evidence) -> None:
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
    for attempt in db.session.scalars(query):
        check_simulation(attempt, Method.SIMULATION)
