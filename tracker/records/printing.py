"""The content of a printed record that an assessor writes, filled from a sealed version or blank for an attempt."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from tracker.accounts.earlier_names import find_name_at
from tracker.accounts.person_names import clean_name, remove_invisible_characters
from tracker.clock import day_of, today
from tracker.matrix import list_columns
from tracker.models import (
    Acknowledgement,
    Evidence,
    EvidenceVersion,
    Person,
    RecordWithdrawal,
    UnitAttempt,
)
from tracker.portfolio.printing import print_file, print_text, split_paragraphs
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.portfolio.queries.index import find_registration_for
from tracker.portfolio.record_content import (
    DiscussionContent,
    ObservationContent,
    Question,
    WrittenContent,
    load_as,
)
from tracker.portfolio.recording_times import list_stamped_times, read_areas
from tracker.recording_forms.discussion_content import DiscussionRecord, PrintedTime
from tracker.recording_forms.observation_content import (
    ObservationRecord,
    Pieces,
    PrintedAnswer,
    PrintedCriterion,
    PrintedQuestion,
    PrintedRecord,
    PrintedUnit,
    QuestionsRecord,
)
from tracker.recording_forms.printed_text import add_break_points
from tracker.records.kinds import WRITTEN_KINDS
from tracker.records.queries.named_criteria import NamedUnit, list_named_units
from tracker.records.queries.reading import ShownVersion
from tracker.records.services.acknowledging import STATEMENTS
from tracker.records.stamps import StampableUnit, mark_criteria, split_stamps
from tracker.vocabulary import ERASED_TEXT, AcknowledgementAnswer, RecordKind, Role
from tracker.web.formatting import address_note, moment, period

BLANKS: Mapping[RecordKind, Callable[..., PrintedRecord]] = MappingProxyType(
    {
        RecordKind.OBSERVATION: ObservationRecord,
        RecordKind.PROFESSIONAL_DISCUSSION: DiscussionRecord,
        RecordKind.QUESTIONS: QuestionsRecord,
    }
)
WITHDRAWN = "I withdraw this version of the record for the reason given. It does not count."
"""The wording that is printed over the reason of a withdrawal."""


def build_record(record: Evidence, shown: ShownVersion) -> PrintedRecord:
    """Return a version of a record as it is printed, with the answers to it."""
    version = shown.version
    if record.record_kind is RecordKind.PROFESSIONAL_DISCUSSION:
        return _build_discussion(record, shown)
    content = load_as(ObservationContent, version.record_kind, version.content) or ObservationContent()
    is_observation = record.record_kind is RecordKind.OBSERVATION
    printed, split = (ObservationRecord, split_stamps) if is_observation else (QuestionsRecord, _leave_whole)
    return printed(
        **_build_common(record, shown, content),
        narrative=tuple(map(split, split_paragraphs(version.narrative))),
        questions=tuple(map(_print_question, content.questions)),
        feedback=print_text(content.feedback),
        further_action=print_text(content.further_action),
    )


def build_blank_record(attempt: UnitAttempt, assessor: Person, kind: RecordKind) -> PrintedRecord:
    """Return a record of an attempt to be filled in by hand: names, and the criteria of the unit."""
    return BLANKS[kind](**_build_blank(attempt, assessor, kind))


def _build_discussion(record: Evidence, shown: ShownVersion) -> DiscussionRecord:
    version = shown.version
    content = load_as(DiscussionContent, version.record_kind, version.content) or DiscussionContent()
    areas = read_areas(remove_invisible_characters(content.areas))
    return DiscussionRecord(
        **_build_common(record, shown, content),
        agreed_on=period(content.agreed_day) if content.agreed_day else "",
        areas=tuple(PrintedTime(each.at.locator if each.at else "", add_break_points(each.title)) for each in areas),
        times=tuple(_print_times(content)),
        summary=print_text(version.narrative),
        transcript=print_text(content.transcript),
    )


def _leave_whole(text: str) -> Pieces:
    """Return a text without stamps as one piece."""
    return ((text, False),)


def _print_times(content: DiscussionContent) -> Iterator[PrintedTime]:
    is_of_several_units = len({each.unit for each in content.stamps}) > 1
    for locator, stamps in list_stamped_times(content):
        labels = (f"{each.unit} {each.label}" if is_of_several_units else each.label for each in stamps)
        yield PrintedTime(locator, ", ".join(labels))


def _build_common(record: Evidence, shown: ShownVersion, content: WrittenContent) -> dict[str, Any]:
    """Return the fields that every printed record has, from a sealed version."""
    version = shown.version
    registration = find_registration_for(record, content.first_attempt)
    declaration = _print_declaration(version, record.author)
    assert registration  # noqa: S101 - a record is of somebody who is registered
    is_erased = load_as(WrittenContent, version.record_kind, version.content) is None
    answers = {each.role: each for each in version.acknowledgements}
    return {
        "candidate_name": clean_name(record.candidate.name),
        "candidate_number": registration.candidate_number,
        "assessor_name": declaration.name,
        "centre_name": registration.centre.name,
        "terms": registration.centre.terms,
        "units": tuple(map(_print_unit, list_named_units(version))),
        "declaration_statement": version.submission.declaration,
        "agreement_statement": STATEMENTS[AcknowledgementAnswer.AGREED],
        "number": record.number,
        "is_erased": is_erased,
        "version": version.number,
        "replaced_by": None if version is shown.versions[0] else shown.versions[0].number,
        "sealed_on": day_of(version.sealed_at),
        "printed_for": today(),
        "happened_on": period(version.happened_from),
        "starts": content.starts,
        "ends": content.ends,
        "place": ERASED_TEXT if is_erased else add_break_points(remove_invisible_characters(content.place)),
        "files": tuple(map(print_file, list_version_attachments(version))),
        "standing": shown.standing,
        "is_open": shown.is_newest and version.submission.withdrawn_at is None,
        "declaration": declaration,
        "answer": _print_answer(answers.get(Role.CANDIDATE), "answered"),
        "decision": _print_answer(answers.get(Role.INTERNAL_VERIFIER), "decided"),
        "withdrawal": _print_withdrawal(version.withdrawal),
    }


def _build_blank(attempt: UnitAttempt, assessor: Person, kind: RecordKind) -> dict[str, Any]:
    """Return the fields of a blank record: names, and the criteria of the unit."""
    unit = StampableUnit(attempt.id, attempt.unit.code, attempt.unit.title, tuple(list_columns(attempt.unit_id)))
    criteria = tuple(PrintedCriterion(each.mark, each.column.text) for each in mark_criteria([unit], attempt.id))
    return {
        "candidate_name": clean_name(attempt.candidate.name),
        "candidate_number": attempt.registration.candidate_number,
        "assessor_name": clean_name(assessor.name),
        "centre_name": attempt.centre.name,
        "terms": attempt.centre.terms,
        "units": (PrintedUnit(unit.code, unit.title, criteria),),
        "declaration_statement": WRITTEN_KINDS[kind].declaration,
        "agreement_statement": STATEMENTS[AcknowledgementAnswer.AGREED],
    }


def _print_unit(named: NamedUnit) -> PrintedUnit:
    criteria = tuple(
        PrintedCriterion(each.marked.mark, each.marked.column.text, ", ".join(each.places)) for each in named.criteria
    )
    return PrintedUnit(named.unit.code, named.unit.title, criteria)


def _print_question(asked: Question) -> PrintedQuestion:
    return PrintedQuestion(
        question=remove_invisible_characters(asked.question),
        answer=remove_invisible_characters(asked.answer),
        mark=remove_invisible_characters(asked.mark),
        outcome=asked.outcome.label if asked.outcome else "",
    )


def _print_declaration(version: EvidenceVersion, author: Person | None) -> PrintedAnswer:
    submission, confirmed_at = version.submission, author.email_confirmed_at if author else None
    return PrintedAnswer(
        statement=submission.declaration,
        name=clean_name(find_name_at(author, submission.submitted_at)) if author else "",
        act="declared",
        moment=moment(submission.submitted_at),
        note=address_note(submission.address_confirmed, confirmed_at, "submitted"),
    )


def _print_answer(answer: Acknowledgement | None, act: str) -> PrintedAnswer | None:
    if answer is None:
        return None
    return PrintedAnswer(
        statement=answer.statement,
        name=clean_name(find_name_at(answer.acknowledged_by, answer.acknowledged_at)),
        act=act,
        moment=moment(answer.acknowledged_at),
        reason=print_text(answer.reason),
    )


def _print_withdrawal(withdrawal: RecordWithdrawal | None) -> PrintedAnswer | None:
    if withdrawal is None:
        return None
    return PrintedAnswer(
        statement=WITHDRAWN,
        name=clean_name(find_name_at(withdrawal.withdrawn_by, withdrawal.withdrawn_at)),
        act="withdrawn",
        moment=moment(withdrawal.withdrawn_at),
        reason=print_text(withdrawal.reason),
    )
