"""The observation record on paper, filled and blank."""

from dataclasses import replace
from datetime import date
from itertools import chain

import pytest

from tests.recording_forms.tagged_pdf import Sheet
from tracker.recording_forms.observation_content import (
    ObservationRecord,
    PrintedAnswer,
    PrintedCriterion,
    PrintedQuestion,
    PrintedUnit,
)
from tracker.recording_forms.rendering import render_record
from tracker.vocabulary import RecordStanding

pytestmark = pytest.mark.one_database

DECLARED = PrintedAnswer("I observed this myself.", "Bob Archer", "declared", "16 December 2026, 14:05")
UNIT = PrintedUnit(
    "CFACC15",
    "Supervise customer service",
    (
        PrintedCriterion("5", "Deal with problems", "10:09, question 1"),
        PrintedCriterion("g", "Your own limits", "10:11"),
    ),
)
RECORD = ObservationRecord(
    candidate_name="Alice Moran",
    candidate_number="NG-0042",
    assessor_name="Bob Archer",
    centre_name="Northgate Skills",
    units=(UNIT,),
    declaration_statement="I observed this myself.",
    agreement_statement="This is what happened.",
    number=3,
    version=2,
    sealed_on=date(2026, 12, 16),
    printed_for=date(2026, 12, 17),
    happened_on="16 December 2026",
    starts="10:00",
    ends="11:00",
    place="Leeds, floor 2",
    narrative=((("She took the call. ", False), ("[10:09 5]", True), (" She said why.", False)),),
    questions=(PrintedQuestion("Why £50?", "It is my limit.", "g", "Met"),),
    feedback=("You explained the cause.",),
    standing=RecordStanding.WAITING,
    declaration=DECLARED,
)
BLANK = replace(RECORD, number=None, standing=None, declaration=None, narrative=(), questions=(), feedback=())
BLANK = replace(BLANK, happened_on="", starts="", ends="", place="", sealed_on=None, printed_for=None)


def read_text(record: ObservationRecord) -> str:
    return " ".join(Sheet(render_record(record)).text.replace("\u00a0", " ").split())


def test_a_filled_record_says_what_was_observed_and_by_whom() -> None:
    text = read_text(RECORD)
    for expected in (
        "Alice Moran",
        "NG-0042",
        "Bob Archer",
        "Northgate Skills",
        "16 December 2026",
        "10:00",
        "11:00",
        "Leeds, floor 2",
        "CFACC15 Supervise customer service",
        "She took the call. [10:09 5] She said why.",
        "You explained the cause.",
        "Further action None.",
    ):
        assert expected in text


def test_criteria_and_questions_are_tables_under_headings() -> None:
    criteria, questions = Sheet(render_record(RECORD)).tables
    assert [cell.text for cell in criteria[0]] == ["Criterion", "Wording", "Times and questions"]
    assert [[cell.text for cell in row] for row in criteria[1:]] == [
        ["5", "Deal with problems", "10:09, question 1"],
        ["g", "Your own limits", "10:11"],
    ]
    assert criteria[1][2].heads == ("5", "Times and questions")
    assert [cell.text for cell in questions[1]] == ["1", "Why £50? It is my limit.", "g", "Met"]


def test_a_record_without_an_answer_says_so_and_is_never_called_signed() -> None:
    text = read_text(RECORD)
    assert "Not yet answered by the candidate. This version does not count yet." in text
    assert "Candidate’s answer Not yet answered." in text
    assert "Bob Archer, declared electronically" in text
    assert "signature" not in text
    assert "decision on the objection" not in text


def test_the_answers_are_printed_as_they_were_given() -> None:
    objected = PrintedAnswer("I object.", "Alice Moran", "answered", "17 December 2026, 09:12", ("I was at lunch.",))
    record = replace(RECORD, standing=RecordStanding.OBJECTED, answer=objected)
    text = read_text(record)
    assert "I object. I was at lunch. Candidate Alice Moran, answered electronically" in text
    assert "Internal verifier’s decision on the objection Not yet decided." in text
    decided = PrintedAnswer(
        "I dismiss it.", "Carol Hughes", "decided", "18 December 2026, 10:00", ("I read the rota.",)
    )
    text = read_text(replace(record, standing=RecordStanding.DISMISSED, decision=decided))
    assert "The objection was dismissed. This version counts." in text
    assert "I dismiss it. I read the rota. Internal verifier Carol Hughes, decided electronically" in text


def test_a_version_that_was_replaced_says_so() -> None:
    assert "Version 3 has replaced it." in read_text(replace(RECORD, replaced_by=3))


def test_a_blank_record_has_the_criteria_and_places_for_both_signatures() -> None:
    sheet = Sheet(render_record(BLANK))
    text = " ".join(sheet.text.split())
    assert [[cell.text for cell in row] for row in sheet.tables[0][1:]] == [
        ["5", "Deal with problems", "10:09, question 1"],
        ["g", "Your own limits", "10:11"],
    ]
    assert [row[0].text for row in sheet.tables[1][1:]] == ["1", "2", "3", "4"]
    for expected in (
        "Assessor’s signature",
        "Candidate’s signature",
        "This is what happened.",
        "I object to it, because",
    ):
        assert expected in text
    assert "electronically" not in text
    assert "Not yet answered" not in text


def test_every_page_names_the_record() -> None:
    long = tuple(((f"Paragraph {number}. " * 20, False),) for number in range(60))
    first, *others = Sheet(render_record(replace(RECORD, narrative=long))).pages
    assert len(others) >= 2
    assert all(
        "Alice Moran · candidate NG-0042 · Observation record · evidence 3, version 2" in page for page in others
    )
    assert "Alice Moran · candidate" not in first
    assert all("as on 17 December 2026" in page for page in (first, *others))


def test_pages_are_upright_and_the_same_content_gives_the_same_bytes() -> None:
    pdf = render_record(RECORD)
    assert pdf == render_record(RECORD)
    box = Sheet(pdf).reader.pages[0].mediabox
    assert box.height > box.width


def test_typed_texts_of_every_length_and_sign_are_printed_as_text() -> None:
    typed = ("<b>Not bold</b> & {{ 7 * 7 }}", "w" * 5000)
    record = replace(RECORD, feedback=typed, questions=(PrintedQuestion("q" * 2000, "a\n" * 900, "m" * 200, ""),))
    sheet = Sheet(render_record(record))
    assert "<b>Not bold</b> & {{ 7 * 7 }}" in sheet.text
    assert len(list(chain.from_iterable(sheet.tables))) > 3
