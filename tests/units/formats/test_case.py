"""1EdTech CASE: units round-trip, and packages match the published schema."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.library.centre_units import read_unit
from tests.units.documents_strategy import SLOW, several_units
from tests.units.formats.published import check_against_schema, published
from tracker.errors import Invalid
from tracker.library.commands.transfer import list_links_between
from tracker.units.documents import UnitDocument
from tracker.units.formats import case, case_package
from tracker.units.formats.files import ExchangedLink
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import LinkKind

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIBRARY = read_standards()


def package(units: list[UnitDocument], links: list[ExchangedLink] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(case_package.build_package(units, links or [], NOON)))
    return content


@st.composite
def linked_units(draw: st.DrawFn) -> tuple[list[UnitDocument], list[ExchangedLink]]:
    """Generate units, and links between statements of two of them."""
    units = draw(several_units())
    pairs = [
        (first_unit, second_unit)
        for first_unit in units
        for second_unit in units
        if first_unit.slug < second_unit.slug
    ]
    links = []
    for first_unit, second_unit in pairs:
        ends = st.tuples(st.integers(1, len(first_unit.criteria)), st.integers(1, len(second_unit.criteria)))
        for first, second in sorted(draw(st.sets(ends, max_size=3))):
            links.append(
                ExchangedLink(draw(st.sampled_from(LinkKind)), first_unit.slug, first, second_unit.slug, second)
            )
    return units, links


@given(linked_units())
@SLOW
def test_any_unit_round_trips(units_and_links: tuple[list[UnitDocument], list[ExchangedLink]]) -> None:
    units, links = units_and_links
    imported = case.read(case.write(units, links).body)
    assert imported.units == tuple(units)
    key = [(each.slug, each.position, each.other_slug, each.other_position, each.kind) for each in imported.links]
    assert sorted(key) == sorted((e.slug, e.position, e.other_slug, e.other_position, e.kind) for e in links)
    assert imported.remarks == ()


@given(linked_units())
@SLOW
def test_package_matches_the_published_schema(
    units_and_links: tuple[list[UnitDocument], list[ExchangedLink]],
) -> None:
    check_against_schema(package(*units_and_links), "case-v1p1-cfpackage.schema.json", check_formats=True)


def test_seed_units_round_trip_with_their_links() -> None:
    links = list_links_between(LIBRARY.links, LIBRARY.units)
    assert links
    exported = package(list(LIBRARY.units), links)
    check_against_schema(exported, "case-v1p1-cfpackage.schema.json")
    imported = case.read(json.dumps(exported).encode())
    assert imported.units == tuple(LIBRARY.units)
    assert len(imported.links) == len(links)


class TestFields:
    def test_document_names_creator_and_time(self) -> None:
        document = package([read_unit()])["CFDocument"]
        for name in ("identifier", "uri", "creator", "title", "lastChangeDateTime", "caseVersion"):
            assert name in document, name
        assert document["lastChangeDateTime"] == "2026-11-23T12:00:00Z"
        assert document["caseVersion"] == "1.1"

    def test_item_has_statement_and_label(self) -> None:
        items = {each["fullStatement"]: each for each in package([read_unit()])["CFItems"]}
        stem = items["agree with a colleague:"]
        assert (stem["humanCodingScheme"], stem["listEnumeration"]) == ("2", "2")
        assert stem["CFItemType"] == "Performance criterion"
        assert items["why customers ring twice"]["CFItemType"] == "Knowledge"
        assert items["Answer difficult calls"]["humanCodingScheme"] == "LOCAL7"

    def test_child_names_parent_and_sequence_number(self) -> None:
        exported = package([read_unit()])
        items = {each["identifier"]: each["fullStatement"] for each in exported["CFItems"]}
        children = [
            (each["sequenceNumber"], items[each["originNodeURI"]["identifier"]])
            for each in exported["CFAssociations"]
            if items.get(each["destinationNodeURI"]["identifier"]) == "agree with a colleague:"
        ]
        assert children == [(3, "who may be told"), (4, "who must not")]
        assert {each["associationType"] for each in exported["CFAssociations"]} == {"isChildOf"}

    @pytest.mark.parametrize(
        ("kind", "same_words", "association_type"),
        [
            (LinkKind.SAME, True, "exactMatchOf"),
            (LinkKind.SAME, False, "isRelatedTo"),
            (LinkKind.REPLACED_BY, False, "replacedBy"),
        ],
    )
    def test_link_is_an_association(self, kind: LinkKind, same_words: bool, association_type: str) -> None:
        unit = read_unit()
        criterion = replace(unit.criteria[0], text=unit.criteria[0].text if same_words else "something else")
        other_unit = replace(unit, code="LOCAL8", slug="local8", criteria=(criterion, *unit.criteria[1:]))
        link = ExchangedLink(kind, "local7", 1, "local8", 1)
        types = [each["associationType"] for each in package([unit, other_unit], [link])["CFAssociations"]]
        assert [each for each in types if each != "isChildOf"] == [association_type]

    def test_own_data_is_only_under_extensions(self) -> None:
        """Every key that the specification does not name is under `extensions`."""
        exported = package([read_unit()])
        definitions = json.loads(published("case-v1p1-cfpackage.schema.json"))["$defs"]
        names = {name: set(body["properties"]) for name, body in definitions.items() if "properties" in body}
        item = next(
            properties
            for name, properties in names.items()
            if "fullStatement" in properties and "CFItemType" in properties
        )
        for each in exported["CFItems"]:
            assert set(each) <= item, set(each) - item


class TestIdentifiers:
    def test_identifiers_are_stable(self) -> None:
        unit = read_unit()
        changed_unit = replace(unit, title="Another title", provenance=replace(unit.provenance, read="Again."))
        before, after = ({each["identifier"] for each in package([each])["CFItems"]} for each in (unit, changed_unit))
        assert before == after
        assert all(str(uuid.UUID(each)) == each for each in before)

    @pytest.mark.parametrize("change", [{"code": "LOCAL8"}, {"version": "2"}, {"revision": 2}])
    def test_identifiers_differ_by_code_version_and_revision(self, change: dict[str, Any]) -> None:
        unit = read_unit()
        before, after = (
            {each["identifier"] for each in package([each])["CFItems"]} for each in (unit, replace(unit, **change))
        )
        assert not before & after

    def test_duplicate_labels_have_different_identifiers(self) -> None:
        items = package([read_unit()])["CFItems"]
        assert len({each["identifier"] for each in items}) == len(items)


class TestPackagesOfOtherSystems:
    def test_package_of_version_1_0_is_read(self) -> None:
        """A package of another system has no item types and no extensions; its tree shows what is a unit."""
        moment = "2020-01-01T00:00:00+00:00"

        def entity(key: str, **fields: object) -> dict[str, Any]:
            identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, key))
            return {
                "identifier": identifier,
                "uri": f"https://example.org/{key}",
                "lastChangeDateTime": moment,
                **fields,
            }

        def end(key: str) -> dict[str, Any]:
            return {"title": key, "identifier": entity(key)["identifier"], "uri": entity(key)["uri"]}

        items = [
            ("u", "F1", "Repair nets"),
            ("g", "", "Performance criteria"),
            ("a", "P1", "find tears"),
            ("b", "P2", "cut"),
        ]
        parents = [("u", "d"), ("g", "u"), ("b", "g"), ("a", "g")]
        content = {
            "CFDocument": entity("d", creator="A board", title="Fishing", CFPackageURI=end("p")),
            "CFItems": [
                entity(key, fullStatement=text, humanCodingScheme=label, CFDocumentURI=end("d"))
                for key, label, text in items
            ],
            "CFAssociations": [
                entity(
                    f"{child}-{parent}",
                    associationType="isChildOf",
                    sequenceNumber=number,
                    originNodeURI=end(child),
                    destinationNodeURI=end(parent),
                )
                for number, (child, parent) in enumerate(parents)
            ],
        }
        check_against_schema(content, "case-v1p0-cfpackage.schema.json")
        (unit,) = case.read(json.dumps(content).encode()).units
        assert (unit.code, unit.title) == ("F1", "Repair nets")
        assert [(each.label, each.text) for each in unit.criteria] == [("P2", "cut"), ("P1", "find tears")]

    def test_circle_of_parents_is_handled(self) -> None:
        exported = package([read_unit()])
        for each in list(exported["CFAssociations"]):
            ends = {"originNodeURI": each["destinationNodeURI"], "destinationNodeURI": each["originNodeURI"]}
            exported["CFAssociations"].insert(0, {**each, **ends})
        assert outcome(json.dumps(exported).encode())


HOSTILE = [
    b"",
    b"[]",
    b"null",
    b'{"CFDocument": 1}',
    b'{"CFDocument": {"identifier": "a", "title": "b"}, "CFItems": {}}',
    b'{"CFDocument": {"identifier": "a", "title": "b"}, "CFItems": [1, null, "x"]}',
    b'{"CFDocument": {"identifier": "a", "title": "b"}, "CFItems": [{"identifier": "c", "fullStatement": NaN}]}',
    b'{"CFDocument": {"identifier": "a", "title": "b"}, "CFAssociations": [{"associationType": "isChildOf"}]}',
    b'{"a":' * 50_000,
    b"[" * 100_000,
    b'{"CFDocument": {"identifier": "a", "title": ' + b"1" * 100_000 + b"}}",
    "\ud800".encode("utf-8", "surrogatepass"),
    b"\xff\xfe\x00",
    b"\x00" * 1000,
]


def outcome(body: bytes) -> str:
    """Return `read`, or the message of the refusal."""
    try:
        return f"read {len(case.read(body).units)}"
    except Invalid as refusal:
        return str(refusal)


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_file_is_refused_with_a_message(body: bytes) -> None:
    assert outcome(body)


@pytest.mark.parametrize("name", ["extensions", "fullStatement", "humanCodingScheme"])
@pytest.mark.parametrize("value", [None, 1, [], {}, "x" * 100_000, {"evidenceTracker": {"provenance": 1}}, True])
def test_damaged_own_item_is_refused_with_a_message(name: str, value: object) -> None:
    exported = package([read_unit()])
    for item in exported["CFItems"]:
        item[name] = value
    assert outcome(json.dumps(exported).encode())
