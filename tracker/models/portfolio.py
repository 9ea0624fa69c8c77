"""Evidence, its sealed versions and files, and the claims of criteria."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, and_, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from tracker.models.base import Base, Line, PrimaryKey, Sha256, refers_to
from tracker.models.people import Person
from tracker.models.stored_files import TEXT_NAME, DerivedFile, FileDetail
from tracker.models.units import Criterion
from tracker.vocabulary import AcknowledgementAnswer, Method, RecordKind, Role


class EvidenceFields:
    """The columns of a draft of evidence, which are copied into each sealed version."""

    title: Mapped[Line]
    method: Mapped[Method | None]
    happened_from: Mapped[date | None]
    happened_until: Mapped[date | None]
    """Empty for a single day."""
    occasion: Mapped[Line]
    customers: Mapped[Line]
    """Initials or case references; never names, card or account numbers."""
    narrative: Mapped[str]
    workplace_location: Mapped[Line]
    """Empty unless the evidence is kept at work."""
    workplace_holder: Mapped[Line]
    workplace_seen_by: Mapped[Line]
    response: Mapped[str | None]
    """The candidate's answer to the feedback on the returned version before this one."""
    witness_name: Mapped[Line | None]
    """Who gave a testimony; somebody who may have no account."""
    witness_relationship: Mapped[Line | None]
    """The witness's job or relationship to the candidate."""
    witness_status: Mapped[Line | None]
    """An expert witness's occupational expertise."""


EVIDENCE_FIELDS = tuple(EvidenceFields.__annotations__)


class RecordFields:
    """The columns of a record of assessment, also copied into each sealed version; NULL of any other item."""

    record_kind: Mapped[RecordKind | None]
    author_id: Mapped[int | None] = refers_to("person.id", index=False)
    """Who wrote it; NULL for what the candidate wrote."""
    content: Mapped[str | None]
    """What the kind adds to the fields of evidence, as canonical JSON with the version of its schema."""


RECORD_FIELDS = tuple(RecordFields.__annotations__)
SEALED_FIELDS = (*EVIDENCE_FIELDS, *RECORD_FIELDS)
"""The fields that a version seals."""
ADDED_FIELDS = frozenset({"response", "witness_name", "witness_relationship", "witness_status", *RECORD_FIELDS})
"""Fields that a later migration added: empty is NULL, and left out of hashes, so that older versions keep theirs."""


