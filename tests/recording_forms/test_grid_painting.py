"""The painted grid of a printed form: the same picture and the same tags as with a cell for each mark."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version

import pydyf
import pypdfium2  # type: ignore[import-untyped]  # it carries no types
import pytest
from PIL import Image, ImageChops

from tests.recording_forms.cell_by_cell import print_cell_by_cell, render_cell_by_cell
from tests.recording_forms.example_form import build_blank_form, build_filled_form, print_form
from tracker.recording_forms.form_content import FormContent
from tracker.recording_forms.grid_painting import PAINTED_WITH
from tracker.recording_forms.rendering import render_form_pdf
from tracker.recording_forms.written_objects import WrittenObject, write_objects_once
from tracker.vocabulary import ClaimMark

pytestmark = pytest.mark.slow

DARK = 128
"""A pixel that differs by so much, of 255, shows something else. Lines that cross are painted a little darker where each
cell has lines of its own."""


def with_descriptions(content: FormContent, text: str) -> FormContent:
    return replace(content, rows=tuple(replace(row, description=text) for row in content.rows))


def with_marks(content: FormContent, *marks: ClaimMark | None) -> FormContent:
    """Return the form with the same marks in each row, again and again over the columns."""
    columns = len(content.columns)
    row_marks = tuple(marks[at % len(marks)] for at in range(columns))
    return replace(content, rows=tuple(replace(row, marks=row_marks) for row in content.rows))


LONG = "Call about a disputed bill, settled with the customer and written up. " * 17
ONE = build_filled_form(rows=2)
FORMS = {
    "20 rows of 24 columns": build_filled_form(rows=20),
    "30 rows of 24 columns, two pages": build_filled_form(rows=30),
    "20 rows of 53 columns, two pages": build_filled_form("DELIVERCC", rows=20),
    "one row": build_filled_form(rows=1),
    "no row": build_filled_form(rows=0),
    "one column": replace(ONE, columns=ONE.columns[:1], rows=tuple(replace(r, marks=r.marks[:1]) for r in ONE.rows)),
    "no marks": with_marks(build_filled_form(rows=5), None),
    "every mark": with_marks(build_filled_form(rows=5), *ClaimMark),
    "rows divided by pages": with_descriptions(build_filled_form(rows=6), LONG),
    "narrow rows divided by pages": with_descriptions(build_filled_form("DELIVERCC", rows=6), LONG[:790]),
    "blank, 24 columns": build_blank_form("CFACC15"),
    "blank, 53 columns": build_blank_form("DELIVERCC"),
}
every_form = pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)


def draw_pages(pdf: bytes) -> Iterator[Image.Image]:
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            yield page.render(scale=2).to_pil().convert("L")


def count_different_pixels(one: Image.Image, other: Image.Image) -> int:
    return sum(ImageChops.difference(one, other).histogram()[DARK:])


@every_form
def test_the_picture_is_that_of_a_form_laid_out_cell_by_cell(content: FormContent) -> None:
    painted, plain = (list(draw_pages(pdf)) for pdf in (render_form_pdf(content), render_cell_by_cell(content)))
    assert [count_different_pixels(*pages) for pages in zip(painted, plain, strict=True)] == [0] * len(plain)


def test_a_mark_in_another_column_gives_another_picture() -> None:
    content = FORMS["one row"]
    marks = content.rows[0].marks
    moved = replace(content, rows=(replace(content.rows[0], marks=(*marks[1:], marks[0])),))
    pages = (next(draw_pages(pdf)) for pdf in (render_form_pdf(content), render_cell_by_cell(moved)))
    assert count_different_pixels(*pages) > 20


@every_form
def test_the_tags_are_those_of_a_form_laid_out_cell_by_cell(content: FormContent) -> None:
    painted, plain = print_form(content), print_cell_by_cell(content)
    assert painted.tables == plain.tables
    assert painted.tags == plain.tags


@every_form
def test_each_mark_is_content_of_one_cell_and_each_tag_lies_in_the_tag_that_lists_it(content: FormContent) -> None:
    sheet = print_form(content)
    structure = sheet.reader.trailer["/Root"]["/StructTreeRoot"]
    numbers = structure["/ParentTree"]["/Nums"]
    owners = {
        (page, place): owner.get_object()["/K"]
        for page, references in zip(numbers[::2], numbers[1::2], strict=True)
        for place, owner in enumerate(references)
    }
    assert owners == {key: [key[1]] for key in owners}
    for element in [structure, *sheet.elements()]:
        for child in element["/K"]:
            if not isinstance(child, int):
                assert child.get_object()["/P"] == element


def test_the_installed_weasyprint_is_the_one_whose_internals_were_checked() -> None:
    installed = {name: version(name) for name in PAINTED_WITH}
    assert installed == PAINTED_WITH, (
        "The printed form's grid is painted with internals of WeasyPrint and pydyf, and another release is installed. "
        "Read the docstring of tracker/recording_forms/grid_painting.py, run tests/recording_forms, look at printed "
        "forms, and then change PAINTED_WITH."
    )


def test_each_object_of_a_pdf_is_made_into_bytes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Counted(pydyf.Dictionary):  # type: ignore[misc]  # pydyf carries no types
        @property
        def data(self) -> bytes:
            made.append(self.number)
            return bytes(super().data)

    pdf = pydyf.PDF()
    for number in range(3):
        pdf.add_object(Counted({"Number": number}))
    pdf.add_object(WrittenObject(len(pdf.objects), b"<</Number 3>>"))
    write_objects_once(pdf)
    with open("/dev/null", "wb") as output:  # noqa: PTH123 - no file is made
        pdf.write(output, b"1.7", b"form", compress=True)
    assert made == [each.number for each in pdf.objects[3:6]]
