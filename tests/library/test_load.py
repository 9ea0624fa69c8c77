"""Loading of the standards folder: idempotent, and never changing units that candidates work to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.factories import World, unit
from tests.library.sample_standards import GUIDANCE, UNIT, replace_once, write_standards_folder
from tracker.errors import Refused
from tracker.extensions import db
from tracker.library.queries.units import (
    find_unit,
    find_unit_by_code,
    list_guidance,
    list_newest_units,
    load_document,
)
from tracker.library.services.loading import load_standards, load_unit
from tracker.models import Criterion, EvidenceRequirement, Guidance, Unit
from tracker.units.documents import UnitDocument, hash_unit
from tracker.units.standards_folder import StandardsFolder, read_standards

ROOT = Path(__file__).parents[2]
LIBRARY = read_standards()


@pytest.fixture
def local(tmp_path: Path) -> Callable[..., StandardsFolder]:
    """`local(text)` is a folder with the unit so written."""

    def read_folder(text: str = UNIT, guidance: str = GUIDANCE) -> StandardsFolder:
        library = read_standards(write_standards_folder(tmp_path, text, guidance))
        assert library.faults == ()
        return library

    return read_folder


def outcomes(library: StandardsFolder) -> list[tuple[str, str]]:
    return [(each.name, each.outcome) for each in load_standards(library)]


def count(model: type[Unit | Criterion | EvidenceRequirement | Guidance]) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def newer(document: UnitDocument, revision: int = 2) -> UnitDocument:
    return replace(document, revision=revision, slug=f"{document.slug}-1-{revision}", title="Otherwise")


def test_second_load_changes_nothing(app: Flask) -> None:
    before = [count(each) for each in (Unit, Criterion, EvidenceRequirement, Guidance)]
    assert before == [4, 149, 5, 1]
    assert {outcome for _, outcome in outcomes(LIBRARY)} == {"unchanged"}
    assert [count(each) for each in (Unit, Criterion, EvidenceRequirement, Guidance)] == before


def test_loaded_unit_equals_its_file(app: Flask) -> None:
    for document in LIBRARY.units:
        loaded = find_unit(document.slug)
        assert loaded
        assert load_document(loaded) == document.as_json()
        assert loaded.content_hash == document.content_hash == hash_unit(load_document(loaded))
        columns = ("position", "kind", "label", "label_origin", "heading", "parent", "text", "assessable")
        rows = [[getattr(row, column) for column in columns] for row in loaded.criteria]
        assert rows == [[getattr(each, column) for column in columns] for each in document.criteria]
        requirements = [(each.label, each.text, tuple(each.points)) for each in loaded.requirements]
        assert requirements == [(each.label, each.text, each.points) for each in document.evidence_requirements]


def test_new_unit_is_added_with_its_guidance(app: Flask, local: Callable[..., StandardsFolder]) -> None:
    assert outcomes(local()) == [("LOCAL7 version 1, revision 1", "new"), ("calls", "new")]
    assert [each.title for each in list_guidance("LOCAL7")] == ["Calls"]
    assert outcomes(local()) == [("LOCAL7 version 1, revision 1", "unchanged"), ("calls", "unchanged")]


def test_changed_unit_without_attempts_is_replaced(app: Flask, local: Callable[..., StandardsFolder]) -> None:
    load_standards(local())
    shorter = replace_once(
        '      - label: "1"\n        text: "thank the colleague"', '      - label: "9"\n        text: "ring back"'
    )
    assert outcomes(local(shorter))[0] == ("LOCAL7 version 1, revision 1", "changed")
    loaded = unit("LOCAL7")
    db.session.refresh(loaded)
    assert [each.label for each in loaded.criteria] == ["1", "2", "a", "b", "3", "9", "1.10"]
    assert loaded.criteria[5].text == "ring back"


def test_changed_unit_with_an_attempt_is_refused(world: World) -> None:
    before = unit("CFACC15").content_hash
    document = replace(LIBRARY.find_unit("CFACC15"), title="Otherwise")
    with pytest.raises(Refused, match=r"cfacc15\.yaml: .*raise the revision to 2") as refusal:
        load_unit(document)
    assert "candidates are working to the loaded text" in str(refusal.value)
    db.session.rollback()
    assert unit("CFACC15").content_hash == before


def test_candidate_keeps_the_text_when_a_revision_is_loaded(world: World) -> None:
    unit_id = world.cfacc15.unit_id
    assert load_unit(newer(LIBRARY.find_unit("CFACC15"))).outcome == "new"
    assert world.cfacc15.unit_id == unit_id
    newest = find_unit_by_code("H128 04")
    assert newest
    assert (newest.revision, newest.id == unit_id) == (2, False)
    assert [each.revision for each in list_newest_units() if each.code == "CFACC15"] == [2]


def test_address_of_a_version_cannot_be_reused(app: Flask) -> None:
    document = replace(newer(LIBRARY.find_unit("CFACC15")), slug="cfacc15")
    with pytest.raises(Refused, match=r"slug: cfacc15 is the address of CFACC15 version 1 revision 1.*cfacc15-1-2\."):
        load_unit(document)


def test_new_format_key_is_stored_for_units_with_attempts(world: World) -> None:
    loaded = unit("CFACC15")
    document = json.loads(loaded.document)
    del document["external_links"]
    loaded.document = json.dumps(document)
    db.session.flush()
    assert load_unit(LIBRARY.find_unit("CFACC15")).outcome == "unchanged"
    assert load_document(unit("CFACC15"))["external_links"] == []


def test_guidance_can_change_under_attempts(world: World) -> None:
    (guidance,) = LIBRARY.guidance
    calmer = replace(guidance, tips=("Keep calm.",), units=guidance.units[:2])
    assert outcomes(StandardsFolder((), (calmer,), ())) == [(guidance.slug, "changed")]
    assert [each.tips for each in list_guidance("CFACC15")] == [("Keep calm.",)]
    assert list_guidance("DELIVERCC") == ()


class TestCommand:
    def test_command_prints_what_was_loaded(self, app: Flask) -> None:
        result = app.test_cli_runner().invoke(args=["standards", "load"])
        assert (result.exit_code, result.output.splitlines()) == (
            0,
            [
                "CFACC15 version 1, revision 1: unchanged",
                "CFAM&LFD3 version 1, revision 1: unchanged",
                "DELIVERCC version 1, revision 1: unchanged",
                "INSCC004 version 1, revision 1: unchanged",
                "guidance-customer-service-procedures: unchanged",
                "links of cfacc15 and delivercc: unchanged",
                "links of cfacc15 and inscc004: unchanged",
                "links of delivercc and inscc004: unchanged",
                "ex-dip4-cs: unchanged",
                "ex-svq3-cc: unchanged",
            ],
        )

    @pytest.mark.usefixtures("world")
    def test_one_refusal_rolls_everything_back(self, app: Flask, tmp_path: Path) -> None:
        folder = write_standards_folder(tmp_path, guidance=replace_once("LOCAL7", "CFACC15", GUIDANCE))
        text = (ROOT / "standards/units/cfacc15.yaml").read_text(encoding="utf-8")
        (folder / "units/zz.yaml").write_text(replace_once('label: "a"', 'label: "A"', text), encoding="utf-8")
        db.session.rollback()
        command = ["standards", "load", "--folder", str(folder)]
        result = app.test_cli_runner().invoke(args=command)
        assert result.exit_code == 1
        assert result.output.startswith("Error: zz.yaml: revision: CFACC15 version 1 revision 1 has changed")
        assert find_unit("local7") is None

    def test_faulty_folder_is_not_loaded(self, app: Flask, tmp_path: Path) -> None:
        folder = write_standards_folder(tmp_path, replace_once("revision: 1", "revision: one"))
        result = app.test_cli_runner().invoke(args=["standards", "load", "--folder", str(folder)])
        assert result.exit_code == 1
        assert "local7.yaml: revision" in result.output

    def test_database_without_tables_is_reported(self, tmp_path: Path) -> None:
        environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{tmp_path / 'new.sqlite'}",
            "INSTANCE_PATH": str(tmp_path),
        }
        command = [sys.executable, "-m", "flask", "standards", "load"]
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert result.stderr.startswith("Error: The database cannot be used: no such table: unit.")
        assert "flask db upgrade" in result.stderr
