"""The published documents of the four seed units are read as `standards/units` has them; the guidance is not a unit."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit_reader.reader import NoUnit, read_document
from tracker.unit_reader.cleaning import clean_text
from tracker.units.documents import GuidanceDocument
from tracker.units.standards_folder import read_standards

SEEDS = Path(__file__).parents[1] / "seeds"
LIBRARY = read_standards()
DOCUMENTS = {
    "INSCC004": "INSCC004.txt",
    "CFACC15": "CFACC15.txt",
    "CFAM&LFD3": "CFAMLFD3.txt",
    "DELIVERCC": "deliver-customer-service.txt",
}


def read_seed(code: str) -> dict[str, Any]:
    path = SEEDS / DOCUMENTS[code]
    reading, _ = read_document(path.name, path.read_bytes())
    return reading


def library_unit(code: str) -> dict[str, Any]:
    return LIBRARY.find_unit(code).as_json()


@pytest.mark.parametrize("code", DOCUMENTS)
def test_every_criterion_equals_the_library_copy(code: str) -> None:
    def compared(each: dict[str, Any]) -> dict[str, Any]:
        return {**each, "note": bool(each["note"])}

    assert [compared(each) for each in read_seed(code)["criteria"]] == [
        compared(each) for each in library_unit(code)["criteria"]
    ]


@pytest.mark.parametrize("code", DOCUMENTS)
@pytest.mark.parametrize(
    "key",
    [
        "document_type",
        "version",
        "simulation",
        "overview",
        "scope",
        "metadata",
        "evidence_requirements_introduction",
        "evidence_requirements",
        "assessor_rules",
        "skills",
        "values",
        "behaviours",
        "glossary",
        "links",
        "external_links",
        "dates",
    ],
)
def test_everything_else_printed_equals_the_library_copy(code: str, key: str) -> None:
    assert read_seed(code)[key] == library_unit(code)[key]


@pytest.mark.parametrize("code", ["INSCC004", "CFACC15", "DELIVERCC"])
def test_printed_titles_are_read(code: str) -> None:
    assert read_seed(code)["title"] == library_unit(code)["title"]


@pytest.mark.parametrize("code", ["INSCC004", "CFACC15"])
def test_printed_codes_are_read(code: str) -> None:
    for key in ("code", "identifiers"):
        assert read_seed(code)[key] == library_unit(code)[key]


def test_a_code_printed_only_at_the_end_is_reported() -> None:
    reading = read_seed("CFAM&LFD3")
    assert reading["code"] == "CFAM&LFD3"
    assert reading["identifiers"] == [{"scheme": "Original URN", "value": "CFAM&LFD3"}]
    warnings = " ".join(each["what"] for each in reading["warnings"])
    assert "title" in warnings
    assert "code" in warnings


def test_no_code_is_guessed_where_none_is_printed() -> None:
    reading = read_seed("DELIVERCC")
    assert reading["identifiers"] == []
    assert any("code" in each["what"] for each in reading["warnings"])


def test_an_unnumbered_line_is_reported() -> None:
    path = SEEDS / DOCUMENTS["INSCC004"]
    reading, lines = read_document(path.name, path.read_bytes())
    (number,) = [number for number, text in lines.items() if text.startswith("how to manage monitoring")]
    assert any(number in each["lines"] for each in reading["warnings"])


def test_empty_headings_are_kept() -> None:
    assert set(read_seed("INSCC004")["empty_headings"]) >= set(library_unit("INSCC004")["empty_headings"])


def test_the_name_of_an_image_is_not_read() -> None:
    reading = read_seed("CFAM&LFD3")
    assert ".png" not in str([reading["criteria"], reading["skills"], reading["metadata"], reading["title"]])


def test_guidance_is_refused_as_a_unit_and_returned_as_guidance() -> None:
    path = SEEDS / "guidance-customer-service-procedures.txt"
    with pytest.raises(NoUnit) as raised:
        read_document(path.name, path.read_bytes())
    guidance = raised.value.guidance
    (expected,) = LIBRARY.guidance
    assert isinstance(guidance, GuidanceDocument)
    assert guidance.synopsis == expected.synopsis
    for key in ("key_concepts", "tips", "misconceptions", "marking_points"):
        assert getattr(guidance, key) == getattr(expected, key)


@pytest.mark.parametrize("break_", ["\v", "\f"])
def test_break_within_a_line_separates_words(break_: str) -> None:
    assert clean_text(f"manage{break_}customer service") == "manage customer service"
