"""Remarks of assessors on a page, a paragraph or a moment of evidence, and the candidate's answers."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tracker.models.assessment import Assessment
from tracker.models.base import Base, PrimaryKey, refers_to
from tracker.models.people import Person
from tracker.models.portfolio import Attachment, EvidenceVersion

REMARK_CHECKS = {
    "place_in_file": "(page IS NULL AND second IS NULL) OR attachment_id IS NOT NULL",
    "one_place": "(CASE WHEN page IS NULL THEN 0 ELSE 1 END) + (CASE WHEN second IS NULL THEN 0 ELSE 1 END) + "
    "(CASE WHEN paragraph IS NULL THEN 0 ELSE 1 END) <= 1",
    "paragraph_of_account": "paragraph IS NULL OR (paragraph >= 1 AND attachment_id IS NULL)",
    "whole_region": "(region_x IS NULL) = (region_y IS NULL) AND (region_x IS NULL) = (region_width IS NULL) AND "
    "(region_x IS NULL) = (region_height IS NULL)",
    "region_on_page": "region_x IS NULL OR (page IS NOT NULL AND region_x >= 0 AND region_y >= 0 AND "
    "region_width >= 0 AND region_height >= 0 AND region_x + region_width <= 1000 AND "
    "region_y + region_height <= 1000)",
    "page_and_second": "(page IS NULL OR page >= 1) AND (second IS NULL OR second BETWEEN 0 AND 360000)",
    "removed_as_draft": "removed_at IS NULL OR released_at IS NULL",
    "settled_by_whom": "(settled_at IS NULL) = (settled_by_id IS NULL)",
    "settled_later": "settled_at IS NULL OR released_at IS NOT NULL",
    "read_later": "read_at IS NULL OR released_at IS NOT NULL",
}


class FeedbackRemark(Base):
    """A remark on one place in an evidence version; the candidate sees it once its assessment is released.

    docs/rules.md, Remarks on evidence.
    """

    __tablename__ = "feedback_remark"
    __table_args__ = tuple(CheckConstraint(rule, name=name) for name, rule in REMARK_CHECKS.items())

    id: Mapped[PrimaryKey]
    assessment_id: Mapped[int] = refers_to("assessment.id")
    """The assessment that it is a part of, with which it is released."""
    evidence_version_id: Mapped[int] = refers_to("evidence_version.id")
    attachment_id: Mapped[int | None] = refers_to("attachment.id", index=False)
    """The file it is about; empty for the written account and for the whole item."""
    page: Mapped[int | None]
    """The page of the file, from 1; of a picture it is 1."""
    region_x: Mapped[int | None]
    """The left edge of a region of the page, in thousandths of the page's width.

    The others are its upper edge, in thousandths of the page's height, its width and its height; a pin has neither of
    these two.
    """
    region_y: Mapped[int | None]
    region_width: Mapped[int | None]
    region_height: Mapped[int | None]
    paragraph: Mapped[int | None]
    """The paragraph of the written account, from 1."""
    second: Mapped[int | None]
    """The second of the recording."""
    text: Mapped[str]
    written_at: Mapped[datetime]
    written_by_id: Mapped[int] = refers_to("person.id", index=False)
    removed_at: Mapped[datetime | None]
    """When its author removed it from the draft."""
    released_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    """When the candidate marked it as read, or answered it first."""
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = refers_to("person.id", index=False)

    assessment: Mapped[Assessment] = relationship()
    evidence_version: Mapped[EvidenceVersion] = relationship()
    attachment: Mapped[Attachment | None] = relationship()
    written_by: Mapped[Person] = relationship(foreign_keys=[written_by_id])


class FeedbackAnswer(Base):
    """The candidate's answer to a remark; it never changes."""

    __tablename__ = "feedback_answer"

    id: Mapped[PrimaryKey]
    remark_id: Mapped[int] = refers_to("feedback_remark.id")
    text: Mapped[str] = mapped_column()
    answered_at: Mapped[datetime]
    answered_by_id: Mapped[int] = refers_to("person.id", index=False)

    remark: Mapped[FeedbackRemark] = relationship()
