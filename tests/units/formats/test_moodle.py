"""Moodle's competency framework: written in its column order with valid ID numbers, and read back."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.library.centre_units import read_unit
from tests.units.documents_strategy import SLOW, several_units
from tracker.errors import Invalid
from tracker.library.commands.transfer import list_links_between
from tracker.units import formats
from tracker.units.documents import UnitDocument
from tracker.units.formats import differences, moodle
from tracker.units.formats.files import ExchangedLink
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import LinkKind

COLUMNS = (
    "Parent ID number,ID number,Short name,Description,Description format,Scale values,Scale configuration,"
    "Rule type (optional),Rule outcome (optional),Rule config (optional),Cross-referenced competency ID numbers,"
    "Exported ID (optional),Is framework,Taxonomy"
)


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def of_statements(unit: UnitDocument) -> list[tuple[str, str]]:
    return [(each.kind, " ".join(each.text.split())) for each in unit.criteria]


def test_columns_are_in_moodle_order() -> None:
    assert moodle.write([read_unit()]).body.decode().splitlines()[0] == COLUMNS


def test_framework_row_has_a_default_and_a_proficient_value() -> None:
    frameworks = [row for row in rows_of(moodle.write(read_standards().units).body) if row["Is framework"] == "1"]
    assert len(frameworks) == 1
    scale, *values = json.loads(frameworks[0]["Scale configuration"])
    assert "scaleid" in scale
    assert [each["id"] for each in values] == list(range(1, len(frameworks[0]["Scale values"].split(",")) + 1))
    assert sum(each["scaledefault"] for each in values) == 1
    assert any(each["proficient"] for each in values)


@pytest.mark.slow
@given(several_units())
@SLOW
def test_id_numbers_are_short_unique_and_parents_exist(units: list[UnitDocument]) -> None:
    rows = rows_of(moodle.write(units).body)
    numbers = [row["ID number"] for row in rows]
    assert all(0 < len(each) <= 100 for each in numbers)
    assert len(set(numbers)) == len(numbers)
    id_numbers = {""}
    for row in rows:
        assert row["Parent ID number"] in id_numbers
        assert len(row["Short name"]) <= 100
        id_numbers.add(row["ID number"])


@pytest.mark.slow
@given(several_units())
@SLOW
def test_no_cell_is_a_formula(units: list[UnitDocument]) -> None:
    for row in rows_of(moodle.write(units).body):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values() if cell)


def test_commas_in_cross_references_are_escaped() -> None:
    unit = read_unit()
    criteria = tuple(replace(each, label="1,2" if each.position == 1 else each.label) for each in unit.criteria)
    other_unit = replace(unit, code="LOCAL8", slug="local8", criteria=criteria)
    links = [ExchangedLink(LinkKind.SAME, "local7", place, "local8", 1) for place in (1, 2)]
    rows = rows_of(moodle.write([unit, other_unit], links).body)
    referring = [row["Cross-referenced competency ID numbers"] for row in rows]
    assert [each for each in referring if each] == ["local8-v1-p-1%2C2"] * 2


def ends_of(link: ExchangedLink, units: Sequence[UnitDocument]) -> tuple[tuple[str, str, int], tuple[str, str, int]]:
    by_slug = {unit.slug: unit for unit in units}
    first, second = by_slug[link.slug], by_slug[link.other_slug]
    return (first.code, first.version, link.position), (second.code, second.version, link.other_position)


def test_links_of_labels_with_commas_round_trip() -> None:
    unit = read_unit()
    criteria = tuple(
        replace(each, label={1: "1,2", 3: "1%2C2"}.get(each.position, each.label)) for each in unit.criteria
    )
    other_unit = replace(unit, code="LOCAL8", slug="local8", criteria=criteria)
    links = [
        ExchangedLink(LinkKind.SAME, "local7", position, "local8", other_position)
        for position, other_position in ((1, 1), (1, 3), (4, 1))
    ]
    imported = moodle.read(moodle.write([unit, other_unit], links).body)
    assert set(imported.links) == set(links)
    assert imported.remarks == ()


def test_replacement_links_round_trip_with_the_older_first() -> None:
    newer = read_unit(version="10", slug="local7-10")
    older = read_unit(version="9")
    link = ExchangedLink(LinkKind.REPLACED_BY, older.slug, 1, newer.slug, 3)
    imported = moodle.read(moodle.write([newer, older], [link]).body)
    (back,) = imported.links
    assert back.kind is LinkKind.REPLACED_BY
    assert ends_of(back, imported.units) == (("LOCAL7", "9", 1), ("LOCAL7", "10", 3))


def test_links_between_revisions_are_reported_as_omitted() -> None:
    older, newer = read_unit(), read_unit(revision=2, slug="local7-1-r2")
    exported = moodle.write([older, newer], [ExchangedLink(LinkKind.REPLACED_BY, older.slug, 1, newer.slug, 1)])
    assert exported.omissions[-1] == "1 link between revisions of one version."
    assert moodle.read(exported.body).links == ()


def test_links_of_the_folder_round_trip() -> None:
    library = read_standards()
    links = list_links_between(library.links, library.units)
    imported = moodle.read(moodle.write(library.units, links).body)
    assert links
    assert {ends_of(each, imported.units) for each in imported.links} == {
        ends_of(each, library.units) for each in links
    }


@pytest.mark.slow
@given(several_units(), st.data())
@SLOW
def test_any_links_round_trip(units: list[UnitDocument], data: st.DataObject) -> None:
    units = [
        replace(unit, version=str(number)) for number, unit in enumerate(units, start=1)
    ]  # versions that differ by more than white space
    places = [(unit.slug, each.position) for unit in units for each in unit.criteria]
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(places), st.sampled_from(places)), max_size=6))
    codes = {unit.slug: unit.code for unit in units}
    links = [
        ExchangedLink(LinkKind.SAME, *first, *second)
        for first, second in pairs
        if codes[first[0]] != codes[second[0]]
    ]
    imported = moodle.read(moodle.write(units, links).body)
    exported_ends, imported_ends = (
        {
            frozenset((version, position) for _, version, position in ends_of(link, units_of_links))
            for link in links_of_units
        }
        for links_of_units, units_of_links in ((links, units), (imported.links, imported.units))
    )
    assert imported_ends == exported_ends


def test_published_units_round_trip() -> None:
    units = read_standards().units
    imported = moodle.read(moodle.write(units).body)
    assert [of_statements(each) for each in imported.units] == [of_statements(each) for each in units]
    for existing, incoming in zip(units, imported.units, strict=True):
        completed = replace(formats.complete_unit("moodle", existing, incoming), slug=existing.slug)
        assert differences.describe_differences(existing, completed) == []


def test_white_space_in_a_heading_does_not_change_the_kind() -> None:
    unit = read_unit()
    criteria = tuple(replace(each, heading="About\u00a0calls") for each in unit.criteria)
    (imported,) = moodle.read(moodle.write([replace(unit, criteria=criteria)]).body).units
    assert [each.kind for each in imported.criteria] == [each.kind for each in unit.criteria]
    assert {each.heading for each in imported.criteria} == {"About calls"}


def test_omissions_are_listed() -> None:
    (sentence,) = moodle.write([read_unit()]).omissions
    assert "evidence requirements" in sentence


class TestFilesOfMoodle:
    def framework(self, *rows: str) -> bytes:
        return "\n".join([COLUMNS, *rows]).encode()

    def test_moodle_export_is_read(self) -> None:
        body = self.framework(
            ',F1,Fishing,<p>All of it</p>,1,"No,Yes","[{""scaleid"":""2""}]",,,,,12,1,"competency,competency"',
            "F1,F1.1,Repair nets,<p>Repair <b>all</b> nets</p>,1,,,,,,,13,,",
            "F1,F1.2,Sell fish,,1,,,,,,,14,,",
        )
        (unit,) = moodle.read(body).units
        assert unit.title == "Fishing"
        assert [each.text for each in unit.criteria] == ["Repair all nets", "Sell fish"]

    def test_related_competencies_of_others_are_not_links(self) -> None:
        units = (
            row
            for unit in ("A", "B")
            for row in (
                f"F1,{unit},Unit {unit},,1,,,,,,,,,",
                f"{unit},{unit}1,Group,,1,,,,,,,,,",
                f"{unit}1,{unit}2,Repair nets,,1,,,,,,{'B2' if unit == 'A' else 'A2'},,,",
            )
        )
        imported = moodle.read(self.framework(",F1,Fishing,,1,,,,,,,,1,", *units))
        assert (len(imported.units), imported.links) == (2, ())
        assert "Not imported: 2 cross-references that do not link two units of this program." in imported.remarks

    @pytest.mark.parametrize(
        "rows",
        [
            (),
            ("F9,F1.1,An orphan,,1,,,,,,,,,",),
            (",F1,A,,1,,,,,,,,1,", ",F2,B,,1,,,,,,,,1,", "F2,F1,Twice,,1,,,,,,,,,"),
            (",F1,A,,1,,,,,,,,1,", "F1.1,F1.2,Round,,1,,,,,,,,,", "F1.2,F1.1,And round,,1,,,,,,,,,"),
            (",F1,A,,1,,,,,,,,1,", *(f"F1{'.1' * n},F1{'.1' * (n + 1)},Deep,,1,,,,,,,,," for n in range(60))),
            (",F1,,,,,,,,,,,1,", "F1,F2,,,,,,,,,,,,"),
        ],
    )
    def test_entry_without_parent_is_refused(self, rows: tuple[str, ...]) -> None:
        try:
            assert moodle.read(self.framework(*rows)).units is not None
        except Invalid as refusal:
            assert str(refusal).endswith(".")  # noqa: PT017 - either is an answer

    @pytest.mark.parametrize("body", [b"", b"a,b,c", b"\x00" * 50, COLUMNS.encode() + b'\n"open', b"\xff\xfe\xfd"])
    def test_file_without_framework_is_refused(self, body: bytes) -> None:
        with pytest.raises(Invalid, match="Nothing was read"):
            moodle.read(body)
