"""Sealing of a version of a record of assessment, which its author declares and finishes."""

from collections.abc import Sequence

from tracker.accounts.email_confirmation import has_confirmed_address
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.events import record as record_event
from tracker.models import Evidence, EvidenceVersion, Submission
from tracker.portfolio.services.claims import compute_claims_hash
from tracker.portfolio.services.submissions import seal_version


def seal_record(record: Evidence, declaration: str, attempt_ids: Sequence[int], actor: Actor) -> EvidenceVersion:
    """Seal a record's draft as its next version, submitted under a declaration, and record that it is finished.

    The caller has locked the record, given it its number and claimed its criteria.

    Args:
        record: the record.
        declaration: what its author declares.
        attempt_ids: the attempts in which it claims criteria, in order.
        actor: its author.
    """
    assert actor.person_id is not None  # noqa: S101 - people write records
    assert record.record_kind is not None  # noqa: S101 - it is a record
    version = seal_version(record)
    db.session.add(
        Submission(
            evidence_version_id=version.id,
            declaration=declaration,
            submitted_at=version.sealed_at,
            submitted_by_id=actor.person_id,
            address_confirmed=has_confirmed_address(actor.person_id),
        )
    )
    db.session.flush()
    record_event(
        "record_finished",
        version,
        actor,
        kind=record.record_kind.value,
        evidence=record.id,
        number=record.number,
        version=version.number,
        content=version.content_hash,
        claims=compute_claims_hash(record),
        attempt=attempt_ids[0],
        attempts=list(attempt_ids),
        rows=list(record.attachments),
    )
    return version
