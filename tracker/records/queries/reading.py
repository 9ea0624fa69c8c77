"""Queries for the page of a record: the versions that a reader sees, with their answers, its claims and verifiers."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from tracker.extensions import db
from tracker.models import Acknowledgement, Allocation, Claim, Evidence, EvidenceVersion, Person, UnitAttempt
from tracker.portfolio.queries.item_records import CLAIMS, EvidenceClaim, ItemRecord
from tracker.registrations.current_allocations import is_current
from tracker.statements import fetch_rows
from tracker.vocabulary import Role


def list_versions(record: Evidence) -> list[EvidenceVersion]:
    """List the versions of a record with the answers to them, the newest first. Two statements.

    Versions whose objection was upheld are among them.
    """
    query = (
        select(EvidenceVersion)
        .where(EvidenceVersion.evidence_id == record.id)
        .options(
            joinedload(EvidenceVersion.submission),
            selectinload(EvidenceVersion.acknowledgements).joinedload(Acknowledgement.acknowledged_by),
        )
        .order_by(EvidenceVersion.number.desc())
    )
    return list(db.session.scalars(query))


def select_readable(versions: Sequence[EvidenceVersion], attempts: Collection[UnitAttempt]) -> list[EvidenceVersion]:
    """Return the versions that any of these attempts sees: a signed one sees those finished before it was signed."""
    return [
        version
        for version in versions
        if any(
            attempt.assessed_at is None or version.submission.submitted_at <= attempt.assessed_at
            for attempt in attempts
        )
    ]


def list_record_claims(record: Evidence, attempts: Collection[UnitAttempt]) -> tuple[list[EvidenceClaim], list[str]]:
    """List the claims of a record in these attempts with their decisions, and the codes of the other units it claims.

    docs/rules.md, Who sees what, rule 3. One statement.
    """
    claims = ItemRecord(record.id, fetch_rows(CLAIMS, evidence_id=record.id), (), ()).claims
    ids = {attempt.id for attempt in attempts}
    codes = {claim.code for claim in claims if claim.attempt_id not in ids and claim.removed_reason is None}
    return [claim for claim in claims if claim.attempt_id in ids], sorted(codes)


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
