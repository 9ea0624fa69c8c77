"""Units of the corpus as Word documents with automatic numbers and as PDFs in four layouts."""

from typing import Any

import pytest

from tests.unit_reader.expectation import CORPUS, Expectation, differences, read_expectation
from tests.unit_reader.reader import read_document
from tests.unit_reader.rendering import Printed, as_docx, as_html, as_pdf, as_table

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


def printed(expected: Expectation) -> Printed:
    found = expected.found
    return Printed(
        title=found["title"],
        code=found["code"] or None,
        document_type=found["document_type"],
        criteria=expected.criteria,
        sqa=(found.get("identifiers") or {}).get("SQA"),
        overview="This is about work that is done with care, in good time, and with an eye for those who come after.",
    )


def compared(expected: Expectation, reading: dict[str, Any]) -> None:
    keys = {"title", "code", "document_type"} & set(expected.found)
    stated = Expectation(expected.name, {key: expected.found[key] for key in keys}, expected.criteria)
    found = differences(stated, reading)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("name", WORD)
def test_a_word_document_reads_as_expected(name: str) -> None:
    expected = read_expectation(CORPUS / f"{name}.yaml")
    reading, _ = read_document(f"{name}.docx", as_docx(printed(expected)))
    compared(expected, reading)


@pytest.mark.parametrize(("name", "layout"), PDF)
def test_a_pdf_reads_as_expected(name: str, layout: str) -> None:
    expected = read_expectation(CORPUS / f"{name}.yaml")
    unit = printed(expected)
    html = as_table(unit) if layout == "ruled" else as_html(unit, marker="{}.")
    reading, _ = read_document(f"{name}.pdf", as_pdf(html, layout, f"{unit.code or ''} {unit.title}"))
    compared(expected, reading)
