"""The candidate recording form on paper."""

import subprocess
import sys
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]  # it carries no types
import pytest
from pypdf.generic import ContentStream

from tests.recording_forms.example_form import UNITS, build_blank_form, build_filled_form, find_unit, print_form
from tests.recording_forms.tagged_pdf import MILLIMETRE, Cell, Sheet
from tracker.errors import FormNotRendered
from tracker.recording_forms import rendering
from tracker.recording_forms.form_content import FormColumn, FormContent, FormRow
from tracker.recording_forms.rendering import STATIC, StaticFetcher, render_form_pdf
from tracker.vocabulary import CriterionKind

STATEMENT = "I confirm that all evidence (including Knowledge and Understanding), for the entire Unit has been met:"
GROUPS = {CriterionKind.PERFORMANCE: "Performance Criteria", CriterionKind.KNOWLEDGE: "Knowledge and Understanding"}


def body(sheet: Sheet) -> list[list[Cell]]:
    """Return the rows below the headings, over all pages."""
    return [row for table in sheet.tables for row in table[2:]]


def words(sheet: Sheet, tag: str) -> list[str]:
    return [text for each, text in sheet.tags if each == tag]


@pytest.mark.parametrize("code", UNITS)
def test_a_blank_form_is_one_page_of_empty_rows_with_lines_to_sign_on(code: str) -> None:
    sheet = print_form(build_blank_form(code))
    assert len(sheet.pages) == 1
    assert len(body(sheet)) == 13
    assert not any(cell.text for row in body(sheet) for cell in row)
    assert words(sheet, "H2") == ["Comments", "Statement of competence"]
    for line in (
        "Candidate’s name Assessor’s name",
        STATEMENT,
        "Candidate’s signature Date",
        "Internal Verifier’s signature Date",
        "Assessor’s signature Date Date sampled (by IV)",
    ):
        assert line in words(sheet, "P")


def test_a_blank_form_has_no_legend_for_signs_it_does_not_print() -> None:
    assert "○" not in print_form(build_blank_form("CFACC15")).text


@pytest.mark.parametrize("code", UNITS)
def test_every_assessable_criterion_has_its_column_under_its_group(code: str) -> None:
    heads = print_form(build_blank_form(code)).tables[0][1]
    assert [cell.text for cell in heads[:2]] == ["Ref", "Description of Evidence"]
    assert [(*cell.heads, cell.text) for cell in heads[2:]] == [
        (GROUPS[each.kind], each.label) for each in find_unit(code).assessable
    ]


@pytest.mark.parametrize("code", ["CFACC15", "DELIVERCC"])
def test_every_mark_is_announced_under_its_row_its_group_and_its_criterion(code: str) -> None:
    content = build_filled_form(code, rows=30)
    for row, cells_of_row in zip(content.rows, body(print_form(content)), strict=True):
        ref, description, *cells = cells_of_row
        assert (ref.tag, ref.scope, ref.text) == ("TH", "Row", row.ref)
        assert (description.text, description.heads) == (row.description, (row.ref, "Description of Evidence"))
        assert [(cell.text, cell.heads) for cell in cells] == [
            (mark.sign if mark else "", (row.ref, GROUPS[column.kind], column.label))
            for column, mark in zip(content.columns, row.marks, strict=True)
        ]


def test_the_first_heading_row_has_one_empty_cell_over_ref_and_description() -> None:
    # With two heads that span both rows every mark is announced under the wrong criterion.
    corner, performance, knowledge = print_form(build_filled_form()).tables[0][0]
    assert (corner.tag, corner.text, corner.span, corner.heads) == ("TD", "", 2, ())
    assert [(each.tag, each.span, each.scope) for each in (performance, knowledge)] == [
        ("TH", 13, "Column"),
        ("TH", 11, "Column"),
    ]


def test_the_headings_repeat_on_every_page_and_no_row_is_lost() -> None:
    sheet = print_form(build_filled_form("DELIVERCC", rows=30))
    assert len(sheet.tables) == len(sheet.pages) > 1
    assert all(table[:2] == sheet.tables[0][:2] for table in sheet.tables)
    assert [row[0].text for row in body(sheet)] == [str(number) for number in range(1, 31)]


