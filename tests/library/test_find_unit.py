"""Finding a unit by any of its codes in any spelling; the newest unless a version is named."""

from dataclasses import replace

import pytest

from tracker.errors import NotFound
from tracker.units.documents import Identifier, UnitDocument
from tracker.units.standards_folder import StandardsFolder, read_standards

LIBRARY = read_standards()
INSCC004 = LIBRARY.find_unit("INSCC004")


def version(version: str, revision: int = 1) -> UnitDocument:
    return replace(INSCC004, version=version, revision=revision)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("INSCC004", "INSCC004"),
        ("inscc004", "INSCC004"),
        ("CfA CC16", "INSCC004"),
        ("cfacc16", "INSCC004"),
        ("CfA/CC16", "INSCC004"),
        ("CFACC15", "CFACC15"),
        ("h12804", "CFACC15"),
        ("H128 04", "CFACC15"),
        ("H128/04", "CFACC15"),
        ("cfam&lfd3", "CFAM&LFD3"),
        ("cfamlfd3", "CFAM&LFD3"),
        (" delivercc ", "DELIVERCC"),
    ],
)
def test_unit_is_found_by_any_of_its_codes(code: str, expected: str) -> None:
    assert LIBRARY.find_unit(code).code == expected


@pytest.mark.parametrize("code", ["INSCC00", "Manage customer service", "", "/"])
def test_unknown_code_error_lists_the_known_codes(code: str) -> None:
    with pytest.raises(NotFound, match=r"There are: CFACC15, CFAM&LFD3, DELIVERCC, INSCC004\."):
        LIBRARY.find_unit(code)


def test_versions_are_compared_part_by_part() -> None:
    library = StandardsFolder((version("1.10"), version("1.9"), version("1", 5), version("1.2", 9)), (), ())
    assert library.find_unit("inscc004").version == "1.10"


def test_latest_revision_of_a_version_is_found() -> None:
    library = StandardsFolder((version("2", 1), version("2", 3), version("2", 2)), (), ())
    assert library.find_unit("inscc004").revision == 3


def test_named_version_is_found_and_1_10_is_not_1_1() -> None:
    library = StandardsFolder((version("1.1"), version("1.10")), (), ())
    assert library.find_unit("inscc004", "1.1").version == "1.1"
    with pytest.raises(NotFound, match=r"no unit inscc004 in version 1\.0\."):
        library.find_unit("inscc004", "1.0")


def test_own_code_has_priority_over_an_identifier() -> None:
    other_unit = replace(
        version("9"), code="NEW1", slug="new1", identifiers=(Identifier("Original URN", "INSCC004"),)
    )
    assert StandardsFolder((other_unit, INSCC004), (), ()).find_unit("inscc004").code == "INSCC004"
