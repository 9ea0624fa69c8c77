"""Queries for the page of a record: the versions that a reader sees, with their answers, its claims and verifiers."""

from collections.abc import Collection, Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import joinedload, selectinload

from tracker.extensions import db
from tracker.models import (
    Acknowledgement,
    Allocation,
    Claim,
    Evidence,
    EvidenceVersion,
    Person,
    Registration,
    UnitAttempt,
)
from tracker.portfolio.queries.item_records import CLAIMS, EvidenceClaim, ItemRecord
from tracker.portfolio.queries.records import IS_IN_USE
from tracker.registrations.current_allocations import is_current
from tracker.registrations.separation_of_duties import list_assessed
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


def list_deciders(record: Evidence) -> list[Person]:
    """List the internal verifiers who may decide an objection to a record, in two statements.

    A unit in use that the record claims criteria in is allocated to each of them now. They did not write the record,
    and have assessed none of its units (docs/rules.md, Records of assessment, rule 5).
    """
    claimed = select(Claim.attempt_id).where(Claim.evidence_id == record.id, Claim.removed_at.is_(None))
    query = (
        select(Person, UnitAttempt.id)
        .select_from(UnitAttempt)
        .join(Registration, Registration.id == UnitAttempt.registration_id)
        .outerjoin(
            Allocation,
            and_(
                Allocation.attempt_id == UnitAttempt.id,
                Allocation.role == Role.INTERNAL_VERIFIER,
                is_current(),
                *IS_IN_USE,
            ),
        )
        .outerjoin(Person, Person.id == Allocation.person_id)
        .where(UnitAttempt.id.in_(claimed))
        .order_by(Person.name)
    )
    rows = db.session.execute(query).all()
    people = {person.id: person for person, _ in rows if person}
    if not people:
        return []
    attempt_ids = {attempt_id for _, attempt_id in rows}
    excluded = {person_id for person_id, _ in list_assessed(people.keys(), attempt_ids)}
    own = {record.author_id, record.candidate_id}
    return [person for person in people.values() if person.id not in excluded | own]
