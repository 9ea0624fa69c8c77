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
    content: dict[str, Any] = json.loads(mahara.write(units).body)["framework"]
    return content


def test_framework_has_the_keys_mahara_reads() -> None:
    content = framework(read_unit())
    assert set(content) == {
        "institution", "name", "description", "selfassess", "evidencestatuses", "standards", "standardelements",
    }  # fmt: skip
    assert [next(iter(each)) for each in content["evidencestatuses"]] == [
        "begun", "incomplete", "partialcomplete", "completed",
    ]  # fmt: skip
    assert set(content["standards"][0]) == {"shortname", "name", "description", "standardid"}
    assert {"shortname", "name", "description", "standardid", "elementid"} <= set(content["standardelements"][0])


@given(several_units())
@SLOW
def test_parents_come_first_and_elements_are_unique(units: list[UnitDocument]) -> None:
    content = framework(*units)
    standards = {each["standardid"] for each in content["standards"]}
    element_ids: set[str] = set()
    for each in content["standardelements"]:
        assert each["standardid"] in standards
        assert each["elementid"] not in element_ids
        assert each.get("parentid") == each.get("parentelementid")
        assert each.get("parentid") is None or each["parentid"] in element_ids
        element_ids.add(each["elementid"])


@pytest.mark.parametrize("in_one_file", [True, False], ids=["in one file", "each in its own"])
def test_published_units_round_trip(in_one_file: bool) -> None:
    units = read_standards().units
    files = [units] if in_one_file else [[each] for each in units]
    imported = [unit for each in files for unit in mahara.read(mahara.write(each).body).units]
    for existing, incoming in zip(units, imported, strict=True):
        completed = replace(formats.complete_unit("mahara", existing, incoming), slug=existing.slug)
        assert differences.describe_differences(existing, completed) == []


@pytest.mark.parametrize("key", ["parentid", "parentelementid"])
def test_both_names_of_the_parent_key_are_read(key: str) -> None:
    content = framework(read_unit())
    other_key = {"parentid": "parentelementid", "parentelementid": "parentid"}[key]
    for each in content["standardelements"]:
        each.pop(other_key, None)
    (unit,) = mahara.read(json.dumps({"framework": content}).encode()).units
    assert [(each.label, each.parent) for each in unit.criteria if each.parent] == [("a", 2), ("b", 2)]


@pytest.mark.parametrize(
    ("name", "title", "statements"),
    [("mahara-nace_usa.matrix", "Career Readiness", 7), ("mahara-example.matrix", None, None)],
)
def test_frameworks_shipped_with_mahara_are_read(name: str, title: str | None, statements: int | None) -> None:
    body = published(name)
    imported = mahara.read(body).units
    framework = json.loads(body)["framework"]
    assert imported
    assert sum(len(unit.criteria) for unit in imported) > 0
    if title:
        assert (imported[0].title, sum(len(unit.criteria) for unit in imported)) == (title, statements)
    texts = {each.text for unit in imported for each in unit.criteria}
    texts |= {each.heading or "" for unit in imported for each in unit.criteria} | {unit.title for unit in imported}
    for each in framework["standardelements"]:
        assert any(text and each["name"].endswith(text) for text in texts), each["name"]


def test_omissions_are_listed() -> None:
    (sentence,) = mahara.write([read_unit()]).omissions
    assert "evidence requirements" in sentence


GOOD = {"framework": {"name": "F", "standards": [{"name": "S", "standardid": 1}], "standardelements": []}}


def build_file(**changes: Any) -> bytes:
    return json.dumps({"framework": {**GOOD["framework"], **changes}}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"framework": []}',
        b'{"framework": {"name": "F"}}',
        build_file(name=""),
        build_file(name=None),
        build_file(standards={}),
        build_file(standards=[{"name": "S", "standardid": True}]),
        build_file(standardelements=[{"name": "E", "standardid": 1}]),
        build_file(standardelements=[{"name": "E", "standardid": 1, "elementid": {}}]),
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


def element(key: str, **fields: Any) -> dict[str, Any]:
    return {"name": f"E{key}", "standardid": 1, "elementid": key, **fields}


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ([element("1", parentid="2"), element("2", parentelementid="1")], "form a circle"),
        ([element("1", parentid="1")], "form a circle"),
        ([element(str(n), parentid=str(n - 1) if n else None) for n in range(12)], "more than 8 levels deep"),
        ([element("1", parentid="99")], "the element 99, which is missing"),
        ([element("1", standardid=7)], "the standard 7, which is missing"),
    ],
)
def test_element_without_parent_is_refused(elements: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        mahara.read(build_file(standardelements=elements))


def test_duplicate_element_is_imported_separately_with_a_remark() -> None:
    """A framework that Mahara ships has such an element."""
    imported = mahara.read(build_file(standardelements=[element("5", name="E"), element("5", name="F")]))
    assert [each.text for each in imported.units[0].criteria] == ["E", "F"]
    assert any("appears twice" in remark for remark in imported.remarks)


def test_description_of_an_element_becomes_its_note() -> None:
    elements = [
        element("1", name="Teamwork", description="Works with others."),
        element("2", shortname="2", name="2 - Lead", description=None),
        element("3", shortname="3", name="3 write down:", description="write down:\n• names\n• days"),
    ]
    (unit,) = mahara.read(build_file(standardelements=elements)).units
    assert [(each.label, each.text, each.note, each.points) for each in unit.criteria] == [
        ("1", "Teamwork", "Works with others.", ()), ("2", "Lead", None, ()), ("3", "write down:", None, ("names", "days")),
    ]  # fmt: skip


def test_description_of_a_heading_is_reported_as_not_imported() -> None:
    standards = [{"name": "Nets", "description": "All about nets.", "standardid": 1}]
    imported = mahara.read(build_file(standards=standards, standardelements=[element("1")]))
    assert imported.units[0].criteria[0].heading == "Nets"
    assert any("All about nets." in remark for remark in imported.remarks)


def test_heading_that_starts_with_its_label_is_not_cut() -> None:
    imported = mahara.read(published("mahara-nace_usa.matrix")).units[0]
    assert {each.heading for each in imported.criteria} == {"Career Readiness Competencies"}
    assert all(each.note for each in imported.criteria)
