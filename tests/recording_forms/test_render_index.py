"""The index of evidence on paper."""

from datetime import date

from tests.recording_forms.tagged_pdf import Sheet
from tracker.recording_forms.index_content import IndexContent, IndexRow
from tracker.recording_forms.rendering import render_index

GROUP_HEADINGS = ["Ref", "Description of evidence", "Method", "Date", "Where it is", "Units", "Sampled by"]


def index(*rows: IndexRow) -> IndexContent:
    return IndexContent("Alice Moran", "NG-0042", "Northgate Skills", date(2026, 11, 22), rows)


def row(number: int) -> IndexRow:
    return IndexRow(
        str(number),
        f"Call {number}",
        "Observation",
        "3 November 2026",
        "At work: kept by Jo Baker",
        "CFACC15, INSCC004",
        "CH, 4 November 2026",
    )


def test_every_item_is_a_row_under_headings_on_every_page() -> None:
    sheet = Sheet(render_index(index(*(row(number) for number in range(1, 61)))))
    assert len(sheet.tables) == len(sheet.pages) > 1
    assert all([cell.text for cell in table[0]] == GROUP_HEADINGS for table in sheet.tables)
    items = [cells for table in sheet.tables for cells in table[1:]]
    assert [cells[0].text for cells in items] == [str(number) for number in range(1, 61)]
    assert items[6][0].scope == "Row"
    assert [(cell.text, cell.heads) for cell in items[6][1:]] == [
        ("Call 7", ("7", "Description of evidence")),
        ("Observation", ("7", "Method")),
        ("3 November 2026", ("7", "Date")),
        ("At work: kept by Jo Baker", ("7", "Where it is")),
        ("CFACC15, INSCC004", ("7", "Units")),
        ("CH, 4 November 2026", ("7", "Sampled by")),
    ]


def test_every_page_after_the_first_names_the_candidate_at_its_head() -> None:
    first, *others = Sheet(render_index(index(*(row(number) for number in range(1, 61))))).pages
    assert others
    assert all("Alice Moran · candidate NG-0042 · Index of Evidence" in page for page in others)
    assert "Alice Moran · candidate" not in first


def test_the_page_footer_names_the_candidate_and_the_date() -> None:
    sheet = Sheet(render_index(index(row(1))))
    assert "candidate NG-0042 · Northgate Skills · as on 22 November 2026" in sheet.text
    assert "page 1 of 1" in sheet.text


def test_an_empty_index_says_so() -> None:
    sheet = Sheet(render_index(index()))
    assert "No evidence has been submitted yet." in sheet.text
    assert sheet.tables == []