def test_names_and_dates_are_printed_in_place_of_signatures() -> None:
    lines = words(print_form(build_filled_form()), "P")
    assert "Candidate’s name Alice Moran Assessor’s name Bob Archer" in lines
    assert "Unit title H128 04 (CFACC15) Supervise customer service activities in a contact centre team" in lines
    assert "Candidate’s signature Alice Moran, signed electronically Date 2 November 2026, 16:20" in lines
    assert "Internal Verifier’s signature Carol Hughes, signed electronically Date 3 November 2026, 11:30" in lines
    assert (
        "Assessor’s signature Bob Archer, signed electronically Date 1 November 2026, 09:05 "
        "Date sampled (by IV) 3 November 2026"
    ) in lines


def test_a_unit_released_without_sampling_says_not_sampled() -> None:
    lines = words(print_form(build_filled_form(date_sampled=None)), "P")
    assert any(line.endswith("Date sampled (by IV) Not sampled") for line in lines)


def test_the_legend_explains_each_mark() -> None:
    legend = (
        "✓\xa0a decision “met” on this criterion stands on this evidence · ◐\xa0contributes: shown, more was needed · "
        "○\xa0claimed, not yet assessed"
    )
    assert legend in words(print_form(build_filled_form()), "P")


def test_the_footer_of_every_page_identifies_the_form() -> None:
    pages = print_form(build_filled_form(rows=60)).pages
    for number, page in enumerate(pages, 1):
        assert "verified 3 November 2026 · round 2 · candidate NG-0042" in page
        assert "H128 04 (CFACC15) version 1" in page
        assert "record 7f3a9c0123456789" in page
        assert f"page {number} of {len(pages)}" in page


def test_every_sheet_names_candidate_assessor_and_unit_and_says_the_state_in_nine_points() -> None:
    sheet = print_form(build_filled_form("DELIVERCC", rows=40))
    assert len(sheet.pages) > 2
    for number, page in enumerate(sheet.pages, 1):
        text = " ".join(page.split())
        for words_ in ("Alice Moran", "NG-0042", "Bob Archer", "DELIVERCC", find_unit("DELIVERCC").title):
            assert words_ in text, (number, words_)
        assert f"page {number} of {len(sheet.pages)}" in text
    assert min(sheet.sizes(number, "verified 3 November") for number in range(len(sheet.pages))) >= 9


def test_a_long_header_is_shortened_and_stays_on_the_sheet() -> None:
    content = build_filled_form(
        rows=40, candidate_name="Anna " * 40, assessor_name="Ben " * 40, unit_title="Unit " * 60
    )
    sheet = print_form(content)
    for number in range(1, len(sheet.pages)):
        assert all(8 <= y <= 203 for _, _, y in sheet.places(number))
        assert "…" in sheet.pages[number]


def test_a_long_state_does_not_run_into_the_rest_of_the_footer() -> None:
    content = build_filled_form(
        candidate_number="NG-2026-000042-ABCDEFGHJKLMNPQRSTUVWXYZ1", state="verified 23 September 2026, not sampled"
    )
    with pypdfium2.PdfDocument(render_form_pdf(content)) as document:
        page = document[0].get_textpage()
        boxes = [page.get_rect(number) for number in range(page.count_rects())]
    footer = [box for box in boxes if box[3] < 14 * MILLIMETRE]
    assert len(footer) > 2
    overlaps = [
        (one, other)
        for one, other in combinations(footer, 2)
        if min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1]) + 1
    ]
    assert overlaps == []


def test_only_an_unsigned_form_says_draft_on_every_sheet() -> None:
    unsigned = build_filled_form(rows=40, candidate=None, assessor=None, internal_verifier=None, state="in progress")
    assert all(page.count("Draft: not signed") == 2 for page in print_form(unsigned).pages)
    for content in (build_filled_form(), build_blank_form("CFACC15")):
        assert "Draft" not in print_form(content).text


@pytest.mark.slow
@pytest.mark.parametrize("code", ["CFACC15", "DELIVERCC"])
@pytest.mark.parametrize(("length", "rows"), [(60, 17), (150, 13), (300, 17), (500, 13), (790, 17), (1200, 13)])
def test_long_rows_leave_no_page_a_quarter_empty_before_the_table_ends(code: str, length: int, rows: int) -> None:
    text = ("Call about a disputed bill, settled with the customer and written up. " * 20)[:length]
    content = build_filled_form(code, rows=rows)
    sheet = print_form(replace(content, rows=tuple(replace(row, description=text) for row in content.rows)))
    last_page = max(n for n, page in enumerate(sheet.pages) if "Description of Evidence" in page)
    for number in range(last_page):
        lowest = min(y for _, _, y in sheet.places(number) if y > 14)
        assert lowest - 14 < 210 / 4, f"page {number + 1} is empty below {lowest:.0f} mm"


