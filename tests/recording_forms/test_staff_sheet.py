"""The sheet "Staff register and CPD" on paper, blank and filled."""

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from tests.recording_forms.tagged_pdf import Sheet
from tracker.recording_forms.rendering import render_staff_record
from tracker.recording_forms.staff_content import AWARDS, COMPETENCE, CPD, INTERESTS, SheetTable, StaffContent
from tracker.vocabulary import CentreTerms

BLANK = StaffContent("", "", "", None)
FILLED = StaffContent(
    "Bob Archer",
    "Northgate Skills",
    "Assessor",
    date(2026, 11, 30),
    tables=(
        replace(AWARDS, rows=(("L&D9DI", "SQA", "C-77", "4 May 2020", "no end", "Dan Price, 2 June 2020"),)),
        replace(COMPETENCE, rows=(("CFACC15", "Eight years on a help desk", "2 June 2020"),)),
        replace(
            CPD,
            rows=tuple((f"{day} June 2026", f"Course {day}", "Shorter questions", "", "1.5") for day in range(1, 41)),
        ),
        replace(INTERESTS, rows=()),
    ),
)


@pytest.mark.parametrize("table", [AWARDS, COMPETENCE, CPD, INTERESTS])
def test_the_columns_of_each_table_fill_the_sheet(table: SheetTable) -> None:
    assert sum(width for _, width in table.columns) == 281


def test_a_blank_sheet_has_rows_to_write_in() -> None:
    sheet = Sheet(render_staff_record(BLANK))
    rows: Counter[str] = Counter()
    for heads, *blank in sheet.tables:  # a table that continues on the next page is there twice
        rows[heads[0].text] += len(blank)
    assert rows == {"Award": 4, "Unit or sector": 4, "Date": 8, "Declared": 4}
    assert "Staff register and CPD · blank" in sheet.text
    assert len(sheet.pages) <= 2


def test_a_filled_sheet_names_its_person_on_every_page_and_has_each_entry() -> None:
    sheet = Sheet(render_staff_record(FILLED))
    assert len(sheet.pages) > 1
    assert all("Bob Archer" in page for page in sheet.pages)
    assert "as on 30 November 2026" in sheet.text
    rows = [[cell.text for cell in row] for table in sheet.tables for row in table[1:]]
    assert ["L&D9DI", "SQA", "C-77", "4 May 2020", "no end", "Dan Price, 2 June 2020"] in rows
    assert [row[1] for row in rows if row[1].startswith("Course")] == [f"Course {day}" for day in range(1, 41)]
    assert "Nothing is recorded." in sheet.text


def test_a_centre_in_england_prints_its_own_terms() -> None:
    sheet = Sheet(render_staff_record(replace(FILLED, terms=CentreTerms.ENGLAND)))
    assert "Assessor’s and quality assurer’s awards" in sheet.text


def test_the_same_record_gives_the_same_bytes() -> None:
    assert render_staff_record(FILLED) == render_staff_record(FILLED)
