"""Drafts of records that an assessor writes: begun; those of observations saved while they are typed, and stamped."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import func, select

from tracker.accounts.person_names import remove_invisible_characters
from tracker.assessment.services.assessments import check_assessor
from tracker.clock import now, time_of, today
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows
from tracker.models import ADDED_FIELDS, BankQuestion, Evidence, UnitAttempt
from tracker.portfolio.record_content import (
    MAX_LINE,
    MAX_QUESTION,
    MAX_QUESTIONS,
    MAX_TEXT,
    ObservationContent,
    Question,
    WrittenContent,
    dump_content,
    load_as,
)
from tracker.portfolio.services.evidence import MAX_LENGTH, save_draft
from tracker.records.kinds import WRITTEN_KINDS, get_written_kind
from tracker.records.queries.stampable import has_stampable_unit, list_claimed_criteria, list_stampable_units
from tracker.records.stamps import MarkedCriterion, add_stamp, mark_criteria
from tracker.vocabulary import RecordKind

MAX_DRAFTS = 100
REMARKS = "Remarks"
"""What the narrative of a record of questions is called."""
CONTENT_FIELDS = ("place", "starts", "ends", "feedback", "further_action")
LIMITS = {"narrative": MAX_LENGTH["narrative"], "place": MAX_LINE, "feedback": MAX_TEXT, "further_action": MAX_TEXT}
LABELS = {"narrative": "Narrative", "place": "Place", "feedback": "Feedback", "further_action": "Further action"}


def start_record(attempt: UnitAttempt, kind: RecordKind, actor: Actor) -> Evidence:
    """Begin a record about an attempt's candidate. No event is recorded, since nothing has been finished.

    Raises:
        Refused: the attempt is not in progress, the candidate was withdrawn, or this person may not assess it.
    """
    author_id = check_assessor(attempt, actor)
    query = select(func.count(Evidence.id)).where(
        Evidence.author_id == author_id, Evidence.number.is_(None), Evidence.discarded_at.is_(None)
    )
    if (db.session.scalar(query) or 0) >= MAX_DRAFTS:
        raise Refused(
            f"You have {MAX_DRAFTS} unfinished records, which is the maximum. Nothing was saved. Finish or discard "
            "some first."
        )
    moment = now()
    words = WRITTEN_KINDS[kind]
    content = words.make_content(starts=time_of(moment), first_attempt=attempt.id)
    record = Evidence(
        candidate_id=attempt.candidate_id,
        centre_id=attempt.centre_id,
        author_id=author_id,
        record_kind=kind,
        created_at=moment,
        updated_at=moment,
        **{
            **dict.fromkeys(MAX_LENGTH.keys() - ADDED_FIELDS, ""),
            "title": words.title,
            "method": words.method,
            "happened_from": today(),
            "content": dump_content(kind, content),
        },
    )
    db.session.add(record)
    db.session.flush()
    return record


def save_observation(record: Evidence, fields: Mapping[str, Any], seen_version: int | None) -> dict[str, str]:
    """Save the fields that can be saved, and return the problem of each that cannot, by its name.

    Args:
        record: the draft.
        fields: any of `narrative`, `happened_from`, `questions` and the fields of the content.
        seen_version: the draft's version as it was shown; None is not compared.

    Raises:
        Conflict: the draft was saved elsewhere since it was shown; then nothing is saved.
        Refused: no unit of the candidate can be stamped any more, or the text was erased; then nothing is saved.
    """
    lock_rows(Evidence, [record.id])
    check_can_write(record)
    if "place" in fields:  # it becomes part of the title
        fields = {**fields, "place": remove_invisible_characters(fields["place"])}
    problems = _find_long_texts(fields, record.record_kind)
    fields = {name: value for name, value in fields.items() if name not in problems}
    before = read_observation(record)
    content, unreadable = _merge_content(before, fields)
    problems |= unreadable
    saved: dict[str, Any] = {name: fields[name] for name in ("narrative", "happened_from") if name in fields}
    kind = record.record_kind or RecordKind.OBSERVATION
    dumped = dump_content(kind, replace(content, stamps=()))
    if dumped != dump_content(kind, replace(before, stamps=())):
        saved["content"] = dumped
    return {**problems, **save_draft(record, saved, seen_version)}


def stamp_criterion(record: Evidence, key: tuple[int, int], _typed: str, actor: Actor) -> MarkedCriterion:
    """Add a stamp of a criterion at the present time to the end of the narrative.

    Args:
        record: the draft.
        key: the attempt and the criterion.
        _typed: the time that was typed, which an observation does not ask for.
        actor: its author.

    Raises:
        Invalid: the narrative would be too long.
        NotFound: the criterion is of no open unit of the candidate that is allocated to the author.
    """
    criterion = next((each for each in list_markable(record, actor) if each.key == key), None)
    if criterion is None:
        raise NotFound
    stamped = {"narrative": add_stamp(record.narrative, criterion, time_of(now()))}
    if problem := save_observation(record, stamped, None).get("narrative"):
        raise Invalid(f"{problem} The criterion was not stamped.", "narrative")
    return criterion


def list_markable(record: Evidence, actor: Actor) -> list[MarkedCriterion]:
    """List the criteria that the author can stamp now, with their marks."""
    assert actor.person_id is not None  # noqa: S101 - people write records
    units = list_stampable_units(record, actor.person_id)
    return mark_criteria(units, read_content(record).first_attempt)


def list_claimed(record: Evidence, criteria: Collection[MarkedCriterion]) -> list[MarkedCriterion]:
    """List the criteria that the record claims and that are not among those that its author can stamp now."""
    stampable = {each.unit.attempt_id for each in criteria}
    return list_claimed_criteria(record, stampable, read_content(record).first_attempt)


def add_questions(record: Evidence, chosen: Collection[BankQuestion], actor: Actor) -> int:
    """Add questions of a bank to a draft, in their words of now. Return how many were added.

    Raises:
        Conflict, Refused: as `save_observation`.
        Invalid: there would be too many questions.
    """
    units = {each.unit.code: each.unit.attempt_id for each in list_markable(record, actor)}
    content = read_observation(record)
    kept = [each for each in content.questions if not each.is_empty]
    for each in chosen:
        is_first = units.get(each.unit.code) == content.first_attempt
        marks = ", ".join(mark if is_first else f"{each.unit.code} {mark}" for mark in each.marks)
        kept.append(Question(question=each.text, mark=marks[:MAX_LINE]))
    if problem := save_observation(record, {"questions": kept}, None).get("questions"):
        raise Invalid(problem)
    return len(chosen)


def read_content(record: Evidence) -> WrittenContent:
    """Return the content of a draft; an empty one where it was erased."""
    empty = get_written_kind(record.record_kind).make_content()
    return load_as(type(empty), record.record_kind, record.content) or empty


def read_observation(record: Evidence) -> ObservationContent:
    """Return the content of the draft of an observation; an empty one where it was erased."""
    return load_as(ObservationContent, record.record_kind, record.content) or ObservationContent()


def check_can_write(record: Evidence) -> None:
    """Raise `Refused` where no unit of the candidate can be stamped any more, or the text was erased."""
    assert record.author_id is not None  # noqa: S101 - a record has an author
    noun = get_written_kind(record.record_kind).noun
    if load_as(WrittenContent, record.record_kind, record.content) is None:
        raise Refused(f"The text of this {noun} was erased. Nothing was saved.")
    if not has_stampable_unit(record, record.author_id):
        raise Refused(
            f"No unit of this candidate that is in progress is allocated to you, so this {noun} cannot be changed. "
            "Nothing was saved."
        )


def _merge_content(
    content: ObservationContent, fields: Mapping[str, Any]
) -> tuple[ObservationContent, dict[str, str]]:
    """Return the content with the changed fields, and the problem of each that cannot be saved."""
    problems: dict[str, str] = {}
    changed: dict[str, Any] = {}
    changed |= {name: fields[name] for name in CONTENT_FIELDS if name in fields}
    if "questions" in fields:
        questions = tuple(fields["questions"])
        if problem := _find_question_problem(questions):
            problems["questions"] = problem
        else:
            changed["questions"] = questions
    merged = replace(content, **changed)
    try:
        dump_content(RecordKind.OBSERVATION, merged)
    except ValidationError:
        problems |= {
            name: "Enter a time such as 10:05."
            for name in ("starts", "ends")
            if name in changed and not _is_time(changed[name])
        }
        merged = replace(content, **{name: value for name, value in changed.items() if name not in problems})
    return merged, problems


def _find_long_texts(fields: Mapping[str, Any], kind: RecordKind | None) -> dict[str, str]:
    labels = {**LABELS, "narrative": REMARKS} if kind is RecordKind.QUESTIONS else LABELS
    return {
        name: f"“{labels[name]}” can have at most {limit:,} characters; yours has {len(fields[name]):,}. Shorten it."
        for name, limit in LIMITS.items()
        if len(fields.get(name, "")) > limit
    }


def _find_question_problem(questions: tuple[Question, ...]) -> str | None:
    if len(questions) > MAX_QUESTIONS:
        return (
            f"A record can have at most {MAX_QUESTIONS} questions. Your changes to the questions were not "
            "saved. Clear the questions that you do not need, then save again."
        )
    for each in questions:
        if max(len(each.question), len(each.answer)) > MAX_QUESTION:
            return f"A question or an answer can have at most {MAX_QUESTION:,} characters. Shorten it."
        if len(each.mark) > MAX_LINE:
            return f"The criterion of a question can have at most {MAX_LINE} characters. Shorten it."
    return None


def _is_time(text: str) -> bool:
    hours, _, minutes = text.partition(":")
    is_written = hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and len(hours) == 2
    return text == "" or (text.isascii() and is_written and int(hours) < 24 and int(minutes) < 60)
