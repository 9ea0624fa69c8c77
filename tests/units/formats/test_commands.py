"""`flask standards import` and `export` on a standards folder, without a database."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.library.sample_standards import UNIT, replace_once
from tracker.library.commands.transfer import FORMAT_NAMES, export_units, import_units
from tracker.units import formats
from tracker.units.standards_folder import FOLDER, read_standards


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The published standards, to be written into."""
    shutil.copytree(FOLDER, tmp_path / "standards")
    return tmp_path / "standards"


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local7.yaml"
    path.write_text(UNIT, encoding="utf-8")
    return path


def imported(path: Path, folder: Path, *more: str, format_name: str = "yaml", answer: str | None = None) -> Result:
    arguments = [str(path), "--format", format_name, "--folder", str(folder), *more]
    return CliRunner().invoke(import_units, arguments, input=answer)


def exported(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(export_units, ["--folder", str(folder), *more])


def held(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (folder / "units").iterdir()}


def test_command_knows_every_format() -> None:
    assert set(FORMAT_NAMES) == set(formats.FORMATS)


class TestImport:
    def test_new_unit_is_written(self, folder: Path, local: Path) -> None:
        result = imported(local, folder)
        assert (result.exit_code, result.output) == (0, "LOCAL7 version 1, revision 1: new, local7.yaml\n")
        assert read_standards(folder).find_unit("local7").title == "Answer difficult calls"
        assert read_standards(folder).faults == ()

    def test_second_import_changes_nothing(self, folder: Path, local: Path) -> None:
        imported(local, folder)
        before = held(folder)
        assert imported(local, folder).output == "LOCAL7 version 1, revision 1: unchanged\n"
        assert held(folder) == before

    def test_duplicate_unit_is_refused_and_nothing_written(self, folder: Path, local: Path) -> None:
        local.write_text(f"{UNIT}---\n{UNIT}", encoding="utf-8")
        before = held(folder)
        result = imported(local, folder)
        assert result.exit_code == 1
        assert "LOCAL7, version 1, revision 1, appears twice in the file. Nothing was written." in result.output
        assert held(folder) == before

    def test_differences_are_shown_before_confirmation(self, folder: Path, local: Path) -> None:
        imported(local, folder)
        before = held(folder)
        local.write_text(replace_once("find out what was promised", "find out what was said"), encoding="utf-8")
        refused = imported(local, folder, answer="n\n")
        assert "becomes “find out what was said last time”" in refused.output
        assert "left as it was" in refused.output
        assert held(folder) == before
        assert "written, local7.yaml" in imported(local, folder, answer="y\n").output
        assert "what was said last time" in held(folder)["local7.yaml"]

    def test_yes_writes_without_asking(self, folder: Path, local: Path) -> None:
        imported(local, folder)
        local.write_text(replace_once("find out what was promised", "find out what was said"), encoding="utf-8")
        assert "written, local7.yaml" in imported(local, folder, "--yes").output

    @pytest.mark.parametrize("format_name", FORMAT_NAMES)
    def test_exported_unit_is_imported_as_unchanged(self, folder: Path, tmp_path: Path, format_name: str) -> None:
        before = held(folder)
        path = tmp_path / "all"
        assert exported(folder, "--all", "--format", format_name, "-o", str(path)).exit_code == 0
        result = imported(path, folder, format_name=format_name)
        lines = [line for line in result.stdout.splitlines() if "revision" in line]
        assert [line.rpartition(": ")[2] for line in lines] == ["unchanged"] * 4
        assert held(folder) == before

    @pytest.mark.parametrize("format_name", FORMAT_NAMES)
    def test_unreadable_file_is_refused_and_nothing_written(
        self, folder: Path, tmp_path: Path, format_name: str
    ) -> None:
        before = held(folder)
        path = tmp_path / "letter"
        path.write_text("Dear all,\nplease find our units attached.\n", encoding="utf-8")
        result = imported(path, folder, format_name=format_name)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert held(folder) == before

    def test_faults_of_the_folder_are_reported_first(self, folder: Path, local: Path) -> None:
        (folder / "units" / "zz.yaml").write_text("code: Z\n", encoding="utf-8")
        assert imported(local, folder).exit_code == 1
        assert "local7.yaml" not in held(folder)


class TestExport:
    def test_unit_is_exported_by_any_code(self, folder: Path) -> None:
        result = exported(folder, "h128 04", "--format", "case")
        items = json.loads(result.stdout)["CFItems"]
        assert items[0]["humanCodingScheme"] == "CFACC15"

    def test_links_between_exported_units_are_included(self, folder: Path) -> None:
        result = exported(folder, "CFACC15", "DELIVERCC", "--format", "case")
        kinds = {each["associationType"] for each in json.loads(result.stdout)["CFAssociations"]}
        assert kinds & {"exactMatchOf", "isRelatedTo"}

    def test_omissions_are_printed(self, folder: Path) -> None:
        result = exported(folder, "CFACC15", "--format", "moodle")
        assert "cannot contain" in result.stderr
        assert "cannot contain" not in result.stdout

    @pytest.mark.parametrize("arguments", [(), ("--all", "CFACC15"), ("NOBODY1",)])
    def test_unknown_code_is_refused(self, folder: Path, arguments: tuple[str, ...]) -> None:
        result = exported(folder, *arguments, "--format", "csv")
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
