"""The witness list on paper, blank and filled, with a column for signatures."""

from dataclasses import replace
from datetime import date

from tests.recording_forms.tagged_pdf import Sheet
from tracker.recording_forms.rendering import render_witness_list
from tracker.recording_forms.witness_list_content import WITNESSES, WitnessListContent

BLANK = WitnessListContent("", None)
FILLED = WitnessListContent(
    "Northgate Skills",
    date(2026, 11, 30),
    rows=tuple(
        (f"Witness {number}", "Team manager", "Expert witness", "1 May 2026", "no end", "24 April 2026", "")
        for number in range(1, 41)
    ),
)


def test_the_columns_fill_the_sheet() -> None:
    assert sum(width for _, width in WITNESSES.columns) == 281


def test_a_blank_list_has_rows_to_write_in_and_names_the_statuses() -> None:
    sheet = Sheet(render_witness_list(BLANK))
    assert sum(len(rows) - 1 for rows in sheet.tables) == WITNESSES.blank_rows
    assert "Signature" in [cell.text for cell in sheet.tables[0][0]]
    assert "Witness list · blank" in sheet.text
    assert "Expert witness · Holds an assessor’s award" in sheet.text


def test_a_filled_list_has_each_witness_and_room_for_a_signature() -> None:
    sheet = Sheet(render_witness_list(FILLED))
    assert len(sheet.pages) > 1
    assert all("Northgate Skills" in page for page in sheet.pages)
    assert "as on 30 November 2026" in sheet.text
    rows = [[cell.text for cell in row] for table in sheet.tables for row in table[1:]]
    assert [row[0] for row in rows] == [f"Witness {number}" for number in range(1, 41)]
    assert {row[-1] for row in rows} == {""}


def test_a_list_that_is_too_long_says_so() -> None:
    assert (
        "The first 40 witnesses by name are printed." in Sheet(render_witness_list(replace(FILLED, is_cut=True))).text
    )


def test_the_same_list_gives_the_same_bytes() -> None:
    assert render_witness_list(FILLED) == render_witness_list(FILLED)
