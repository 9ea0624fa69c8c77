"""Parsing of unit files."""

import json
import unicodedata
from pathlib import Path

import pytest

from tests.library.sample_standards import UNIT, replace_once, write_standards_folder
from tracker.units.documents import UnitDocument, hash_unit
from tracker.units.standards_folder import read_standards
from tracker.vocabulary import CriterionKind

KEYS = [
    "code",
    "slug",
    "title",
    "document_type",
    "version",
    "revision",
    "identifiers",
    "overview",
    "metadata",
    "simulation",
    "scope",
    "criteria",
    "evidence_requirements_introduction",
    "evidence_requirements",
    "assessor_rules",
    "skills",
    "values",
    "behaviours",
    "glossary",
    "links",
    "external_links",
    "empty_headings",
    "provenance",
    "notes",
    "evidence_guidance",
    "dates",
]
CRITERION_KEYS = [
    "position",
    "kind",
    "label",
    "label_origin",
    "heading",
    "parent",
    "text",
    "assessable",
    "points",
    "selection",
    "simulation_allowed",
    "note",
]


def read_unit_text(folder: Path, text: str = UNIT) -> UnitDocument:
    library = read_standards(write_standards_folder(folder, text))
    assert library.faults == ()
    (unit,) = library.units
    return unit


def test_criteria_are_in_document_order_with_their_parents(tmp_path: Path) -> None:
    criteria = [(each.position, each.label, each.parent) for each in read_unit_text(tmp_path).criteria]
    assert criteria == [
        (1, "1", None),
        (2, "2", None),
        (3, "a", 2),
        (4, "b", 2),
        (5, "3", None),
        (6, "1", None),
        (7, "1.10", None),
    ]


def test_stem_with_labelled_items_is_not_assessed(tmp_path: Path) -> None:
    assert [each.label for each in read_unit_text(tmp_path).criteria if not each.assessable] == ["2"]


def test_statement_with_unlabelled_points_is_assessed(tmp_path: Path) -> None:
    stem = read_unit_text(tmp_path).criteria[4]
    assert stem.assessable
    assert stem.points == ("what was said", "what was promised")


def test_assessable_can_be_stated(tmp_path: Path) -> None:
    text = replace_once('selection: "one of the following"', "assessable: true", UNIT)
    assert read_unit_text(tmp_path, text).criteria[1].assessable is True


def test_selection_and_simulation_are_read(tmp_path: Path) -> None:
    first, second, *_ = read_unit_text(tmp_path).criteria
    assert (first.simulation_allowed, second.simulation_allowed) == (True, None)
    assert second.selection == "one of the following"


def test_labels_can_restart_under_another_heading(tmp_path: Path) -> None:
    criteria = [
        each
        for each in read_unit_text(tmp_path).criteria
        if each.label == "1" and each.kind is CriterionKind.PERFORMANCE
    ]
    assert [each.heading for each in criteria] == ["Before the call", "After the call"]


@pytest.mark.parametrize("version", ["1.10", "no", "2021-02-05", "1e3", "007", "~"])
def test_scalars_stay_as_typed(tmp_path: Path, version: str) -> None:
    unit = read_unit_text(tmp_path, replace_once('version: "1"', f"version: {version}"))
    assert unit.version == version
    assert unit.criteria[-1].label == "1.10"


def test_surrounding_spaces_are_removed(tmp_path: Path) -> None:
    assert read_unit_text(tmp_path, replace_once('label: "1.10"', 'label: " 1.10 "')).criteria[-1].label == "1.10"


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert read_unit_text(tmp_path, "\ufeff" + UNIT).code == "LOCAL7"


def test_json_has_the_documented_keys_in_order(tmp_path: Path) -> None:
    document = read_unit_text(tmp_path).as_json()
    assert list(document) == KEYS
    assert {tuple(each) for each in document["criteria"]} == {tuple(CRITERION_KEYS)}
    assert list(document["dates"]) == ["approved", "review"]


def test_readme_names_every_key(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "standards/README.md").read_text(encoding="utf-8")
    described = readme.partition("## What `--json` prints")[2]
    assert {key for key in KEYS + CRITERION_KEYS if f"`{key}`" not in described} == set()
    metadata = read_unit_text(tmp_path).metadata
    assert {key for key in metadata if f"`{key}`" not in readme} == set()
    assert len(metadata) == 14


def test_readme_example_is_a_unit(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "standards/README.md").read_text(encoding="utf-8")
    section = readme.partition("## How a file is written")[2].partition("\n- A key")[0]
    example = "\n".join(line.removeprefix("    ") for line in section.splitlines())
    assert [each.label for each in read_unit_text(tmp_path, example).criteria] == ["1", "2", "a", "b", "1"]


class TestHash:
    def test_hash_can_be_computed_from_the_json(self, tmp_path: Path) -> None:
        unit = read_unit_text(tmp_path)
        assert hash_unit(json.loads(json.dumps(unit.as_json()))) == unit.content_hash

    @pytest.mark.parametrize(
        ("old", "new"),
        [("who must not", "who must"), ("simulation_allowed: true", "simulation_allowed: false"), ('"b"', '"c"')],
    )
    def test_hash_changes_with_the_text(self, tmp_path: Path, old: str, new: str) -> None:
        assert read_unit_text(tmp_path, replace_once(old, new)).content_hash != read_unit_text(tmp_path).content_hash

    def test_hash_ignores_comments_order_and_composition(self, tmp_path: Path) -> None:
        before = read_unit_text(tmp_path, replace_once("rare", "café")).content_hash
        lines = replace_once("rare", unicodedata.normalize("NFD", "café")).splitlines()
        after = read_unit_text(tmp_path, "# a remark\n" + "\n".join([*lines[1:], lines[0]])).content_hash
        assert after == before

    def test_new_empty_key_does_not_change_the_hash(self, tmp_path: Path) -> None:
        unit = read_unit_text(tmp_path)
        extended_json = {**unit.as_json(), "later": None, "more": [], "dates": {"approved": "otherwise"}}
        assert hash_unit(extended_json) == unit.content_hash
