"""Queries for the page of a record: the versions that a reader sees, with their answers, its claims and verifiers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import joinedload

from tracker.errors import NotFound
from tracker.extensions import db
from tracker.matrix.record_standing import find_standing
from tracker.models import (
    Acknowledgement,
    Allocation,
    Attachment,
    Claim,
    Evidence,
    EvidenceVersion,
    Person,
    RecordWithdrawal,
    Registration,
    UnitAttempt,
    VersionAttachment,
)
from tracker.portfolio.queries.item_records import CLAIMS, EvidenceClaim, ItemRecord
from tracker.portfolio.queries.records import IS_IN_USE
from tracker.registrations.current_allocations import is_current
from tracker.registrations.separation_of_duties import list_assessed
from tracker.statements import fetch_rows
from tracker.vocabulary import AttemptState, RecordStanding, Role
from tracker.web.authorise import RolesInRecord


@dataclass(frozen=True)
class ShownVersion:
    """A version of a record that its reader chose, among those that they see."""

    version: EvidenceVersion
    versions: Sequence[EvidenceVersion]
    """Those that the reader sees, the newest first."""
    standings: Mapping[int, RecordStanding | None]
    """The standing of each version, by its number."""
    is_newest: bool
    """Whether no version, seen or not, is newer."""
    decides: bool
    """Whether the reader is an internal verifier of a record whose newest version is objected to."""

    @property
    def shows_claims(self) -> bool:
        """Return whether the record's claims belong to the version: the newest that the reader sees, and in use."""
        return self.version is self.versions[0] and self.version.submission.withdrawn_at is None

    @property
    def newest_number(self) -> int:
        """Return the number of the newest version, seen or not: none but that one can be answered."""
        return max(self.standings)

    @property
    def standing(self) -> RecordStanding | None:
        """Return the standing of the version."""
        return self.standings[self.version.number]

    def list_acts(self) -> list[tuple[Person, datetime]]:
        """List who finished, declared, answered and withdrew the version, each with the moment of it."""
        version, author = self.version, self.version.evidence.author
        acts = [(each.acknowledged_by, each.acknowledged_at) for each in version.acknowledgements]
        if author:
            acts += [(author, version.sealed_at), (author, version.submission.submitted_at)]
        if version.withdrawal:
            acts.append((version.withdrawal.withdrawn_by, version.withdrawal.withdrawn_at))
        return acts


def find_shown_version(record: Evidence, reader: RolesInRecord, person_id: int, number: int | None) -> ShownVersion:
    """Return a version of a record for a reader (docs/rules.md, Records of assessment, rule 2). One statement.

    Args:
        record: the record.
        reader: the reader's roles in it.
        person_id: the reader.
        number: the number of the version; None for the newest that the reader sees.

    Raises:
        NotFound: the reader sees no such version.
    """
    versions = list_versions(record)
    standings = {version.number: find_standing(version) for version in versions}
    newest = versions[0].number if versions else 0
    decides = Role.INTERNAL_VERIFIER in reader.roles and standings.get(newest) is RecordStanding.OBJECTED
    if not (record.author_id == person_id or Role.CANDIDATE in reader.roles or decides):
        versions = select_readable(versions, reader.readable_attempts)
    version = next((each for each in versions if number in {None, each.number}), None)
    if version is None:
        raise NotFound
    return ShownVersion(version, versions, standings, version.number == newest, decides)


def list_versions(record: Evidence) -> list[EvidenceVersion]:
    """List the versions of a record with the answers to them, the newest first, in one statement.

    Versions whose objection was upheld are among them.
    """
    query = (
        select(EvidenceVersion)
        .where(EvidenceVersion.evidence_id == record.id)
        .options(
            joinedload(EvidenceVersion.submission),
            joinedload(EvidenceVersion.withdrawal).joinedload(RecordWithdrawal.withdrawn_by),
            joinedload(EvidenceVersion.acknowledgements).joinedload(Acknowledgement.acknowledged_by),
        )
        .order_by(EvidenceVersion.number.desc())
    )
    return list(db.session.scalars(query).unique())


def find_file_in(versions: Collection[EvidenceVersion], attachment_id: int) -> Attachment | None:
    """Return a file that is sealed into one of these versions; None for any other."""
    sealed = select(VersionAttachment.attachment_id).where(
        VersionAttachment.version_id.in_([version.id for version in versions])
    )
    query = select(Attachment).where(Attachment.id == attachment_id, Attachment.id.in_(sealed))
    return db.session.scalars(query).one_or_none()


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


def list_attempts_to_decide(reader: RolesInRecord, claims: Collection[EvidenceClaim]) -> dict[int, str]:
    """Return the attempts in progress in which the reader assesses these claims, each with the code of its unit."""
    own = {
        attempt.id
        for attempt, roles in reader.by_attempt
        if Role.ASSESSOR in roles and attempt.state is AttemptState.IN_PROGRESS
    }
    return {each.attempt_id: each.code for each in claims if each.attempt_id in own and each.removed_reason is None}


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
