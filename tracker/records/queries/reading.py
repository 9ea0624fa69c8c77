"""Queries for the page of a record: its newest version with the answers to it, its claims and verifiers."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from tracker.extensions import db
from tracker.models import Acknowledgement, Allocation, Claim, Evidence, EvidenceVersion, Person, UnitAttempt
from tracker.portfolio.queries.item_records import CLAIMS, EvidenceClaim, ItemRecord
from tracker.registrations.current_allocations import is_current
from tracker.statements import fetch_rows
from tracker.vocabulary import Role


def find_newest_version(record: Evidence) -> EvidenceVersion | None:
    """Return the newest version of a record, also one whose objection was upheld, with the answers to it."""
    query = (
        select(EvidenceVersion)
        .where(EvidenceVersion.evidence_id == record.id)
        .options(
            joinedload(EvidenceVersion.submission),
            selectinload(EvidenceVersion.acknowledgements).joinedload(Acknowledgement.acknowledged_by),
        )
        .order_by(EvidenceVersion.number.desc())
        .limit(1)
    )
    return db.session.scalars(query).one_or_none()


def list_record_claims(record: Evidence) -> list[EvidenceClaim]:
    """List the claims of a record with their decisions, in one statement."""
    return ItemRecord(record.id, fetch_rows(CLAIMS, evidence_id=record.id), (), ()).claims


def list_verifier_names(record: Evidence) -> list[str]:
    """List the internal verifiers to whom a unit that the record claims in is allocated now."""
    query = (
        select(Person.name)
        .join(Allocation, Allocation.person_id == Person.id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(
            UnitAttempt.id.in_(
                select(Claim.attempt_id).where(Claim.evidence_id == record.id, Claim.removed_at.is_(None))
            ),
            Allocation.role == Role.INTERNAL_VERIFIER,
            is_current(),
        )
        .distinct()
        .order_by(Person.name)
    )
    return list(db.session.scalars(query))
