"""`flask standards list` and `show`: from the files alone, as text and as JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.library.sample_standards import UNIT, replace_once, write_standards_folder
from tracker.library.commands.standards import standards_cli

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(standards_cli, arguments)


def show_unit(*arguments: str) -> Any:
    result = run("show", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout_bytes.decode("utf-8"))


def test_list_names_every_unit() -> None:
    lines = run("list").output.splitlines()
    assert [line.split()[0] for line in lines] == ["CFACC15", "CFAM&LFD3", "DELIVERCC", "INSCC004"]
    assert "38 criteria  Manage customer service in a contact centre" in lines[-1]


def test_list_prints_json() -> None:
    units = json.loads(run("list", "--json").stdout_bytes.decode("utf-8"))
    assert units[0] == {
        "code": "CFACC15",
        "slug": "cfacc15",
        "title": "Supervise customer service activities in a contact centre team",
        "document_type": "sqa_unit",
        "version": "1",
        "revision": 1,
        "identifiers": [{"scheme": "SQA", "value": "H128 04"}, {"scheme": "NOS", "value": "CFACC15"}],
    }


def test_show_prints_json() -> None:
    unit = show_unit("cfa cc16")
    assert unit["code"] == "INSCC004"
    assert unit["criteria"][24] == {
        "position": 25,
        "kind": "knowledge",
        "label": "6a",
        "label_origin": "assigned",
        "heading": None,
        "parent": None,
        "text": "how to manage monitoring of customer service performance and feedback",
        "assessable": True,
        "points": [],
        "selection": None,
        "simulation_allowed": None,
        "note": unit["criteria"][24]["note"],
    }


def test_show_prints_utf_8_in_any_terminal(tmp_path: Path) -> None:
    write_standards_folder(tmp_path, replace_once("rare", "café – “rare”"))
    result = run("show", "local7", "--json", "--folder", str(tmp_path))
    assert "café – “rare”".encode() in result.stdout_bytes


def test_show_prints_the_newest_version_unless_one_is_named(tmp_path: Path) -> None:
    write_standards_folder(tmp_path)
    newer = replace_once('version: "1"', "version: 1.10", replace_once("slug: local7", "slug: local7-1-10"))
    (tmp_path / "units/newer.yaml").write_text(newer)
    assert show_unit("LOCAL7", "--folder", str(tmp_path))["version"] == "1.10"
    assert show_unit("LOCAL7", "--folder", str(tmp_path), "--version", "1")["version"] == "1"


def test_show_as_text_contains_everything() -> None:
    words = " ".join(run("show", "CFACC15").output.split())
    for expected in (
        "H128 04 (CFACC15) Supervise customer service activities in a contact centre team",
        "Identifiers: SQA H128 04, NOS CFACC15",
        "Simulation is not allowed.",
        "What this standard is about",
        "Take a lead on complex customer contacts",
        "k Methods of collecting structured feedback from customers.",
        "To achieve this Unit you will need to ensure",
        "- the potential risks to your organisation.",
        "Provenance",
    ):
        assert expected in words


def test_show_as_text_contains_rules_and_points(tmp_path: Path) -> None:
    output = run("show", "local7", "--folder", str(write_standards_folder(tmp_path, UNIT))).output
    for expected in (
        "(one of the following)",
        "(Simulation is allowed.)",
        "- what was promised",
        "     a  who may be told",
    ):
        assert expected in output


def test_unknown_unit_error_lists_the_known_units() -> None:
    result = run("show", "NOPE1")
    assert result.exit_code == 1
    assert result.output == ("Error: There is no unit NOPE1. There are: CFACC15, CFAM&LFD3, DELIVERCC, INSCC004.\n")


@pytest.mark.parametrize("command", [["list"], ["show", "LOCAL7"]])
def test_faulty_folder_is_refused_with_its_faults(tmp_path: Path, command: list[str]) -> None:
    write_standards_folder(tmp_path, replace_once("revision: 1", "revision: one"))
    result = run(*command, "--folder", str(tmp_path))
    assert result.exit_code == 1
    assert "local7.yaml: revision: write a whole number, such as 1" in result.output


@pytest.mark.parametrize("arguments", [["list"], ["show", "INSCC004"], ["check"]])
def test_commands_need_no_database_and_no_secret(tmp_path: Path, arguments: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in {"SECRET_KEY", "DEMO"}}
    environment |= {
        "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none",
        "INSTANCE_PATH": str(tmp_path / "instance"),
    }
    command = [sys.executable, "-m", "flask", "standards", *arguments]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout
