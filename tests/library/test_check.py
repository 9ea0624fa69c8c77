"""`flask standards check`: every fault is one line that names the file, the key and the correction."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.library.sample_standards import GUIDANCE, UNIT, replace_once, write_standards_folder
from tracker.library.commands.standards import standards_cli

ITEM = '      - label: "1"\n        text: "find out what was promised last time"\n'


def check(folder: Path) -> Result:
    return CliRunner().invoke(standards_cli, ["check", "--folder", str(folder)])


def faults(folder: Path, unit: str = UNIT, guidance: str = GUIDANCE) -> list[str]:
    result = check(write_standards_folder(folder, unit, guidance))
    assert result.exit_code == 1, result.output
    return result.output.splitlines()


def test_folder_without_faults_passes(tmp_path: Path) -> None:
    result = check(write_standards_folder(tmp_path))
    assert (result.exit_code, result.output) == (0, "1 unit and 1 page of guidance: no faults.\n")


def test_standards_folder_has_no_faults() -> None:
    result = CliRunner().invoke(standards_cli, ["check"])
    assert (result.exit_code, result.output) == (0, "4 units and 1 page of guidance, 2 qualifications: no faults.\n")


UNKNOWN = "is not a key of this format: remove it or correct its spelling"
EMPTY = "is empty: write the text, or remove the key"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("code: LOCAL7\n", "", "code: is missing: add it"),
        ("code: LOCAL7", "code: [a]", "code: write words here, not a list or further keys"),
        ("code: LOCAL7", "code: LOCAL7\nowner: me", f"owner: {UNKNOWN}"),
        ("code: LOCAL7", "code: " + "x" * 61, "code: is longer than 60 characters"),
        ("code: LOCAL7", "code: LOCAL7\ncode: LOCAL8", "line 2: key code: appears twice; keep one of them"),
        ("slug: local7", "slug: Local 7", "slug: write small letters, digits and single hyphens, 100 at most"),
        ("slug: local7", "slug: " + "x" * 101, "slug: write small letters, digits and single hyphens, 100 at most"),
        ('title: "Answer difficult calls"', "title:", f"title: {EMPTY}"),
        ('title: "Answer difficult calls"', 'title: "  "', f"title: {EMPTY}"),
        ("document_type: nos", "document_type: book", "document_type: write one of: nos, sqa_unit, learning_outcomes"),
        ("simulation: per", "simulation: un", "simulation: write one of: forbidden, per_criterion, unstated"),
        ("revision: 1", "revision: one", "revision: write a whole number, such as 1"),
        ("revision: 1", "revision: 1.5", "revision: write a whole number, such as 1"),
        ("revision: 1", "revision: 0", "revision: write a number from 1 to 9999"),
        ("identifiers:", "identifiers: LOCAL7\nnotes:", "identifiers: write a list here: each entry on a line that begins with “- ”"),
        ("simulation: per_criterion", "simulation: unstated\nmetadata: old", "metadata: write keys and values here"),
        ("simulation: per_criterion", "simulation: unstated\nmetadata: {colour: red}", f"metadata colour: {UNKNOWN}"),
        ("simulation: per_criterion", "simulation: unstated\nskills: [a, '']", f"skills 2: {EMPTY}"),
        ("true\n", "maybe\n", "performance 1 items 1 simulation_allowed: write true or false"),
        ('text: "find', 'txet: "find', f"performance 1 items 1 txet: {UNKNOWN}"),
        ('"find out what was promised last time"', '""', f"performance 1 items 1 text: {EMPTY}"),
        ('"find out what was promised last time"', '"' + "x" * 10_001 + '"', "performance 1 items 1 text: is longer than 10000 characters: split it"),
        ('"who may be told"', "", f"performance 1 items 2 items 1 text: {EMPTY}"),
        ('label: "1"', 'label: "123456789012345678901"', "performance 1 items 1 label: is longer than 20 characters"),
        ('label: "3"', 'label: "1"', "performance: has the label 1 twice under “Before the call”: give each its own"),
        ('label: "b"', 'label: "a"', "performance: has the label a twice under “Before the call”: give each its own"),
        ('items:\n      - label: "1.10"\n        text: "why customers ring twice"', "items: []", "knowledge 1 items: is empty"),
        ('heading: "After the call"', 'heading: "Before the call"', "performance: has the label 1 twice under “Before the call”: give each its own"),
        ('    text: "Do it twice."', '    text: "a"\n  - label: "1"\n    text: "b"', "evidence_requirements: has the label 1 twice: give each its own"),
        ('provenance:\n  source: "local7.pdf"', "provenance:", "provenance source: is missing: add it"),
    ],
)  # fmt: skip
def test_fault_in_a_unit_is_one_line(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert f"local7.yaml: {fault}" in faults(tmp_path, replace_once(old, new))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the file: write keys and values here"),
        ("- a\n", "the file: write keys and values here"),
        ("a: 1\n\tb: 2\n", "line 2: found a tab character that violates indentation; check the indents and the quotes"),
        ("title: Manage: calls\n", "line 1: mapping values are not allowed in this context; check the indents and the quotes"),
        ("a: &one [x]\nb: *one\n", "line 2: *one: references are not supported; write the text out"),
        ("? [a]\n: b\n", "line 1: a key must be a word"),
        ("a: " + "[" * 900 + "]" * 900, "line 1: is nested too deeply; use fewer levels"),
    ],
)  # fmt: skip
def test_file_that_is_not_a_unit_is_a_fault(tmp_path: Path, text: str, fault: str) -> None:
    assert faults(tmp_path, text) == [f"local7.yaml: {fault}"]


def test_every_fault_has_its_own_line(tmp_path: Path) -> None:
    faulty_text = replace_once(
        "slug: local7\n", "colour: red\n", replace_once('title: "Answer difficult calls"', "title:")
    )
    assert sorted(faults(tmp_path, faulty_text)) == [
        f"local7.yaml: colour: {UNKNOWN}",
        "local7.yaml: slug: is missing: add it",
        f"local7.yaml: title: {EMPTY}",
    ]


def test_nested_duplicate_key_names_its_line(tmp_path: Path) -> None:
    faulty_text = replace_once(ITEM, ITEM + '        text: "again"\n')
    line = faulty_text.splitlines().index('        text: "again"') + 1
    assert faults(tmp_path, faulty_text) == [f"local7.yaml: line {line}: key text: appears twice; keep one of them"]


def test_unit_without_criteria_is_a_fault(tmp_path: Path) -> None:
    head, _, rest = UNIT.partition("performance:")
    faulty_text = head + rest[rest.index("evidence_requirements:") :]
    assert faults(tmp_path, faulty_text) == [
        "local7.yaml: the file: has no criteria: write them under performance or knowledge"
    ]


def test_two_files_with_the_same_version_are_a_fault(tmp_path: Path) -> None:
    write_standards_folder(tmp_path)
    (tmp_path / "units/zz.yaml").write_text(replace_once("slug: local7", "slug: other"))
    assert check(tmp_path).output.splitlines() == [
        "zz.yaml: code, version and revision: are the same as in local7.yaml; change one of them"
    ]


def test_two_files_with_the_same_slug_are_a_fault(tmp_path: Path) -> None:
    write_standards_folder(tmp_path)
    (tmp_path / "units/zz.yaml").write_text(replace_once("revision: 1", "revision: 2"))
    (tmp_path / "guidance/zz.yaml").write_text(GUIDANCE)
    assert check(tmp_path).output.splitlines() == [
        "zz.yaml: slug: is the same as in local7.yaml; change one of them",
        "zz.yaml: slug: is the same as in calls.yaml; change one of them",
    ]


def test_guidance_for_an_unknown_unit_is_a_fault(tmp_path: Path) -> None:
    messages = faults(tmp_path, guidance=replace_once("code: LOCAL7", "code: LOCAL8", GUIDANCE))
    assert messages == ["calls.yaml: units LOCAL8: there is no such unit; correct the code"]


def test_guidance_naming_a_unit_twice_is_a_fault(tmp_path: Path) -> None:
    messages = faults(tmp_path, guidance=replace_once("- code: LOCAL7", "- code: LOCAL7\n  - code: LOCAL7", GUIDANCE))
    assert messages == ["calls.yaml: units LOCAL7: appears twice; keep one of them"]


def test_guidance_with_criteria_is_a_fault(tmp_path: Path) -> None:
    messages = faults(tmp_path, guidance=replace_once("tips:", "performance:", GUIDANCE))
    assert messages == [f"calls.yaml: performance: {UNKNOWN}"]


def test_guidance_is_not_faulted_for_a_faulty_unit(tmp_path: Path) -> None:
    assert faults(tmp_path, replace_once("revision: 1", "revision: one")) == [
        "local7.yaml: revision: write a whole number, such as 1"
    ]


def test_missing_folder_is_a_fault(tmp_path: Path) -> None:
    result = check(tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "nowhere/units: there is no such folder" in result.output


def test_ignored_files_are_faults(tmp_path: Path) -> None:
    write_standards_folder(tmp_path)
    (tmp_path / "units/notes.txt").write_text("x")
    (tmp_path / "units/.hidden").write_text("x")
    (tmp_path / "lost.yaml").write_text("x")
    assert check(tmp_path).output.splitlines() == [
        "notes.txt: is not read; give it a name that ends in .yaml, or move it out of units/",
        "lost.yaml: is not read here; move it to units/ or guidance/",
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\xff\xfec\x00o\x00", "cannot be read (UnicodeDecodeError); save it as UTF-8 text"),
        (b"#" * (2 * 1024 * 1024 + 1), "line 1: the file is larger than 2 MB; split it"),
    ],
)
def test_binary_or_too_large_file_is_a_fault(tmp_path: Path, content: bytes, fault: str) -> None:
    write_standards_folder(tmp_path)
    (tmp_path / "units/zz.yaml").write_bytes(content)
    assert check(tmp_path).output.splitlines() == [f"zz.yaml: {fault}"]
