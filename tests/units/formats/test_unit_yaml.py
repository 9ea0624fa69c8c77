"""Units as YAML: a written unit reads back as the same unit."""

from pathlib import Path

import pytest
from hypothesis import given

from tests.library.centre_units import read_unit
from tests.library.sample_standards import UNIT, replace_once
from tests.units.documents_strategy import HOSTILE, SLOW, several_units, unit_documents
from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.formats import unit_yaml
from tracker.units.standards_folder import FOLDER, read_standards


@given(unit_documents())
@SLOW
def test_any_unit_round_trips(unit: UnitDocument) -> None:
    assert unit_yaml.read(unit_yaml.format_unit_yaml(unit).encode()).units == (unit,)


@given(several_units())
@SLOW
def test_several_units_fit_in_one_file(units: list[UnitDocument]) -> None:
    assert unit_yaml.read(unit_yaml.write(units).body).units == tuple(units)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_round_trips(text: str) -> None:
    text = text.strip()
    unit = read_unit(title=text, notes=(text,), code=text)
    assert unit_yaml.read(unit_yaml.write([unit, unit]).body).units == (unit, unit)


@pytest.mark.parametrize("path", sorted((FOLDER / "units").glob("*.yaml")), ids=lambda path: path.name)
def test_written_files_look_like_those_of_the_folder(path: Path) -> None:
    """Apart from comments and empty keys, the published files are written again line by line."""
    text = path.read_text(encoding="utf-8")
    (unit,) = unit_yaml.read(text.encode()).units
    published = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    published = published.replace("  - heading:\n    items:\n", "  - items:\n").replace("identifiers: []\n", "")
    assert sorted(unit_yaml.format_unit_yaml(unit).splitlines()) == sorted(published.splitlines())


def test_written_files_pass_the_folder_check(tmp_path: Path) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "guidance").mkdir()
    units = read_standards().units
    for unit in units:
        (tmp_path / "units" / f"{unit.slug}.yaml").write_text(unit_yaml.format_unit_yaml(unit), encoding="utf-8")
    assert (read_standards(tmp_path).units, read_standards(tmp_path).faults) == (units, ())


def test_empty_and_default_keys_are_left_out() -> None:
    text = unit_yaml.format_unit_yaml(read_unit())
    for key in ("assessable", "label_origin", "skills", "metadata", "note", "[]", '""'):
        assert key not in text


class TestRefused:
    def fault(self, body: bytes | str) -> str:
        with pytest.raises(Invalid) as raised:
            unit_yaml.read(body.encode() if isinstance(body, str) else body)
        return str(raised.value)

    def test_fault_names_unit_and_key(self) -> None:
        faulty_text = replace_once('label: "1"', 'label: ""')
        message = self.fault(f"{UNIT}---\n{faulty_text}")
        assert "unit 2: performance 1 items 1 label: is empty" in message

    def test_misspelt_key_is_a_fault(self) -> None:
        assert "not a key of this format" in self.fault(UNIT + "skils:\n  - a\n")

    @pytest.mark.parametrize(
        "body",
        [
            b"\x00\x01\x02", b"\xff\xfe\x00", b"PK\x03\x04" + b"\x00" * 40, b"[" * 50_000, b"- " * 50_000 + b"a", b"a: &b [*b]", b"{",
            b"a: &b c\nd: *b", b"? [a]\n: b", b"!!python/object:os.system x", b"%YAML 9.9\n---\na: b", b"code: x\ncode: y",
        ],
    )  # fmt: skip
    def test_file_without_unit_is_refused(self, body: bytes) -> None:
        assert self.fault(body)

    def test_file_beyond_limits_is_refused(self) -> None:
        assert "larger than" in self.fault(b"x" * (20 * 1024 * 1024 + 1))
