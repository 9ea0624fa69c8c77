"""Assessments, decisions, confirmed requirements and signatures."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.base import Base, PrimaryKey, Sha256, refers_to
from tracker.models.people import Person
from tracker.models.portfolio import EvidenceVersion
from tracker.models.registration import UnitAttempt
from tracker.vocabulary import AssessmentOutcome, AssessmentState, Outcome, ReopeningKind, SignatureRole

LIVE = text("superseded_at IS NULL")


class Assessment(Base):
    """One assessor's assessment of one evidence version for one attempt; the candidate sees it once released."""

    __tablename__ = "assessment"
    __table_args__ = (
        Index(
            "uq_assessment_draft",
            "attempt_id",
            "evidence_version_id",
            "assessor_id",
            unique=True,
            sqlite_where=text("state = 'draft'"),
            postgresql_where=text("state = 'draft'"),
        ),
        Index(
            "ix_assessment_release_after",
            "release_after",
            sqlite_where=text("release_after IS NOT NULL"),
            postgresql_where=text("release_after IS NOT NULL"),
        ),
        CheckConstraint("(state = 'released') = (released_at IS NOT NULL)", name="released_when"),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    evidence_version_id: Mapped[int] = refers_to("evidence_version.id")
    assessor_id: Mapped[int] = refers_to("person.id", index=False)
    state: Mapped[AssessmentState]
    outcome: Mapped[AssessmentOutcome | None]
    valid: Mapped[bool] = mapped_column(default=False)
    authentic: Mapped[bool] = mapped_column(default=False)
    current: Mapped[bool] = mapped_column(default=False)
    sufficient: Mapped[bool] = mapped_column(default=False)
    """Ticked in assessments made before sufficiency was confirmed at sign-off; no longer asked for one item."""
    feedback: Mapped[str] = mapped_column(default="")
    warnings_reason: Mapped[str | None]
    """Why the item was accepted although it has warnings (docs/rules.md, Warnings, rule 1)."""
    draft_decisions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """In a draft: claim id → {outcome, comment}. On release they become decisions."""
    answer_marks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Of answers to set questions: number of the question → {outcome, comment}; empty for other evidence."""
    started_at: Mapped[datetime]
    saved_at: Mapped[datetime]
    release_after: Mapped[datetime | None]
    """The moment until which an accepted or returned assessment can be undone; then it is released."""
    grant_id: Mapped[int | None] = refers_to("grant.id", index=False)
    """The grant under which it will be released."""
    session_ref: Mapped[str | None] = mapped_column(String(40))
    released_at: Mapped[datetime | None]
    needs_countersigner: Mapped[bool | None]
    """Whether the assessor held no award on the day of Accept or Return; empty while the centre does not ask."""

    attempt: Mapped[UnitAttempt] = relationship()
    evidence_version: Mapped[EvidenceVersion] = relationship()
    assessor: Mapped[Person] = relationship()


class Reopening(Base):
    """The end of a signed round by a dispute, retraction, return or reopening, with its reason."""

    __tablename__ = "reopening"

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    round: Mapped[int]
    """The round that ended."""
    kind: Mapped[ReopeningKind]
    reason: Mapped[str]
    reopened_at: Mapped[datetime]
    reopened_by_id: Mapped[int] = refers_to("person.id", index=False)


ONE_ORIGIN = (
    " + ".join(
        f"CASE WHEN {name} IS NULL THEN 0 ELSE 1 END" for name in ("assessment_id", "reopening_id", "sample_item_id")
    )
    + " = 1"
)
"""SQL: a decision comes from exactly one of an assessment, a reopening and a sampled decision."""


class Decision(Base):
    """The outcome for one claim, pinned to an evidence version; a later one supersedes it, none is overwritten."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("uq_decision_live", "claim_id", unique=True, sqlite_where=LIVE, postgresql_where=LIVE),
        # The assessment queue reads this for every claim, from the index alone.
        Index("ix_decision_on_version", "claim_id", "evidence_version_id", sqlite_where=LIVE, postgresql_where=LIVE),
        CheckConstraint(ONE_ORIGIN, name="one_origin"),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    claim_id: Mapped[int] = refers_to("claim.id")
    evidence_version_id: Mapped[int] = refers_to("evidence_version.id", index=False)
    assessment_id: Mapped[int | None] = refers_to("assessment.id")
    reopening_id: Mapped[int | None] = refers_to("reopening.id", index=False)
    """Set instead of the assessment when a dispute, return or reopening made a criterion `needs_more`."""
    sample_item_id: Mapped[int | None] = refers_to("sample_item.id", index=False)
    """Set instead of the assessment when a verifier disagreed with the decision before it."""
    outcome: Mapped[Outcome]
    comment: Mapped[str]
    decided_at: Mapped[datetime]
    decided_by_id: Mapped[int] = refers_to("person.id", index=False)
    superseded_at: Mapped[datetime | None]


class RequirementConfirmation(Base):
    """The assessor's confirmation of one of the unit's evidence requirements, in one round."""

    __tablename__ = "requirement_confirmation"
    __table_args__ = (
        Index(
            "uq_requirement_confirmation_live",
            "attempt_id",
            "round",
            "requirement_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id", index=False)
    round: Mapped[int]
    requirement_id: Mapped[int] = refers_to("evidence_requirement.id", index=False)
    note: Mapped[str]
    confirmed_at: Mapped[datetime]
    confirmed_by_id: Mapped[int] = refers_to("person.id", index=False)
    removed_at: Mapped[datetime | None]


class Signature(Base):
    """A signature on an attempt in a round: who signed, as what, when, and which snapshot."""

    __tablename__ = "signature"
    __table_args__ = (
        Index(
            "uq_signature_live",
            "attempt_id",
            "round",
            "role",
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        ),
    )

    id: Mapped[PrimaryKey]
    attempt_id: Mapped[int] = refers_to("unit_attempt.id")
    round: Mapped[int]
    role: Mapped[SignatureRole]
    person_id: Mapped[int] = refers_to("person.id")
    signed_at: Mapped[datetime]
    statement: Mapped[str]
    comment: Mapped[str]
    snapshot: Mapped[str]
    """Canonical JSON of exactly what was signed."""
    snapshot_hash: Mapped[Sha256]
    reauthenticated_at: Mapped[datetime]
    session_ref: Mapped[str] = mapped_column(String(40))
    date_sampled: Mapped[date | None]
    """The date sampled, of an internal verifier's signature after a sample."""
    unsampled_reason: Mapped[str | None]
    """The reason, of an internal verifier's signature that released the unit without sampling."""
    warnings_reason: Mapped[str | None]
    """Why an assessor signed although the unit has warnings (docs/rules.md, Warnings, rule 8)."""
    unmet_guidance: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """What evidence guidance missed when an assessor signed (docs/rules.md, Evidence guidance, rule 5)."""
    address_confirmed: Mapped[bool | None]
    """Whether the signer's email address was confirmed then; empty if signed before that was recorded."""
    superseded_at: Mapped[datetime | None]

    attempt: Mapped[UnitAttempt] = relationship()
