"""The record of a professional discussion on paper, filled and blank."""

from dataclasses import replace

import pytest

from tests.recording_forms.tagged_pdf import Sheet
from tests.recording_forms.test_render_observation import DECLARED, UNIT
from tracker.recording_forms.discussion_content import DiscussionRecord, PrintedTime
from tracker.recording_forms.rendering import render_record
from tracker.vocabulary import RecordStanding

pytestmark = pytest.mark.one_database

RECORD = DiscussionRecord(
    candidate_name="Alice Moran",
    candidate_number="NG-0042",
    assessor_name="Bob Archer",
    centre_name="Northgate Skills",
    units=(UNIT,),
    declaration_statement="I held this discussion.",
    agreement_statement="This is what happened.",
    number=4,
    happened_on="16 December 2026",
    starts="14:00",
    ends="14:38",
    place="Video call",
    agreed_on="9 December 2026",
    areas=(PrintedTime("0:06", "Limits of authority"), PrintedTime("", "Briefings")),
    times=(PrintedTime("0:08", "g"), PrintedTime("0:22", "8, i")),
    summary=("Alice explained when she refers a refund.",),
    transcript=("Bob: When do you refer it?", "Alice: Above £50."),
    files=("discussion.webm, 18 MB",),
    standing=RecordStanding.WAITING,
    declaration=DECLARED,
)
BLANK = replace(
    RECORD, number=None, declaration=None, standing=None, areas=(), times=(), summary=(), transcript=(), files=(),
    agreed_on="", happened_on="", starts="", ends="", place="",
)  # fmt: skip


def read_text(record: DiscussionRecord) -> str:
    return " ".join(Sheet(render_record(record)).text.replace("\u00a0", " ").split())


def test_a_filled_record_says_what_was_agreed_and_discussed() -> None:
    text = read_text(RECORD)
    for expected in (
        "Professional Discussion Record", "Agreed on 9 December 2026", "Place or medium Video call", "14:38",
        "Alice explained when she refers a refund.", "discussion.webm, 18 MB", "Alice: Above £50.",
        "Not yet answered by the candidate. This version does not count yet.", "Bob Archer, declared electronically",
    ):  # fmt: skip
        assert expected in text, expected
    assert "signature" not in text


def test_areas_criteria_and_times_are_tables_under_headings() -> None:
    areas, criteria, times = Sheet(render_record(RECORD)).tables
    assert [[cell.text for cell in row] for row in areas] == [
        ["Time", "Area"],
        ["0:06", "Limits of authority"],
        ["–", "Briefings"],
    ]
    assert [cell.text for cell in criteria[0]] == ["Criterion", "Wording", "Times in the recording"]
    assert [[cell.text for cell in row] for row in times[1:]] == [["0:08", "g"], ["0:22", "8, i"]]
    assert times[1][1].heads == ("0:08", "Criteria")


def test_a_blank_record_has_room_for_the_pen_and_nothing_electronic() -> None:
    text = read_text(BLANK)
    assert "Areas agreed beforehand" in text
    assert "Its file name, and where it is kept." in text
    assert text.count("signature") == 2
    assert "electronically" not in text
    assert "Transcript" not in text
