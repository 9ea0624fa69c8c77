"""Units of the corpus as Word documents with automatic numbers and as PDFs in four layouts."""

from typing import Any

import pytest

from tests.unit_reader.expectation import CORPUS, Expectation, differences, read_expectation
from tests.unit_reader.reader import read_document
from tests.unit_reader.rendering import PrintedUnit, as_docx, as_html, as_pdf, as_table

WORD = [
    "numbers",
    "brackets",
    "p-and-k",
    "outcomes",
    "bullets",
    "restart-per-group",
    "starts-at-2",
    "sub-items-letters",
    "sub-items-p41",
    "colon-points",
]
PDF = [
    ("numbers", "page headers"),
    ("brackets", "single"),
    ("p-and-k", "columns"),
    ("outcomes", "ruled"),
    ("outcomes", "single"),
    ("cells-one-to-a-line", "ruled"),
    ("bullets", "page headers"),
    ("restart-per-group", "columns"),
    ("starts-at-2", "page headers"),
    ("sub-items-letters", "single"),
    ("sub-items-p41", "page headers"),
    ("colon-points", "single"),
]


def get_printed_unit(expected: Expectation) -> PrintedUnit:
    stated = expected.stated
    return PrintedUnit(
        title=stated["title"],
        code=stated["code"] or None,
        document_type=stated["document_type"],
        criteria=expected.criteria,
        sqa=(stated.get("identifiers") or {}).get("SQA"),
        overview="This is about work that is done with care, in good time, and with an eye for those who come after.",
    )


def check_reading(expected: Expectation, reading: dict[str, Any]) -> None:
    keys = {"title", "code", "document_type"} & set(expected.stated)
    expectation = Expectation(expected.name, {key: expected.stated[key] for key in keys}, expected.criteria)
    problems = differences(expectation, reading)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("name", WORD)
def test_a_word_document_reads_as_expected(name: str) -> None:
    expected = read_expectation(CORPUS / f"{name}.yaml")
    reading, _ = read_document(f"{name}.docx", as_docx(get_printed_unit(expected)))
    check_reading(expected, reading)


@pytest.mark.parametrize(("name", "layout"), PDF)
def test_a_pdf_reads_as_expected(name: str, layout: str) -> None:
    expected = read_expectation(CORPUS / f"{name}.yaml")
    unit = get_printed_unit(expected)
    html = as_table(unit) if layout == "ruled" else as_html(unit, marker="{}.")
    reading, _ = read_document(f"{name}.pdf", as_pdf(html, layout, f"{unit.code or ''} {unit.title}"))
    check_reading(expected, reading)
