"""The spreadsheet format: one row per statement, without formulas, read back except for listed omissions."""

import csv
import io
import re
from dataclasses import replace

import pytest
from hypothesis import given

from tests.library.centre_units import read_unit
from tests.units.documents_strategy import HOSTILE, SLOW, several_units
from tracker.errors import Invalid
from tracker.units import formats
from tracker.units.documents import Identifier, Paragraph, UnitDocument
from tracker.units.formats import differences, files, spreadsheet
from tracker.units.formats.files import ExchangedLink
from tracker.units.formats.spreadsheet import COLUMNS
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import LinkKind
from tracker.web.csv_files import FORMULA_STARTS


def remove_omissions(unit: UnitDocument) -> UnitDocument:
    """Return a unit without the fields that the spreadsheet's list of omissions names."""
    identifiers = [
        each for each in unit.identifiers if ":" not in each.scheme and not {*each.scheme, *each.value} & {*"\n\r"}
    ]
    lists = ("criteria", "overview", "scope", "evidence_requirements")
    return replace(
        unit,
        identifiers=tuple(identifiers),
        evidence_guidance=(),
        **{name: tuple(replace(each, points=flat(each.points)) for each in getattr(unit, name)) for name in lists},
    )


def flat(points: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(re.sub("\r\n|\n|\r", " ", point) for point in points)


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def edited(body: bytes, row: int, **cells: str) -> bytes:
    """Return the file with some cells of a row changed; rows count from 0 below the head."""
    rows = rows_of(body)
    rows[row] |= cells
    return write_rows(rows)


def write_rows(rows: list[dict[str, str]], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


@given(several_units())
@SLOW
def test_any_unit_round_trips_except_listed_omissions(units: list[UnitDocument]) -> None:
    imported = spreadsheet.read(spreadsheet.write(units).body).units
    assert [remove_omissions(each) for each in imported] == [remove_omissions(each) for each in units]


@given(several_units())
@SLOW
def test_no_cell_is_a_formula(units: list[UnitDocument]) -> None:
    for row in rows_of(spreadsheet.write(units).body):
        assert not any(cell.startswith(FORMULA_STARTS) for cell in row.values())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_round_trips(text: str) -> None:
    unit = read_unit(title=text.strip())
    assert spreadsheet.read(spreadsheet.write([unit]).body).units[0].title == text.strip()


def test_published_units_round_trip() -> None:
    units = read_standards().units
    imported = spreadsheet.read(spreadsheet.write(units).body)
    assert [remove_omissions(each) for each in imported.units] == [remove_omissions(each) for each in units]


def test_each_row_has_one_statement() -> None:
    rows = rows_of(spreadsheet.write([read_unit()]).body)
    assert [(row["kind"], row["label"], row["inside"]) for row in rows] == [
        ("performance", "1", ""), ("performance", "2", ""), ("performance", "a", "2"), ("performance", "b", "2"),
        ("performance", "3", ""), ("performance", "1", ""), ("knowledge", "1.10", ""),
        ("overview", "", ""), ("overview", "", ""), ("requirement", "1", ""),
    ]  # fmt: skip


def test_omissions_are_listed() -> None:
    assert spreadsheet.write(read_standards().units).omissions == ("CFACC15: its evidence guidance.",)
    unit = read_unit(identifiers=(Identifier("a:b", "1"),), overview=(Paragraph("x", None, ("a\nb",)),))
    omissions = spreadsheet.write([unit], [ExchangedLink(LinkKind.SAME, "local7", 1, "b", 1)]).omissions
    assert [sentence.partition(":")[0] for sentence in omissions] == ["LOCAL7", "LOCAL7", "1 link between units."]


def test_fields_missing_in_the_file_are_kept() -> None:
    rows = [
        row for row in rows_of(spreadsheet.write([read_unit()]).body) if row["kind"] in {"performance", "knowledge"}
    ]
    for row in rows:
        row.update(dict.fromkeys(["source", "read", "identifiers", "suites"], ""))
    rows[0]["text"] = "find out what was said last time"
    (incoming,) = spreadsheet.read(write_rows(rows)).units
    completed = formats.complete_unit("csv", read_unit(), incoming)
    assert differences.describe_differences(read_unit(), completed) == [
        "Performance criteria 1 under “Before the call” is reworded: “find out what was promised last time” becomes “find out what was said last time”."
    ]


def test_overview_row_can_be_changed() -> None:
    body = edited(spreadsheet.write([read_unit()]).body, 7, text="Calls of all sorts.")
    completed = formats.complete_unit("csv", read_unit(), spreadsheet.read(body).units[0])
    assert differences.describe_differences(read_unit(), completed) == ["The overview changes."]


class TestAsPeopleSaveIt:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_files_of_common_spreadsheets_are_read(self, delimiter: str, encoding: str) -> None:
        unit = read_unit(title="Café – calls, mostly; daily")
        body = write_rows(rows_of(spreadsheet.write([unit]).body), delimiter).decode().encode(encoding)
        assert remove_omissions(spreadsheet.read(body).units[0]) == remove_omissions(unit)

    def test_columns_can_be_reordered_and_missing(self) -> None:
        names = ["Text", "LABEL", "kind", "title", "Unit"]
        rows = [dict(zip(names, cells, strict=True)) for cells in [("greet", "1", "performance", "Calls", "X1")]]
        (unit,) = spreadsheet.read(write_rows(rows)).units
        assert (unit.code, unit.slug, unit.title, unit.version, unit.criteria[0].text) == (
            "X1",
            "x1",
            "Calls",
            "1",
            "greet",
        )

    def test_unit_columns_are_needed_on_the_first_row_only(self) -> None:
        rows = rows_of(spreadsheet.write([read_unit(), read_unit(code="B", slug="b")]).body)
        about = COLUMNS[: COLUMNS.index("kind")]
        for row in rows[1:8]:
            row.update(dict.fromkeys(about, ""))
        imported = spreadsheet.read(write_rows(rows)).units
        assert [each.code for each in imported] == ["LOCAL7", "B"]
        assert remove_omissions(imported[0]) == remove_omissions(read_unit())

    def test_blank_rows_and_extra_columns_are_ignored(self) -> None:
        rows = rows_of(spreadsheet.write([read_unit()]).body)
        blank = dict.fromkeys(COLUMNS, "")
        assert remove_omissions(
            spreadsheet.read(write_rows([*rows[:2], blank, *rows[2:], blank])).units[0]
        ) == remove_omissions(read_unit())

    def test_sorted_file_is_the_same_unit(self) -> None:
        rows = rows_of(spreadsheet.write([read_unit()]).body)
        assert remove_omissions(spreadsheet.read(write_rows(rows[::-1])).units[0]) == remove_omissions(read_unit())


class TestRefused:
    def fault(self, body: bytes) -> str:
        with pytest.raises(Invalid) as raised:
            spreadsheet.read(body)
        return str(raised.value)

    @pytest.fixture
    def body(self) -> bytes:
        return spreadsheet.write([read_unit()]).body

    @pytest.mark.parametrize(
        ("row", "cells", "sentence"),
        [
            (3, {"label": ""}, "row 5: label: is empty"),
            (3, {"text": " "}, "row 5: text: is empty"),
            (3, {"text": "x" * 10_001}, "row 5: text: is longer than 10000 characters"),
            (3, {"kind": "talent"}, "row 5: kind: write performance or knowledge"),
            (3, {"inside": "77"}, "row 5: inside: there is no statement at position 77"),
            (3, {"inside": "4"}, "row 5: inside:"),
            (3, {"inside": "7"}, "row 5: inside:"),
            (3, {"assessable": "perhaps"}, "row 5: assessable: write yes or no"),
            (3, {"label_origin": "guessed"}, "row 5: label_origin: write one of: published, assigned"),
            (3, {"position": "3"}, "position"),
            (0, {"identifiers": "URN"}, "row 2: identifiers: write each as scheme: value"),
            (0, {"document_type": "book"}, "row 2: document_type: write one of: nos"),
            (0, {"slug": "Not A Slug"}, "row 2: slug: write small letters"),
            (0, {"title": ""}, "row 2: title"),
            (4, {"title": "Another"}, "row 6: title: differs from row 2"),
        ],
    )  # fmt: skip
    def test_fault_names_row_and_correction(
        self, body: bytes, row: int, cells: dict[str, str], sentence: str
    ) -> None:
        assert sentence in self.fault(edited(body, row, **cells))

    @pytest.mark.parametrize(
        "body",
        [b"", b"\n\n", b"a,b\n1,2", b'unit,title,kind,label,text\n"open', b"\x00\x01", b"unit\n" * 3],
    )
    def test_file_that_is_not_a_spreadsheet_is_refused(self, body: bytes) -> None:
        assert self.fault(body)

    def test_too_many_rows_are_refused(self, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
        monkeypatch.setattr(files, "MAX_ROWS", 3)
        assert "more than 3 rows" in self.fault(body)

    def test_all_faults_are_listed_together(self, body: bytes) -> None:
        message = self.fault(edited(edited(body, 3, label=""), 4, text=""))
        assert "row 5" in message
        assert "row 6" in message


def test_code_in_two_versions_is_two_units() -> None:
    units = [read_unit(), read_unit(version="2", slug="local7-2")]
    assert [(each.code, each.version) for each in spreadsheet.read(spreadsheet.write(units).body).units] == [
        ("LOCAL7", "1"), ("LOCAL7", "2"),
    ]  # fmt: skip
