"""Remarks on an item of evidence as its readers see them, with the candidate's answers, in one statement."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import aliased

from tracker.models import (
    Assessment,
    Attachment,
    EvidenceVersion,
    FeedbackAnswer,
    FeedbackRemark,
    Person,
    Unit,
    UnitAttempt,
)
from tracker.portfolio.remark_places import Region, RemarkPlace
from tracker.statements import fetch_rows, ids
from tracker.vocabulary import AttemptState

NOBODY = 0
"""The id of no person and of no assessment."""


@dataclass(frozen=True)
class AnswerToRemark:
    """An answer of the candidate."""

    text: str
    answered_at: datetime


@dataclass(frozen=True)
class ShownRemark:
    """A remark as a reader sees it, with its number among the released ones of its version."""

    id: int
    number: int | None
    """None of a draft."""
    version: int
    version_id: int
    attempt_id: int
    code: str
    place: RemarkPlace
    where: str
    """The place in words."""
    text: str
    author_id: int
    author: str
    written_at: datetime
    released_at: datetime | None
    read_at: datetime | None
    settled_at: datetime | None
    settled_by: str | None
    is_open_attempt: bool
    """Whether its unit is in progress, so that it can be answered and settled."""
    answers: list[AnswerToRemark] = field(default_factory=list)

    @property
    def sign(self) -> str:
        """Return its number as a pin shows it."""
        return str(self.number or "–")

    @property
    def name(self) -> str:
        """Return what it is called where only its name is read out."""
        return f"Remark {self.number}" if self.number else f"Draft remark, {self.where}"

    @property
    def is_draft(self) -> bool:
        """Return whether the candidate does not see it yet."""
        return self.released_at is None

    @property
    def is_unread(self) -> bool:
        """Return whether the candidate has not marked it as read."""
        return not self.is_draft and self.read_at is None

    @property
    def state(self) -> str:
        """Return how it stands: `draft`, `open`, `answered` or `settled`."""
        if self.is_draft:
            return "draft"
        if self.settled_at:
            return "settled"
        return "answered" if self.answers else "open"


@dataclass(frozen=True)
class RemarksOnItem:
    """The remarks on an item that a reader sees: those on the version that is shown, and those on the others."""

    on_version: list[ShownRemark]
    earlier: list[ShownRemark]
    """Those on other versions, the newest version first."""

    @property
    def unread_ids(self) -> list[int]:
        """Return the ids of those that the candidate has not marked as read."""
        return [each.id for each in (*self.on_version, *self.earlier) if each.is_unread]

    @property
    def is_empty(self) -> bool:
        """Return whether there is none."""
        return not self.on_version and not self.earlier

    def without_others(self) -> "RemarksOnItem":
        """Return those on the version that is shown alone."""
        return RemarksOnItem(self.on_version, [])

    def list_on_page(self, attachment_id: int, page: int) -> list[ShownRemark]:
        """List the remarks on one page of a file."""
        return [
            each for each in self.on_version if (each.place.attachment_id, each.place.page) == (attachment_id, page)
        ]

    def list_on_file(self, attachment_id: int) -> list[ShownRemark]:
        """List the remarks on a file that are on none of its pages, in the order of their moments."""
        found = [
            each for each in self.on_version if each.place.attachment_id == attachment_id and not each.place.page
        ]
        return sorted(found, key=lambda each: (each.place.second or 0, each.is_draft, each.number or each.id))

    def list_on_paragraph(self, number: int) -> list[ShownRemark]:
        """List the remarks on one paragraph of the written account."""
        return [each for each in self.on_version if each.place.paragraph == number]

    def has_later_page(self, attachment_id: int) -> bool:
        """Return whether there are remarks on other pages of a file than the first."""
        return any(
            each.place.attachment_id == attachment_id and (each.place.page or 0) > 1 for each in self.on_version
        )


SETTLER = aliased(Person)
NUMBERED = aliased(FeedbackRemark)
NUMBER_IN_VERSION = (
    select(func.count(NUMBERED.id))
    .where(
        NUMBERED.evidence_version_id == FeedbackRemark.evidence_version_id,
        or_(
            NUMBERED.released_at < FeedbackRemark.released_at,
            and_(NUMBERED.released_at == FeedbackRemark.released_at, NUMBERED.id <= FeedbackRemark.id),
        ),
    )
    .correlate(FeedbackRemark)
    .scalar_subquery()
)
"""A released remark's number among all of its version, in the order of release: the same for every reader, always."""
REMARK_COLUMNS: tuple[Any, ...] = (
    FeedbackRemark.id.label("remark_id"),
    FeedbackRemark.evidence_version_id,
    FeedbackRemark.attachment_id,
    FeedbackRemark.page,
    FeedbackRemark.region_x,
    FeedbackRemark.region_y,
    FeedbackRemark.region_width,
    FeedbackRemark.region_height,
    FeedbackRemark.paragraph,
    FeedbackRemark.second,
    FeedbackRemark.text,
    FeedbackRemark.written_by_id,
    FeedbackRemark.written_at,
    FeedbackRemark.released_at,
    FeedbackRemark.read_at,
    FeedbackRemark.settled_at,
    NUMBER_IN_VERSION.label("number_in_version"),
    EvidenceVersion.number,
    UnitAttempt.id.label("attempt_id"),
    UnitAttempt.state,
    Unit.code,
    Person.name.label("author"),
    SETTLER.name.label("settled_by"),
    Attachment.name.label("file"),
    Attachment.media_type,
    FeedbackAnswer.id.label("answer_id"),
    FeedbackAnswer.text.label("answer"),
    FeedbackAnswer.answered_at,
)
"""The columns from which `build_remarks` makes remarks."""


