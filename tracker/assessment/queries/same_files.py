"""Query for the items with the same files as an item, for the assessor of both."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, exists, select

from tracker.models import (
    Allocation,
    Attachment,
    Claim,
    Evidence,
    EvidenceVersion,
    Person,
    Submission,
    UnitAttempt,
    VersionAttachment,
)
from tracker.registrations.current_allocations import is_current
from tracker.statements import fetch_rows, ids
from tracker.vocabulary import Role


@dataclass(frozen=True, slots=True)
class ItemWithSameFile:
    """A submitted item with a file of another item, in a unit allocated to the assessor."""

    attempt_id: int
    evidence_id: int
    evidence_number: int
    candidate: str


ITEMS_WITH_SAME_FILES = (
    select(UnitAttempt.id, Evidence.id, Evidence.number, Person.name)
    .join(Claim, Claim.attempt_id == UnitAttempt.id)
    .join(Evidence, Evidence.id == Claim.evidence_id)
    .join(Person, Person.id == Evidence.candidate_id)
    .join(Attachment, Attachment.evidence_id == Evidence.id)
    .where(
        Attachment.sha256.in_(ids("hashes")),
        Evidence.centre_id == bindparam("centre_id"),
        Evidence.id != bindparam("evidence_id"),
        Claim.removed_at.is_(None),
        exists().where(
            VersionAttachment.attachment_id == Attachment.id,
            VersionAttachment.version_id == Submission.evidence_version_id,
            Submission.withdrawn_at.is_(None),
        ),
        exists().where(
            Allocation.attempt_id == UnitAttempt.id,
            Allocation.person_id == bindparam("person_id"),
            Allocation.role == Role.ASSESSOR,
            is_current(),
        ),
    )
    .order_by(Person.name, Evidence.number, UnitAttempt.id)
)


def list_items_with_same_files(
    version: EvidenceVersion, attachments: Iterable[Attachment], person_id: int
) -> list[ItemWithSameFile]:
    """List the submitted items that have a file of this version and that this assessor may read, one row for an item.

    Runs at most one SQL statement (docs/rules.md, Warnings, rule 7).
    """
    hashes = {each.sha256 for each in attachments}
    if not hashes:
        return []
    rows = fetch_rows(
        ITEMS_WITH_SAME_FILES,
        hashes=list(hashes),
        centre_id=version.evidence.centre_id,
        evidence_id=version.evidence_id,
        person_id=person_id,
    )
    items: dict[int, ItemWithSameFile] = {}
    for attempt_id, evidence_id, number, candidate in rows:
        items.setdefault(evidence_id, ItemWithSameFile(attempt_id, evidence_id, number or 0, candidate))
    return list(items.values())
