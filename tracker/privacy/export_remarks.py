"""Export of remarks on evidence: released ones to the candidate, written and settled ones to an assessor."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.extensions import db
from tracker.models import Assessment, FeedbackAnswer, FeedbackRemark, Person, Unit, UnitAttempt
from tracker.privacy.anonymisation import NameReplacer, read_columns

PLACE = ("page", "region_x", "region_y", "region_width", "region_height", "paragraph", "second")
RemarksByAssessment = dict[int, list[dict[str, Any]]]


def read_released_remarks(
    candidate: Person, describe: Callable[[int | None], str | None], names: NameReplacer
) -> RemarksByAssessment:
    """Return the remarks that were released to a candidate, with their answers, by assessment. Two statements.

    Args:
        candidate: whose evidence they are on.
        describe: returns what a person is called in the candidate's export.
        names: replaces the names of those people.
    """
    query = (
        select(FeedbackRemark)
        .join(Assessment, Assessment.id == FeedbackRemark.assessment_id)
        .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
        .where(UnitAttempt.candidate_id == candidate.id, FeedbackRemark.released_at.is_not(None))
        .options(joinedload(FeedbackRemark.attachment))
        .order_by(FeedbackRemark.id)
    )
    answers = _list_answers(candidate)
    remarks: RemarksByAssessment = {}
    for each in db.session.scalars(query):
        exported = {
            "file": each.attachment.name if each.attachment else None,
            **read_columns(each, *PLACE, "released_at", "read_at", "settled_at"),
            "by": describe(each.written_by_id),
            "text": names.replace_names(each.text),
            "settled_by": describe(each.settled_by_id),
            "answers": [read_columns(answer, "text", "answered_at") for answer in answers.get(each.id, ())],
        }
        remarks.setdefault(each.assessment_id, []).append(exported)
    return remarks


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


def read_settled_remarks(person: Person) -> list[dict[str, Any]]:
    """Return the place of each remark that an assessor settled, whoever wrote it, and when; not the text."""
    query = (
        select(FeedbackRemark, Unit.code)
        .join(Assessment, Assessment.id == FeedbackRemark.assessment_id)
        .join(UnitAttempt, UnitAttempt.id == Assessment.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(FeedbackRemark.settled_by_id == person.id)
        .order_by(FeedbackRemark.id)
    )
    return [
        {"unit": code, **read_columns(remark, *PLACE, "settled_at")} for remark, code in db.session.execute(query)
    ]


def _list_answers(candidate: Person) -> dict[int, list[FeedbackAnswer]]:
    """Return a candidate's answers, by remark."""
    query = select(FeedbackAnswer).where(FeedbackAnswer.answered_by_id == candidate.id).order_by(FeedbackAnswer.id)
    answers: dict[int, list[FeedbackAnswer]] = {}
    for answer in db.session.scalars(query):
        answers.setdefault(answer.remark_id, []).append(answer)
    return answers
