"""Mahara's SmartEvidence: frameworks that Mahara accepts are written, and those it ships are read."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from tests.library.centre_units import read_unit
from tests.units.documents_strategy import SLOW, several_units
from tests.units.formats.published import published
from tracker.errors import Invalid
from tracker.units import formats
from tracker.units.documents import UnitDocument
from tracker.units.formats import differences, mahara
from tracker.units.standards_folder import read_standards


def framework(*units: UnitDocument) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mahara.write(units).body)["framework"]
    return found


def test_framework_has_the_keys_mahara_reads() -> None:
    found = framework(read_unit())
    assert set(found) == {
        "institution", "name", "description", "selfassess", "evidencestatuses", "standards", "standardelements",
    }  # fmt: skip
    assert [next(iter(each)) for each in found["evidencestatuses"]] == [
        "begun", "incomplete", "partialcomplete", "completed",
    ]  # fmt: skip
    assert set(found["standards"][0]) == {"shortname", "name", "description", "standardid"}
    assert {"shortname", "name", "description", "standardid", "elementid"} <= set(found["standardelements"][0])


@given(several_units())
@SLOW
def test_parents_come_first_and_elements_are_unique(units: list[UnitDocument]) -> None:
    found = framework(*units)
    standards = {each["standardid"] for each in found["standards"]}
    seen: set[str] = set()
    for each in found["standardelements"]:
        assert each["standardid"] in standards
        assert each["elementid"] not in seen
        assert each.get("parentid") == each.get("parentelementid")
        assert each.get("parentid") is None or each["parentid"] in seen
        seen.add(each["elementid"])


@pytest.mark.parametrize("together", [True, False], ids=["in one file", "each in its own"])
def test_published_units_round_trip(together: bool) -> None:
    units = read_standards().units
    files = [units] if together else [[each] for each in units]
    found = [unit for each in files for unit in mahara.read(mahara.write(each).body).units]
    for existing, incoming in zip(units, found, strict=True):
        taken = replace(formats.complete_unit("mahara", existing, incoming), slug=existing.slug)
        assert differences.describe_differences(existing, taken) == []


@pytest.mark.parametrize("key", ["parentid", "parentelementid"])
def test_both_names_of_the_parent_key_are_read(key: str) -> None:
    given = framework(read_unit())
    other = {"parentid": "parentelementid", "parentelementid": "parentid"}[key]
    for each in given["standardelements"]:
        each.pop(other, None)
    (unit,) = mahara.read(json.dumps({"framework": given}).encode()).units
    assert [(each.label, each.parent) for each in unit.criteria if each.parent] == [("a", 2), ("b", 2)]


@pytest.mark.parametrize(
    ("name", "title", "statements"),
    [("mahara-nace_usa.matrix", "Career Readiness", 7), ("mahara-example.matrix", None, None)],
)
def test_frameworks_shipped_with_mahara_are_read(name: str, title: str | None, statements: int | None) -> None:
    body = published(name)
    found = mahara.read(body).units
    told = json.loads(body)["framework"]
    assert found
    assert sum(len(unit.criteria) for unit in found) > 0
    if title:
        assert (found[0].title, sum(len(unit.criteria) for unit in found)) == (title, statements)
    texts = {each.text for unit in found for each in unit.criteria}
    texts |= {each.heading or "" for unit in found for each in unit.criteria} | {unit.title for unit in found}
    for each in told["standardelements"]:
        assert any(text and each["name"].endswith(text) for text in texts), each["name"]


def test_omissions_are_listed() -> None:
    (sentence,) = mahara.write([read_unit()]).omissions
    assert "evidence requirements" in sentence


GOOD = {"framework": {"name": "F", "standards": [{"name": "S", "standardid": 1}], "standardelements": []}}


def spoilt(**changes: Any) -> bytes:
    return json.dumps({"framework": {**GOOD["framework"], **changes}}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"framework": []}',
        b'{"framework": {"name": "F"}}',
        spoilt(name=""),
        spoilt(name=None),
        spoilt(standards={}),
        spoilt(standards=[{"name": "S", "standardid": True}]),
        spoilt(standardelements=[{"name": "E", "standardid": 1}]),
        spoilt(standardelements=[{"name": "E", "standardid": 1, "elementid": {}}]),
        b'{"framework": ' * 30_000,
        b'{"framework": {"name": "F", "standards": [{"name": "S", "standardid": NaN, "x": '
        + b"9" * 100_000
        + b"}]}}",
        b"\x00\x01",
    ],
    ids=range(14),
)
def test_file_without_framework_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        mahara.read(body)


def element(key: str, **more: Any) -> dict[str, Any]:
    return {"name": f"E{key}", "standardid": 1, "elementid": key, **more}


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ([element("1", parentid="2"), element("2", parentelementid="1")], "form a circle"),
        ([element("1", parentid="1")], "form a circle"),
        ([element(str(n), parentid=str(n - 1) if n else None) for n in range(12)], "more than 8 levels deep"),
        ([element("1", parentid="99")], "the element 99, which is missing"),
        ([element("1", standardid=7)], "the standard 7, which is missing"),
    ],
)
def test_element_without_parent_is_refused(elements: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        mahara.read(spoilt(standardelements=elements))


def test_duplicate_element_is_imported_separately_with_a_remark() -> None:
    """As in a framework that Mahara itself ships."""
    found = mahara.read(spoilt(standardelements=[element("5", name="E"), element("5", name="F")]))
    assert [each.text for each in found.units[0].criteria] == ["E", "F"]
    assert any("appears twice" in remark for remark in found.remarks)


def test_description_of_an_element_becomes_its_note() -> None:
    elements = [
        element("1", name="Teamwork", description="Works with others."),
        element("2", shortname="2", name="2 - Lead", description=None),
        element("3", shortname="3", name="3 write down:", description="write down:\n• names\n• days"),
    ]
    (unit,) = mahara.read(spoilt(standardelements=elements)).units
    assert [(each.label, each.text, each.note, each.points) for each in unit.criteria] == [
        ("1", "Teamwork", "Works with others.", ()), ("2", "Lead", None, ()), ("3", "write down:", None, ("names", "days")),
    ]  # fmt: skip


def test_description_of_a_heading_is_reported_as_not_imported() -> None:
    standards = [{"name": "Nets", "description": "All about nets.", "standardid": 1}]
    found = mahara.read(spoilt(standards=standards, standardelements=[element("1")]))
    assert found.units[0].criteria[0].heading == "Nets"
    assert any("All about nets." in remark for remark in found.remarks)


def test_heading_that_starts_with_its_label_is_not_cut() -> None:
    found = mahara.read(published("mahara-nace_usa.matrix")).units[0]
    assert {each.heading for each in found.criteria} == {"Career Readiness Competencies"}
    assert all(each.note for each in found.criteria)