class Evidence(EvidenceFields, RecordFields, Base):
    """One item in a candidate's index of evidence at a centre; the row holds the draft, its versions are sealed.

    A record of assessment has an author; its draft is the author's alone.
    """

    __tablename__ = "evidence"
    __table_args__ = (
        UniqueConstraint("centre_id", "candidate_id", "number"),
        Index("ix_evidence_candidate_id", "candidate_id", "centre_id"),
        Index("ix_evidence_centre_id_id", "centre_id", "id"),
        # Few items have an author; their lists of records read this.
        Index(
            "ix_evidence_author_id",
            "author_id",
            sqlite_where=text("author_id IS NOT NULL"),
            postgresql_where=text("author_id IS NOT NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    centre_id: Mapped[int] = refers_to("centre.id", index=False)
    candidate_id: Mapped[int] = refers_to("person.id", index=False)
    number: Mapped[int | None]
    """Given at first submission, never reused; drafts have none."""
    version: Mapped[int] = mapped_column()
    """Counts the saves of the draft, so that two windows cannot overwrite each other's."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    discarded_at: Mapped[datetime | None]
    """When the draft was discarded; only a draft that was never submitted can be."""

    candidate: Mapped[Person] = relationship(foreign_keys=[candidate_id])
    author: Mapped[Person | None] = relationship(foreign_keys="Evidence.author_id")
    versions: Mapped[list["EvidenceVersion"]] = relationship(
        back_populates="evidence", order_by="EvidenceVersion.number"
    )
    attachments: Mapped[list["Attachment"]] = relationship(
        primaryjoin="and_(Attachment.evidence_id == Evidence.id, Attachment.removed_at.is_(None))",
        order_by="Attachment.position, Attachment.id",
        viewonly=True,
    )

    __mapper_args__ = {"version_id_col": version}


class EvidenceVersion(EvidenceFields, RecordFields, Base):
    """A sealed version of evidence, as it was submitted; it never changes."""

    __tablename__ = "evidence_version"
    __table_args__ = (UniqueConstraint("evidence_id", "number"),)

    id: Mapped[PrimaryKey]
    evidence_id: Mapped[int] = refers_to("evidence.id", index=False)
    number: Mapped[int]
    content_hash: Mapped[Sha256]
    """The hash of all fields and of the files' hashes, as canonical JSON."""
    sealed_at: Mapped[datetime]

    evidence: Mapped[Evidence] = relationship(back_populates="versions")
    acknowledgements: Mapped[list["Acknowledgement"]] = relationship(order_by="Acknowledgement.id", viewonly=True)
    withdrawal: Mapped["RecordWithdrawal | None"] = relationship(viewonly=True)
    attachments: Mapped[list["Attachment"]] = relationship(
        secondary="version_attachment", order_by="VersionAttachment.position, Attachment.id", viewonly=True
    )
    submission: Mapped["Submission"] = relationship(back_populates="evidence_version")


class Attachment(Base):
    """A file that a candidate added to evidence; its bytes are stored under their SHA-256."""

    __tablename__ = "attachment"
    __table_args__ = (CheckConstraint("size > 0", name="not_empty"),)

    id: Mapped[PrimaryKey]
    evidence_id: Mapped[int] = refers_to("evidence.id")
    name: Mapped[Line]
    """The file's name on the candidate's device; shown, never trusted."""
    media_type: Mapped[str] = mapped_column(String(100))
    """The media type found in the content, whatever was declared."""
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[Sha256] = mapped_column(index=True)
    uploaded_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    """When it was removed from the draft; versions that include it keep it."""
    position: Mapped[int | None]
    """Its place among the files of the draft; each version keeps its own."""

    details: Mapped[FileDetail | None] = relationship(
        primaryjoin="foreign(Attachment.sha256) == FileDetail.sha256", lazy="joined", viewonly=True
    )
    text: Mapped[DerivedFile | None] = relationship(
        primaryjoin=lambda: and_(
            foreign(Attachment.sha256) == DerivedFile.source_sha256, DerivedFile.name == TEXT_NAME
        ),
        lazy="joined",
        viewonly=True,
    )
    """The record of its text, if it is a document whose text was read."""


class VersionAttachment(Base):
    """A file sealed into a version."""

    __tablename__ = "version_attachment"

    version_id: Mapped[int] = refers_to("evidence_version.id", index=False, primary_key=True)
    attachment_id: Mapped[int] = refers_to("attachment.id", primary_key=True)
    position: Mapped[int | None]
    """Its place among the files of the version, from 1; empty in versions sealed before files had an order."""


class Submission(Base):
    """The submission of a version, with the wording of the declaration."""

    __tablename__ = "submission"

    id: Mapped[PrimaryKey]
    evidence_version_id: Mapped[int] = mapped_column(ForeignKey("evidence_version.id"), unique=True)
    declaration: Mapped[str]
    submitted_at: Mapped[datetime] = mapped_column(index=True)
    submitted_by_id: Mapped[int] = refers_to("person.id", index=False)
    address_confirmed: Mapped[bool | None]
    """Whether the candidate's email address was confirmed then; empty if submitted before that was recorded."""
    withdrawn_at: Mapped[datetime | None]

    evidence_version: Mapped[EvidenceVersion] = relationship(back_populates="submission")


class Acknowledgement(Base):
    """The candidate's answer to a version of a record, or an internal verifier's decision on their objection."""

    __tablename__ = "acknowledgement"
    __table_args__ = (UniqueConstraint("evidence_version_id", "role"),)

    id: Mapped[PrimaryKey]
    evidence_version_id: Mapped[int] = refers_to("evidence_version.id", index=False)
    role: Mapped[Role]
    answer: Mapped[AcknowledgementAnswer]
    statement: Mapped[str]
    """The wording that was confirmed."""
    reason: Mapped[str]
    """Of an objection and of a decision on it; empty where the candidate agreed."""
    acknowledged_at: Mapped[datetime]
    acknowledged_by_id: Mapped[int] = refers_to("person.id")

    acknowledged_by: Mapped[Person] = relationship()


class RecordWithdrawal(Base):
    """The withdrawal of a version of a record by its author, before it counted."""

    __tablename__ = "record_withdrawal"

    id: Mapped[PrimaryKey]
    evidence_version_id: Mapped[int] = mapped_column(ForeignKey("evidence_version.id"), unique=True)
    reason: Mapped[str]
    """The candidate can read it."""
    withdrawn_at: Mapped[datetime]
    withdrawn_by_id: Mapped[int] = refers_to("person.id")

    withdrawn_by: Mapped[Person] = relationship()


class Claim(Base):
    """A claim that evidence meets a criterion of an attempt; a tick in the matrix is a claim, not a decision."""

    __tablename__ = "claim"
    __table_args__ = (
        Index(
            "uq_claim_live",
            "attempt_id",
            "evidence_id",
            "criterion_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
        # The assessment queue reads this for every attempt, from the index alone.
        Index(
            "ix_claim_live",
            "attempt_id",
            "evidence_id",
            "claimed_at",
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    evidence_id: Mapped[int] = refers_to("evidence.id")
    criterion_id: Mapped[int] = refers_to("criterion.id", index=False)
    locator: Mapped[Line] = mapped_column(default="")
    """Where to look in the evidence: page, paragraph or time."""
    claimed_at: Mapped[datetime]
    claimed_by_id: Mapped[int] = refers_to("person.id", index=False)
    added_reason: Mapped[str | None]
    """Given when an assessor added the claim."""
    removed_at: Mapped[datetime | None]
    removed_by_id: Mapped[int | None] = refers_to("person.id", index=False)
    removed_reason: Mapped[str | None]
    """Given when an assessor removed the claim."""

    criterion: Mapped[Criterion] = relationship()
    evidence: Mapped[Evidence] = relationship()


class CarriedOverClaim(Base):
    """A claim that was carried over when its attempt moved to another version of the unit.

    One claim may have become two, and two may have become one.
    """

    __tablename__ = "carried_over_claim"

    claim_id: Mapped[int] = refers_to("claim.id", index=False, primary_key=True)
    from_claim_id: Mapped[int] = refers_to("claim.id", primary_key=True)
    move_id: Mapped[int] = refers_to("version_move.id")
