"""Areas of professional discussions that their candidate can see before the record is finished."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, select

from tracker.models import Evidence, Person, UnitAttempt
from tracker.portfolio.record_content import DiscussionContent, load_as
from tracker.portfolio.recording_times import Area, read_areas
from tracker.statements import fetch_rows
from tracker.vocabulary import RecordKind
from tracker.web.record_authors import is_allocated_to_author


@dataclass(frozen=True)
class PlannedDiscussion:
    """The areas that an assessor and a candidate agreed for a discussion, and the day on which they did."""

    assessor: str
    agreed_on: date
    areas: tuple[Area, ...]


DRAFTS = (
    select(Evidence.content, Person.name)
    .join(Person, Person.id == Evidence.author_id)
    .where(
        Evidence.candidate_id == bindparam("candidate_id"),
        Evidence.centre_id == bindparam("centre_id"),
        Evidence.record_kind == RecordKind.PROFESSIONAL_DISCUSSION,
        Evidence.number.is_(None),
        Evidence.discarded_at.is_(None),
        is_allocated_to_author(),
    )
    .order_by(Evidence.id)
)


def list_planned_discussions(attempt: UnitAttempt) -> list[PlannedDiscussion]:
    """List the discussions begun for an attempt whose areas were agreed and that are not finished. One statement.

    Nothing else of such a draft is its candidate's to see (docs/rules.md, Records of assessment, rule 20).
    """
    planned = []
    for text, assessor in fetch_rows(DRAFTS, candidate_id=attempt.candidate_id, centre_id=attempt.centre_id):
        content = load_as(DiscussionContent, RecordKind.PROFESSIONAL_DISCUSSION, text)
        if content and content.first_attempt == attempt.id and content.agreed_day and content.areas.strip():
            planned.append(PlannedDiscussion(assessor, content.agreed_day, tuple(read_areas(content.areas))))
    return planned
