"""Export of remarks on evidence: to the candidate those that were released, to an assessor their own."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import Assessment, FeedbackAnswer, FeedbackRemark, Person, Unit, UnitAttempt
from tracker.privacy.anonymisation import NameReplacer, read_columns

PLACE = ("page", "region_x", "region_y", "region_width", "region_height", "paragraph", "second")


def read_remarks_on(
    assessment: Assessment, describe: Callable[[int | None], str | None], names: NameReplacer
) -> list[dict[str, Any]]:
    """Return the remarks that were released with an assessment, with the candidate's answers.

    Args:
        assessment: the released assessment.
        describe: returns what a person is called in the candidate's export.
        names: replaces the names of those people.
    """
    query = (
        select(FeedbackRemark)
        .where(FeedbackRemark.assessment_id == assessment.id, FeedbackRemark.released_at.is_not(None))
        .options(joinedload(FeedbackRemark.attachment))
        .order_by(FeedbackRemark.id)
    )
    return [
        {
            "file": each.attachment.name if each.attachment else None,
            **read_columns(each, *PLACE, "released_at", "read_at", "settled_at"),
            "by": describe(each.written_by_id),
            "text": names.replace_names(each.text),
            "settled_by": describe(each.settled_by_id),
            "answers": [read_columns(answer, "text", "answered_at") for answer in _list_answers(each)],
        }
        for each in db.session.scalars(query)
    ]


def read_own_remarks(person: Person, replace_candidate: Callable[[Person], NameReplacer]) -> list[dict[str, Any]]:
    """Return the remarks that an assessor wrote, drafts included, without naming candidates.

    Args:
        person: the assessor.
        replace_candidate: returns what replaces a candidate's name.
    """
    query = (
        select(FeedbackRemark, Unit.code, Person)
        .join(Assessment, Assessment.id == FeedbackRemark.assessment_id)
        .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .where(FeedbackRemark.written_by_id == person.id)
        .order_by(FeedbackRemark.id)
    )
    return [
        {
            "unit": code,
            **read_columns(remark, *PLACE, "written_at", "removed_at", "released_at", "settled_at"),
            "text": replace_candidate(candidate).replace_names(remark.text),
        }
        for remark, code, candidate in db.session.execute(query)
    ]


def _list_answers(remark: FeedbackRemark) -> list[FeedbackAnswer]:
    query = select(FeedbackAnswer).where(FeedbackAnswer.remark_id == remark.id).order_by(FeedbackAnswer.id)
    return list(db.session.scalars(query))
