"""Units built from frameworks of Moodle and Mahara; what is lost is listed."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.library.centre_units import read_unit
from tests.units.documents_strategy import SLOW, several_units
from tracker.units import formats
from tracker.units.documents import UnitDocument
from tracker.units.formats.completion import CRITERION_DETAILS
from tracker.units.formats.frameworks import OMITTED_CRITERION_FIELDS, OMITTED_UNIT_FIELDS
from tracker.units.standards_folder import read_standards

TREES = ("moodle", "mahara")
LABELS = ("1", "1.10", "1.1.1.1", "a", "B", "iv", "xii", "P1", "PC 1", "KU1.1", "AC 1.1", "12a", "(b)", "i)", "1-2")
COMPLETED = {"provenance", "document_type", "simulation", "file_name"}


def back(name: str, *units: UnitDocument) -> tuple[UnitDocument, ...]:
    return formats.read(name, formats.write(name, units).body).units


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(
    "text", ["Repair nets", "See: 4 nets", "a net " * 60 + "repaired"], ids=["short", "colon", "cut"]
)
@pytest.mark.parametrize("label", LABELS)
def test_any_label_round_trips(name: str, label: str, text: str) -> None:
    unit = read_unit()
    criteria = (replace(unit.criteria[0], label=label, text=text), *unit.criteria[1:])
    (imported,) = back(name, replace(unit, criteria=criteria))
    assert [(each.label, each.text) for each in imported.criteria] == [(each.label, each.text) for each in criteria]


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(
    "heading", ["1 Before the call", "Performance criteria: all", "Understand " * 40 + "calls", None]
)
@pytest.mark.parametrize("with_second_unit", [True, False], ids=["among others", "alone"])
def test_headings_above_stems_round_trip(name: str, heading: str | None, with_second_unit: bool) -> None:
    unit = read_unit()
    stem = next(each for each in unit.criteria if each.text.endswith(":"))
    items = [each for each in unit.criteria if each.parent == stem.position]
    statements = [stem, *items]
    criteria = tuple(
        replace(each, position=at, heading=heading, parent=1 if each.parent else None)
        for at, each in enumerate(statements, start=1)
    )
    exported = replace(unit, criteria=criteria)
    (imported, *_) = back(
        name, exported, *([replace(unit, code="LOCAL8", slug="local8")] if with_second_unit else [])
    )
    assert [(each.heading, each.label, each.parent, each.text) for each in imported.criteria] == [
        (each.heading, each.label, each.parent, each.text) for each in criteria
    ]


@pytest.mark.parametrize("name", TREES)
def test_two_versions_of_a_unit_stay_two_versions(name: str) -> None:
    older = read_unit()
    imported = back(name, older, replace(older, version="2", slug="local7-2"))
    assert [(each.code, each.version) for each in imported] == [("LOCAL7", "1"), ("LOCAL7", "2")]
    assert len({each.slug for each in imported}) == 2


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("units", [read_standards().units, read_standards().units[:1]], ids=["several", "one"])
def test_exported_file_needs_no_assumptions(name: str, units: tuple[UnitDocument, ...]) -> None:
    assert formats.read(name, formats.write(name, units).body).remarks == ()


@pytest.mark.parametrize("name", TREES)
def test_only_stated_fields_are_listed_as_omitted(name: str) -> None:
    unit = next(each for each in read_standards().units if each.code == "CFACC15")
    (sentence,) = formats.write(name, [unit]).omissions
    for words in ("rule on simulation", "evidence requirements", "kind of document", "source"):
        assert words in sentence
    for words in ("skills", "which labels are assigned", "version", "rules of choice"):
        assert words not in sentence


@pytest.mark.slow
@given(several_units(), st.sampled_from(TREES))
@SLOW
def test_everything_that_is_lost_is_listed(units: list[UnitDocument], name: str) -> None:
    omissions = " ".join(formats.write(name, units).omissions)
    for unit, imported in zip(units, back(name, *units), strict=True):
        for field in {each.name for each in fields(UnitDocument)} & set(OMITTED_UNIT_FIELDS):
            if getattr(unit, field) and getattr(unit, field) != getattr(imported, field):
                assert OMITTED_UNIT_FIELDS[field] in omissions or is_only_white_space(unit, imported, field), field
        for original, copy in zip(unit.criteria, imported.criteria, strict=False):
            for field in CRITERION_DETAILS:
                original_value, copied_value = getattr(original, field), getattr(copy, field)
                assert (
                    original_value == copied_value
                    or original_value is None
                    or OMITTED_CRITERION_FIELDS[field] in omissions
                ), field


def is_only_white_space(unit: UnitDocument, imported: UnitDocument, field: str) -> bool:
    """Return whether a field differs in white space only, or is empty and comes back as its default."""
    if field in COMPLETED or field == "metadata":
        return not any(unit.metadata.values()) if field == "metadata" else False
    return field == "overview" and all(not each.heading and not each.points for each in unit.overview)
