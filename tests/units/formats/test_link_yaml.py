"""Link files of the installation: checked and loaded with the units."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from tests.library.sample_standards import GUIDANCE, UNIT, replace_once, write_standards_folder
from tests.units.test_similarity import TRUE
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.services.links import load_links
from tracker.library.services.loading import load_standards
from tracker.models import CriterionLink, Unit
from tracker.units.standards_folder import read_standards

pytestmark = pytest.mark.one_database

OTHER = UNIT.replace("LOCAL7", "LOCAL8").replace("local7", "local8")
LINKS = """\
units: [local7, local8]
performance:
  - {first: "3", second: "3"}
  - {first: "a", second: "b"}
knowledge:
  - {first: "1.10", second: "1.10"}
"""


def folder(path: Path, links: str = LINKS) -> Path:
    write_standards_folder(path, UNIT, GUIDANCE)
    (path / "units" / "local8.yaml").write_text(OTHER, encoding="utf-8")
    (path / "links").mkdir()
    (path / "links" / "pairs.yaml").write_text(links, encoding="utf-8")
    return path


def list_links(first_slug: str, second_slug: str) -> set[tuple[int, int]]:
    ids = {
        slug: db.session.scalars(select(Unit.id).where(Unit.slug == slug)).one() for slug in (first_slug, second_slug)
    }
    query = select(CriterionLink).where(
        CriterionLink.unit_id == ids[first_slug], CriterionLink.other_unit_id == ids[second_slug]
    )
    return {(each.position, each.other_position) for each in db.session.scalars(query)}


def test_link_files_contain_the_links_found_by_hand() -> None:
    library = read_standards()
    assert library.faults == ()
    slugs = {unit.slug: unit.code for unit in library.units}
    pairs = {
        (*(slugs[slug] for slug in each.units), pair.kind[0] + pair.first, pair.kind[0] + pair.second)
        for each in library.links
        for pair in each.same
    }
    assert pairs == TRUE


def test_links_are_loaded_for_every_centre(app: Flask) -> None:
    assert (1, 12) in list_links("cfacc15", "delivercc")
    links = db.session.scalars(select(CriterionLink)).all()
    assert len(links) == len(TRUE)
    assert all(link.is_confirmed and link.centre_id is None and link.decided_by_id is None for link in links)


def test_labels_become_positions_and_a_second_load_changes_nothing(app: Flask, tmp_path: Path) -> None:
    library = read_standards(folder(tmp_path))
    assert library.faults == ()
    with transaction():
        assert [each.outcome for each in load_standards(library)][-1] == "new"
    assert list_links("local7", "local8") == {(5, 5), (3, 4), (7, 7)}
    with transaction():
        assert {each.outcome for each in load_standards(library)} == {"unchanged"}


def test_changed_file_removes_and_adds_links(app: Flask, tmp_path: Path) -> None:
    library = read_standards(folder(tmp_path))
    with transaction():
        load_standards(library)
    (tmp_path / "links" / "pairs.yaml").write_text(
        replace_once('{first: "a", second: "b"}', '{first: "b", second: "b"}', LINKS)
    )
    with transaction():
        assert load_links(read_standards(tmp_path).links[0]) == "changed"
    assert list_links("local7", "local8") == {(5, 5), (4, 4), (7, 7)}
    (tmp_path / "links" / "pairs.yaml").write_text("units: [local8, local7]\n")
    with transaction():
        load_links(read_standards(tmp_path).links[0])
    assert list_links("local7", "local8") == set()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("local8]", "local9]", "units local9: there is no such slug; correct it"),
        ("local8]", "local7]", "units: names one unit twice: name two"),
        ("[local7, local8]", "[local7]", "units: name two units by their slugs"),
        ('first: "3"', 'first: "33"', "performance 33: there is no such criterion in local7; correct the label"),
        ('first: "3"', 'first: "2"', "performance 2: there is no such criterion in local7; correct the label"),
        (
            'first: "3"',
            'first: "1"',
            "performance 1: appears more than once in local7; write its position, “#1” or “#6”",
        ),
        ('first: "3"', 'frist: "3"', "performance 1 first: is missing: add it"),
    ],
)
def test_fault_is_one_line_that_says_how_to_correct_it(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert f"pairs.yaml: {fault}" in read_standards(folder(tmp_path, replace_once(old, new, LINKS))).faults


def test_position_is_used_where_a_label_repeats(tmp_path: Path) -> None:
    library = read_standards(folder(tmp_path, replace_once('first: "3"', 'first: "#6"', LINKS)))
    assert library.faults == ()
    assert library.links[0].positions[0] == (6, 5)


def test_second_file_for_the_same_units_is_a_fault(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "links" / "again.yaml").write_text(
        replace_once("[local7, local8]", "[local8, local7]", LINKS), encoding="utf-8"
    )
    assert "pairs.yaml: units: are the same as in again.yaml; change one of them" in read_standards(path).faults