def join_answers(query: Select[Any]) -> Select[Any]:
    """Return a query of remarks joined with files, who settled them, and answers: a row for each answer."""
    return (
        query.outerjoin(SETTLER, SETTLER.id == FeedbackRemark.settled_by_id)
        .outerjoin(Attachment, Attachment.id == FeedbackRemark.attachment_id)
        .outerjoin(FeedbackAnswer, FeedbackAnswer.remark_id == FeedbackRemark.id)
    )


REMARKS = join_answers(
    select(*REMARK_COLUMNS)
    .select_from(FeedbackRemark)
    .join(EvidenceVersion, EvidenceVersion.id == FeedbackRemark.evidence_version_id)
    .join(Assessment, Assessment.id == FeedbackRemark.assessment_id)
    .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
    .join(Unit, Unit.id == UnitAttempt.unit_id)
    .join(Person, Person.id == FeedbackRemark.written_by_id)
).where(
    EvidenceVersion.evidence_id == bindparam("evidence_id"),
    FeedbackRemark.removed_at.is_(None),
    UnitAttempt.state != AttemptState.VOID,
)
RELEASED_REMARKS = REMARKS.where(FeedbackRemark.released_at.is_not(None))
"""What the candidate sees of an item."""
REMARKS_IN_ATTEMPTS = REMARKS.where(
    Assessment.attempt_id.in_(ids("attempt_ids")),
    or_(
        FeedbackRemark.released_at.is_not(None),
        FeedbackRemark.written_by_id == bindparam("author_id"),
        FeedbackRemark.assessment_id == bindparam("assessment_id"),
    ),
)
"""What others see of an item: what was released in these units, their own drafts, and what they countersign."""


def list_released_remarks(evidence_id: int, version_id: int | None) -> RemarksOnItem:
    """List the released remarks on an item in all units, as its candidate sees them.

    Args:
        evidence_id: the item.
        version_id: the version that is shown; None if none is.
    """
    return build_remarks(fetch_rows(RELEASED_REMARKS, evidence_id=evidence_id), version_id)


def list_remarks_in(
    attempt_ids: Collection[int],
    evidence_id: int,
    version_id: int,
    *,
    author_id: int = NOBODY,
    assessment_id: int = NOBODY,
) -> RemarksOnItem:
    """List the remarks on an item in these units.

    Args:
        attempt_ids: the units that the reader reads.
        evidence_id: the item.
        version_id: the version that is shown.
        author_id: the assessor whose drafts are listed too.
        assessment_id: an assessment to countersign, whose remarks are listed too.
    """
    rows = fetch_rows(
        REMARKS_IN_ATTEMPTS,
        evidence_id=evidence_id,
        attempt_ids=list(attempt_ids),
        author_id=author_id,
        assessment_id=assessment_id,
    )
    return build_remarks(rows, version_id)


def build_remarks(rows: Iterable[Any], version_id: int | None) -> RemarksOnItem:
    """Return the remarks of these rows.

    Args:
        rows: of `REMARK_COLUMNS`, one for each answer to a remark, or one without; in any order.
        version_id: the version that is shown; None if none is.
    """
    remarks: dict[int, ShownRemark] = {}
    for row in sorted(rows, key=_get_position):
        if row.remark_id not in remarks:
            remarks[row.remark_id] = _build_remark(row)
        if row.answer_id is not None:
            remarks[row.remark_id].answers.append(AnswerToRemark(row.answer, row.answered_at))
    return RemarksOnItem(
        [each for each in remarks.values() if each.version_id == version_id],
        [each for each in remarks.values() if each.version_id != version_id],
    )


def _get_position(row: Any) -> tuple[int, bool, int, int, int]:
    """Return the place of a row in a list: newest versions first, and drafts after what was released."""
    is_draft = row.released_at is None
    return -row.number, is_draft, 0 if is_draft else row.number_in_version, row.remark_id, row.answer_id or 0


def _build_remark(row: Any) -> ShownRemark:
    region = None
    if row.region_x is not None:
        region = Region(row.region_x, row.region_y, row.region_width, row.region_height)
    place = RemarkPlace(row.attachment_id, row.page, region, row.paragraph, row.second)
    return ShownRemark(
        id=row.remark_id,
        number=row.number_in_version if row.released_at else None,
        version=row.number,
        version_id=row.evidence_version_id,
        attempt_id=row.attempt_id,
        code=row.code,
        place=place,
        where=place.describe(row.file, is_picture=(row.media_type or "").startswith("image/")),
        text=row.text,
        author_id=row.written_by_id,
        author=row.author,
        written_at=row.written_at,
        released_at=row.released_at,
        read_at=row.read_at,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        is_open_attempt=row.state is AttemptState.IN_PROGRESS,
    )
