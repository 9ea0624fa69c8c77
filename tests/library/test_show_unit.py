"""The page of a unit: criteria, requirements, guidance, provenance and notes."""

import html
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import World
from tests.library.centre_units import publish_centre_unit
from tests.library.sample_standards import replace_once, write_standards_folder
from tests.library.unit_versions import make_revision
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import describe_passed_review
from tracker.library.services.loading import load_unit
from tracker.units.documents import UnitDocument
from tracker.units.standards_folder import read_standards

ClientFor = Callable[..., FlaskClient]
LIBRARY = read_standards()


def words(browser: FlaskClient, slug: str) -> str:
    response = browser.get(f"/units/{slug}")
    assert response.status_code == 200
    return html.unescape(response.text)


@pytest.mark.parametrize("slug", [each.slug for each in LIBRARY.units])
def test_page_contains_the_whole_unit(world: World, client: ClientFor, slug: str) -> None:
    page = words(client(world.alice), slug)
    unit = LIBRARY.find_unit(slug)
    texts = [
        unit.title,
        *(each.text for each in (*unit.overview, *unit.criteria, *unit.evidence_requirements)),  # type: ignore[attr-defined]  # all three have a text
        *(point for each in unit.evidence_requirements for point in each.points),
        *(each.heading for each in unit.criteria if each.heading),
        *(each.note for each in unit.criteria if each.note),
        *(value for value in unit.metadata.values() if value),
        *(each.value for each in unit.identifiers),
        *unit.skills,
        *unit.empty_headings,
        *unit.notes,
        unit.provenance.source,
        unit.provenance.read,
    ]
    assert [text for text in texts if text not in page] == []


def test_forbidden_simulation_is_shown(world: World, client: ClientFor) -> None:
    assert "Simulation is not allowed." in words(client(world.bob), "cfacc15")


def test_guidance_is_shown_with_its_warning(world: World, client: ClientFor) -> None:
    (guidance,) = LIBRARY.guidance
    warning = next(each.warning for each in guidance.units if each.code == "CFACC15")
    assert warning
    words_with_warning, words_without_warning = (
        words(client(world.bob), "cfacc15"),
        words(client(world.bob), "inscc004"),
    )
    assert warning in words_with_warning
    assert warning not in words_without_warning
    for each in (guidance.synopsis, *guidance.tips, *guidance.marking_points):
        assert each in words_without_warning
    assert "Guidance" not in words(client(world.bob), "cfamlfd3")


def test_passed_review_date_is_shown_and_not_called_expired(
    world: World, client: ClientFor, freeze_clock: Callable[[datetime], None]
) -> None:
    browser = client(world.alice)
    freeze_clock(datetime(2026, 11, 22, 9, tzinfo=UTC))
    page = words(client(world.alice), "inscc004")
    assert "Review was due 1 March 2026." in page
    assert "expired" not in page
    assert "Review was due" not in words(browser, "cfacc15")


@pytest.mark.parametrize(
    ("review_on", "today", "is_due"),
    [
        ("01 Mar 2026", date(2026, 3, 1), False),
        ("01 Mar 2026", date(2026, 3, 2), True),
        ("March 2026", date(2026, 3, 31), False),
        ("2026", date(2026, 12, 31), False),
        ("2026", date(2027, 1, 1), True),
        ("some day", date(2027, 1, 1), False),
        (None, date(2027, 1, 1), False),
    ],
)
def test_review_is_due_after_its_last_day(review_on: str | None, today: date, is_due: bool) -> None:
    assert (describe_passed_review({"metadata": {"review_on": review_on}}, today) is not None) is is_due


def test_review_printed_as_a_month_is_due_by_its_end() -> None:
    sentence = describe_passed_review({"metadata": {"review_on": "March 2026"}}, date(2026, 4, 1))
    assert sentence == "Review was due by 31 March 2026. The unit can still be used until it is withdrawn."


@pytest.fixture
def local_unit(app: Flask, tmp_path: Path) -> UnitDocument:
    """A unit with nested items, a choice, points and a scope, which no unit of the standards folder has."""
    scope = 'scope:\n  - heading: "Calls"\n    text: "They cover:"\n    points: ["refunds"]\nperformance:'
    (document,) = read_standards(write_standards_folder(tmp_path, replace_once("performance:", scope))).units
    with transaction():
        load_unit(document)
    return document


def test_nested_items_choices_and_points_are_shown(world: World, client: ClientFor, local_unit: UnitDocument) -> None:
    page = words(client(world.alice), local_unit.slug)
    for expected in (
        "one of the following",
        "Simulation is allowed.",
        "who may be told",
        "what was said",
        "They cover:",
    ):
        assert expected in page
    assert "<li>refunds</li>" in page
    assert page.count("criterion-row read nested") == 2


def test_centre_edition_can_be_compared_with_the_installation_unit(world: World, client: ClientFor) -> None:
    publish_centre_unit(
        world.northgate, make_revision(LIBRARY.find_unit("CFACC15"), 1, version="2", slug="cfacc15-2")
    )
    older = words(client(world.dan), "cfacc15")
    assert '<a href="/units/cfacc15-2">newer version</a>' in older
    assert "/units/cfacc15/compare?with=cfacc15-2" in older
    newer = words(client(world.dan), "cfacc15-2")
    assert "/units/cfacc15-2/compare?with=cfacc15" in newer
    for whose in ("your centre’s own", "the installation’s"):
        assert whose in newer
    assert "cfacc15-2" not in words(client(world.frank), "cfacc15")


def test_missing_unit_is_not_found(world: World, client: ClientFor) -> None:
    response = client(world.alice).get("/units/nope")
    assert response.status_code == 404
    assert "Search the list of units." in response.text