def test_fourteen_items_of_cfacc15_and_all_that_follows_fit_on_one_page() -> None:
    assert len(print_form(build_filled_form(rows=14)).pages) == 1


@pytest.mark.slow
@pytest.mark.parametrize("rows", range(15, 27))
def test_comments_and_signatures_are_never_alone_on_a_page(rows: int) -> None:
    sheet = print_form(build_filled_form(rows=rows))
    last = next(number for number, page in enumerate(sheet.pages) if "Assessor’s signature" in page)
    assert last == len(sheet.pages) - 1
    assert "Comments" in sheet.pages[last]
    assert "Description of Evidence" in sheet.pages[last]


def test_long_comments_run_on_and_the_statement_keeps_together() -> None:
    comments = "\n".join(f"Paragraph {number} of what the assessor wrote." for number in range(90))
    pages = print_form(build_filled_form(comments=comments)).pages
    assert all(f"Paragraph {number} of" in "".join(pages) for number in range(90))
    assert all(
        words in pages[-1] for words in ("Paragraph 89", STATEMENT[:40], "Candidate’s signature", "Date sampled")
    )


@pytest.mark.parametrize("text", ["x" * 10_000, "All about one call, and then some more. " * 250])
def test_ten_thousand_characters_wrap_and_none_is_cut(text: str) -> None:
    content = build_filled_form(comments=text)
    sheet = print_form(replace(content, rows=(replace(content.rows[0], description=text), *content.rows[1:])))
    printed_text = "".join(sheet.text.split())
    assert sum(printed_text.count(letter) for letter in text[:3]) >= 2 * sum(
        text.count(letter) for letter in text[:3]
    )
    assert len(sheet.pages) < 20


def test_a_long_word_is_broken_inside_its_column() -> None:
    row = replace(build_filled_form("DELIVERCC").rows[0], description="W" * 200)
    sheet = print_form(replace(build_filled_form("DELIVERCC"), rows=(row,)))
    assert body(sheet)[0][1].text.count(" ") > 8


def test_markup_is_printed_as_it_was_typed() -> None:
    text = "<script>alert(1)</script> & <b>{{ 7 * 7 }}</b> =SUM(A1)"
    content = build_filled_form(comments=text, candidate_name=text, assessor_name=text)
    sheet = print_form(replace(content, rows=(FormRow("1", text, content.rows[0].marks),)))
    assert body(sheet)[0][1].text == text
    assert f"Candidate’s name {text} Assessor’s name {text}" in words(sheet, "P")
    assert text in words(sheet, "P")


@pytest.mark.parametrize(
    "content", [build_blank_form("DELIVERCC"), build_filled_form("DELIVERCC", rows=20)], ids=["blank", "filled"]
)
def test_no_letter_is_smaller_than_six_and_a_half_points(content: FormContent) -> None:
    reader = print_form(content).reader
    sizes = {
        float(operands[1]) * 0.75
        for page in reader.pages
        for operands, operator in ContentStream(page.get_contents(), reader).operations
        if operator == b"Tf"
    }
    assert min(sizes) >= 6.5
    assert 9 in sizes


def test_the_form_is_a4_landscape_with_empty_margins() -> None:
    sheet = print_form(build_filled_form("DELIVERCC", rows=20))
    assert [round(float(side) / MILLIMETRE) for side in sheet.reader.pages[0].mediabox[2:]] == [297, 210]
    places = sheet.places(0)
    assert all(7.999 <= x <= 289 for _, x, _ in places)
    assert all(8 <= y <= 202 for _, _, y in places)


def test_fifty_three_columns_share_the_width_evenly_up_to_the_margin() -> None:
    labels = [
        (text, x) for text, x, _ in print_form(build_filled_form("DELIVERCC", rows=1)).places(0) if text.isdecimal()
    ][:53]
    assert [text for text, _ in labels] == [each.label for each in build_blank_form("DELIVERCC").columns]
    tens = [x for text, x in labels if len(text) == 2]
    steps = [after - before for before, after in pairwise(tens) if after - before < 10]
    assert len(steps) == 17 + 16
    assert steps == [pytest.approx(3.9, abs=0.4)] * len(steps)
    assert 284 < tens[-1] < 287


@pytest.mark.parametrize("code", UNITS)
def test_an_assigned_label_stands_on_one_line(code: str) -> None:
    first, *others = build_blank_form(code).columns
    columns = (replace(first, label="6a", is_label_assigned=True), *others)
    labels = [text for text, _, _ in print_form(replace(build_blank_form(code), columns=columns)).places(0)]
    assert "6a*" in labels


