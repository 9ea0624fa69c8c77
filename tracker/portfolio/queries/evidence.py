"""Evidence as pages show it: the versions of one item and their files."""

from typing import Any

from sqlalchemy import and_, bindparam, exists, or_, select
from sqlalchemy.orm import contains_eager, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from tracker.extensions import db
from tracker.models import (
    Attachment,
    Claim,
    Evidence,
    EvidenceVersion,
    Submission,
    UnitAttempt,
    VersionAttachment,
)


def find_version(evidence: Evidence, number: int) -> EvidenceVersion | None:
    """Return one sealed version of an item, withdrawn or not."""
    query = (
        select(EvidenceVersion)
        .where(EvidenceVersion.evidence_id == evidence.id, EvidenceVersion.number == number)
        .options(joinedload(EvidenceVersion.submission))
    )
    return db.session.scalars(query).one_or_none()


UNTIL = bindparam("until", type_=Submission.submitted_at.type)
VERSIONS_IN_ATTEMPT = (
    select(EvidenceVersion)
    .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
    .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
    .where(
        EvidenceVersion.evidence_id == bindparam("evidence_id"),
        Evidence.candidate_id == bindparam("candidate_id"),
        Evidence.centre_id == bindparam("centre_id"),
        Submission.withdrawn_at.is_(None),
        or_(UNTIL.is_(None), Submission.submitted_at <= UNTIL),
        exists().where(
            Claim.evidence_id == EvidenceVersion.evidence_id,
            Claim.attempt_id == bindparam("attempt_id"),
            Claim.removed_at.is_(None),
        ),
    )
    .options(joinedload(EvidenceVersion.evidence), joinedload(EvidenceVersion.submission))
    .order_by(EvidenceVersion.number.desc())
)
NEWEST_VERSION_IN_ATTEMPT = VERSIONS_IN_ATTEMPT.limit(1)
VERSIONS_WITH_FILES_IN_ATTEMPT = (
    VERSIONS_IN_ATTEMPT.outerjoin(VersionAttachment, VersionAttachment.version_id == EvidenceVersion.id)
    .outerjoin(Attachment, Attachment.id == VersionAttachment.attachment_id)
    .options(contains_eager(EvidenceVersion.attachments))
    .order_by(VersionAttachment.position, Attachment.id)
)
"""The joins are written out: for those of `joinedload`, one inside the other, SQLite reads everybody's files."""


def find_version_in(attempt: UnitAttempt, evidence_id: int) -> EvidenceVersion | None:
    """Return the version of an item that this attempt sees, if the item claims a criterion in it."""
    values = _make_version_values(attempt, evidence_id)
    return db.session.scalars(NEWEST_VERSION_IN_ATTEMPT, values).one_or_none()


def list_versions_in(attempt: UnitAttempt, evidence_id: int) -> list[EvidenceVersion]:
    """List that version and those before it, newest first, with their files; without a claim there is none."""
    values = _make_version_values(attempt, evidence_id)
    return list(db.session.scalars(VERSIONS_WITH_FILES_IN_ATTEMPT, values).unique())


def _make_version_values(attempt: UnitAttempt, evidence_id: int) -> dict[str, Any]:
    return {
        "attempt_id": attempt.id,
        "evidence_id": evidence_id,
        "candidate_id": attempt.candidate_id,
        "centre_id": attempt.centre_id,
        "until": attempt.assessed_at,
    }


VERSION_ATTACHMENTS = (
    select(Attachment)
    .join(VersionAttachment, VersionAttachment.attachment_id == Attachment.id)
    .where(VersionAttachment.version_id == bindparam("version_id"))
    .order_by(VersionAttachment.position, Attachment.id)
)


def list_version_attachments(version: EvidenceVersion) -> list[Attachment]:
    """List the files sealed in a version, in the candidate's order."""
    return list(db.session.scalars(VERSION_ATTACHMENTS, {"version_id": version.id}))


ATTACHMENTS_WITH_PLACE = (
    select(Attachment, VersionAttachment.version_id, VersionAttachment.position)
    .outerjoin(
        VersionAttachment,
        and_(
            VersionAttachment.attachment_id == Attachment.id,
            VersionAttachment.version_id == bindparam("version_id"),
        ),
    )
    .where(Attachment.evidence_id == bindparam("evidence_id"))
    .order_by(Attachment.position, Attachment.id)
)
"""The files of an item, each with its place in a version where it is sealed in it."""


def load_attachments(evidence: Evidence, version: EvidenceVersion) -> None:
    """Load the files of the draft and of one of its versions, in one statement."""
    values = {"evidence_id": evidence.id, "version_id": version.id}
    rows = db.session.execute(ATTACHMENTS_WITH_PLACE, values).all()
    sealed = sorted((place or 0, each.id, each) for each, version_id, place in rows if version_id)
    set_committed_value(evidence, "attachments", [each for each, *_ in rows if each.removed_at is None])
    set_committed_value(version, "attachments", [each for *_, each in sealed])


def find_own_attachment(evidence: Evidence, attachment_id: int) -> Attachment | None:
    """Return a file of the candidate's own item, in the draft or in any version."""
    query = select(Attachment).where(Attachment.id == attachment_id, Attachment.evidence_id == evidence.id)
    return db.session.scalars(query).one_or_none()


def find_sealed_attachment(attempt: UnitAttempt, evidence_id: int, attachment_id: int) -> Attachment | None:
    """Return a file sealed in a submitted version of an item that claims a criterion in this attempt."""
    version = find_version_in(attempt, evidence_id)
    if version is None:
        return None
    sealed = (
        select(VersionAttachment.attachment_id)
        .join(EvidenceVersion, EvidenceVersion.id == VersionAttachment.version_id)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .where(
            EvidenceVersion.evidence_id == evidence_id,
            EvidenceVersion.number <= version.number,
            Submission.withdrawn_at.is_(None),
        )
    )
    query = select(Attachment).where(Attachment.id == attachment_id, Attachment.id.in_(sealed))
    return db.session.scalars(query).one_or_none()
