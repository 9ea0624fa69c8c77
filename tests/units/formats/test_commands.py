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
    """A copy of the standards folder that the commands write into."""
    shutil.copytree(FOLDER, tmp_path / "standards")
    return tmp_path / "standards"


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "local7.yaml"
    path.write_text(UNIT, encoding="utf-8")
    return path


def run_import(
    path: Path, folder: Path, *options: str, format_name: str = "yaml", answer: str | None = None
) -> Result:
    arguments = [str(path), "--format", format_name, "--folder", str(folder), *options]
    return CliRunner().invoke(import_units, arguments, input=answer)


def run_export(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(export_units, ["--folder", str(folder), *arguments])


def read_files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in (folder / "units").iterdir()}


def test_command_knows_every_format() -> None:
    assert set(FORMAT_NAMES) == set(formats.FORMATS)


class TestImport:
    def test_new_unit_is_written(self, folder: Path, local: Path) -> None:
        result = run_import(local, folder)
        assert (result.exit_code, result.output) == (0, "LOCAL7 version 1, revision 1: new, local7.yaml\n")
        assert read_standards(folder).find_unit("local7").title == "Answer difficult calls"
        assert read_standards(folder).faults == ()

    def test_second_import_changes_nothing(self, folder: Path, local: Path) -> None:
        run_import(local, folder)
        before = read_files(folder)
        assert run_import(local, folder).output == "LOCAL7 version 1, revision 1: unchanged\n"
        assert read_files(folder) == before

    def test_duplicate_unit_is_refused_and_nothing_written(self, folder: Path, local: Path) -> None:
        local.write_text(f"{UNIT}---\n{UNIT}", encoding="utf-8")
        before = read_files(folder)
        result = run_import(local, folder)
        assert result.exit_code == 1
        assert "LOCAL7, version 1, revision 1, appears twice in the file. Nothing was written." in result.output
        assert read_files(folder) == before

    def test_differences_are_shown_before_confirmation(self, folder: Path, local: Path) -> None:
        run_import(local, folder)
        before = read_files(folder)
        local.write_text(replace_once("find out what was promised", "find out what was said"), encoding="utf-8")
        result = run_import(local, folder, answer="n\n")
        assert "becomes “find out what was said last time”" in result.output
        assert "left as it was" in result.output
        assert read_files(folder) == before
        assert "written, local7.yaml" in run_import(local, folder, answer="y\n").output
        assert "what was said last time" in read_files(folder)["local7.yaml"]

    def test_yes_writes_without_asking(self, folder: Path, local: Path) -> None:
        run_import(local, folder)
        local.write_text(replace_once("find out what was promised", "find out what was said"), encoding="utf-8")
        assert "written, local7.yaml" in run_import(local, folder, "--yes").output

    @pytest.mark.parametrize("format_name", FORMAT_NAMES)
    def test_exported_unit_is_imported_as_unchanged(self, folder: Path, tmp_path: Path, format_name: str) -> None:
        before = read_files(folder)
        path = tmp_path / "all"
        assert run_export(folder, "--all", "--format", format_name, "-o", str(path)).exit_code == 0
        result = run_import(path, folder, format_name=format_name)
        lines = [line for line in result.stdout.splitlines() if "revision" in line]
        assert [line.rpartition(": ")[2] for line in lines] == ["unchanged"] * 4
        assert read_files(folder) == before

    @pytest.mark.parametrize("format_name", FORMAT_NAMES)
    def test_unreadable_file_is_refused_and_nothing_written(
        self, folder: Path, tmp_path: Path, format_name: str
    ) -> None:
        before = read_files(folder)
        path = tmp_path / "letter"
        path.write_text("Dear all,\nplease find our units attached.\n", encoding="utf-8")
        result = run_import(path, folder, format_name=format_name)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
        assert read_files(folder) == before

    def test_faults_of_the_folder_are_reported_first(self, folder: Path, local: Path) -> None:
        (folder / "units" / "zz.yaml").write_text("code: Z\n", encoding="utf-8")
        assert run_import(local, folder).exit_code == 1
        assert "local7.yaml" not in read_files(folder)


class TestExport:
    def test_unit_is_exported_by_any_code(self, folder: Path) -> None:
        result = run_export(folder, "h128 04", "--format", "case")
        items = json.loads(result.stdout)["CFItems"]
        assert items[0]["humanCodingScheme"] == "CFACC15"

    def test_links_between_exported_units_are_included(self, folder: Path) -> None:
        result = run_export(folder, "CFACC15", "DELIVERCC", "--format", "case")
        kinds = {each["associationType"] for each in json.loads(result.stdout)["CFAssociations"]}
        assert kinds & {"exactMatchOf", "isRelatedTo"}

    def test_omissions_are_printed(self, folder: Path) -> None:
        result = run_export(folder, "CFACC15", "--format", "moodle")
        assert "cannot contain" in result.stderr
        assert "cannot contain" not in result.stdout

    @pytest.mark.parametrize("arguments", [(), ("--all", "CFACC15"), ("NOBODY1",)])
    def test_unknown_code_is_refused(self, folder: Path, arguments: tuple[str, ...]) -> None:
        result = run_export(folder, *arguments, "--format", "csv")
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