@pytest.mark.parametrize("number", [2, 4])
def test_a_narrow_group_has_its_short_heading(number: int) -> None:
    columns = tuple(FormColumn(CriterionKind.PERFORMANCE, str(each)) for each in range(1, 30))
    knowledge_columns = tuple(FormColumn(CriterionKind.KNOWLEDGE, str(each)) for each in range(number))
    heads = print_form(replace(build_blank_form("CFACC15"), columns=columns + knowledge_columns)).tables[0][0]
    assert [cell.text for cell in heads] == ["", "Performance Criteria", "K&U"]


def test_a_unit_without_knowledge_items_has_one_group() -> None:
    columns = tuple(FormColumn(CriterionKind.PERFORMANCE, f"{each}.1") for each in range(1, 8))
    heads = print_form(replace(build_blank_form("CFACC15"), columns=columns)).tables[0]
    assert [cell.text for cell in heads[0]] == ["", "Performance Criteria"]
    assert [cell.heads for cell in heads[1][2:]] == [("Performance Criteria",)] * 7


def test_a_form_with_no_evidence_yet_still_prints() -> None:
    sheet = print_form(build_filled_form(rows=0))
    assert len(sheet.pages) == 1
    assert body(sheet) == []


def test_the_pdf_declares_itself_accessible() -> None:
    root = print_form(build_filled_form()).reader.trailer["/Root"]
    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b'pdfuaid:part="1"' in root["/Metadata"].get_object().get_data()
    assert (
        print_form(build_filled_form()).reader.metadata.title
        == "Candidate Recording Form – H128 04 (CFACC15) – Alice Moran"
    )


def test_headings_and_text_are_read_in_the_order_of_the_form() -> None:
    order = [tag for tag, _ in print_form(build_filled_form()).tags if tag in {"H1", "Table", "H2", "Figure", "L"}]
    assert order == ["H1", "Table", "H2", "H2"]


def test_the_same_content_gives_the_same_bytes_here_and_in_another_process() -> None:
    pdf = render_form_pdf(build_filled_form(rows=5))
    assert render_form_pdf(build_filled_form(rows=5)) == pdf
    program = (
        "import sys; from tests.recording_forms.example_form import build_filled_form; "
        "from tracker.recording_forms.rendering import render_form_pdf; "
        "sys.stdout.buffer.write(render_form_pdf(build_filled_form(rows=5)))"
    )
    for seed in ("1", "2"):
        process = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo"},
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout == pdf


def test_other_content_gives_other_bytes() -> None:
    assert render_form_pdf(build_filled_form(rows=1, round=1)) != render_form_pdf(build_filled_form(rows=1, round=2))


def test_the_pdf_date_is_that_of_the_last_signature_and_a_blank_form_has_none() -> None:
    assert print_form(build_filled_form()).reader.metadata.creation_date_raw == "D:20261103"
    assert print_form(build_blank_form("CFACC15")).reader.metadata.creation_date_raw is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.css",
        "http://127.0.0.1/",
        "ftp://example.org/a",
        "data:text/css,body{}",
        "file:///etc/passwd",
        f"{STATIC.as_uri()}/../tracker/config.py",
        f"{STATIC.as_uri()}/%2e%2e/tracker/config.py",
        f"file://elsewhere{STATIC}/css/print.css",
    ],
)
def test_nothing_outside_the_static_folder_is_opened(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        StaticFetcher().fetch(url)


def test_our_own_files_are_opened() -> None:
    assert b"@page" in StaticFetcher().fetch(f"{STATIC.as_uri()}/css/print.css").read()


@pytest.mark.parametrize(
    "markup",
    [
        '<img alt="a" src="file:///etc/passwd">',
        '<link rel="stylesheet" href="https://example.org/a.css">',
        "<style>@import url(file:///etc/hostname)</style>",
        '<p style="background: url(http://127.0.0.1/x.png)">a</p>',
        '<link rel="attachment" href="file:///etc/passwd">',
    ],
)
def test_a_form_that_refers_to_anything_else_is_not_rendered(markup: str) -> None:
    with pytest.raises(FormNotRendered):
        rendering._write_pdf(f'<!doctype html><html lang="en-GB"><title>A</title><body>{markup}</body></html>')


def test_two_threads_render_at_once_and_each_gets_its_own_form() -> None:
    from concurrent.futures import ThreadPoolExecutor

    contents = [build_filled_form(rows=rows) for rows in (1, 2, 3, 4)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(render_form_pdf, contents)) == [render_form_pdf(content) for content in contents]
