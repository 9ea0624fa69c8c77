"""The list of units, for everyone signed in."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.factories import World
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import find_unit
from tracker.models import Unit

ClientFor = Callable[..., FlaskClient]
PEOPLE = ["alice", "bob", "carol", "dan", "eve", "frank"]


def list_slugs(browser: FlaskClient, words: str = "") -> list[str]:
    response = browser.get("/units", query_string={"q": words})
    assert response.status_code == 200
    return re.findall(r'href="/units/([\w-]+)"', response.text)


@pytest.mark.parametrize("name", PEOPLE)
def test_everyone_signed_in_sees_every_unit(world: World, client: ClientFor, name: str) -> None:
    assert list_slugs(client(getattr(world, name))) == ["cfacc15", "cfamlfd3", "delivercc", "inscc004"]


def test_visitor_must_sign_in(anonymous: FlaskClient) -> None:
    assert anonymous.get("/units").status_code == 302
    assert anonymous.get("/units/cfacc15").status_code == 302


@pytest.mark.parametrize(
    ("words", "slugs"),
    [
        ("h128 04", ["cfacc15"]),
        ("cfa/cc16", ["inscc004"]),
        ("MANAGE CUSTOMER", ["cfamlfd3", "inscc004"]),
        ("re-occurrence", ["inscc004"]),
        ("no such words", []),
        ("<script>", []),
    ],
)
def test_units_are_found(world: World, client: ClientFor, words: str, slugs: list[str]) -> None:
    assert list_slugs(client(world.alice), words) == slugs


def test_search_without_result_keeps_the_words(world: World, client: ClientFor) -> None:
    page = client(world.alice).get("/units?q=zebra").text
    assert "No unit matches “zebra”." in page
    assert 'value="zebra"' in page


def test_centre_unit_is_seen_there_only(world: World, client: ClientFor) -> None:
    original = find_unit("cfacc15")
    assert original
    with transaction():
        centre_unit = Unit(
            **{
                each.name: getattr(original, each.name)
                for each in Unit.__table__.columns
                if each.name not in {"id", "slug"}
            }
        )
        centre_unit.slug, centre_unit.owner_centre_id = "local", world.northgate.id
        db.session.add(centre_unit)
    try:
        assert "local" in list_slugs(client(world.alice))
        assert client(world.alice).get("/units/local").status_code == 200
        assert "local" not in list_slugs(client(world.frank))
        assert client(world.frank).get("/units/local").status_code == 404
    finally:
        with transaction():
            db.session.delete(centre_unit)


def test_units_are_sorted_filtered_and_downloaded(world: World, client: ClientFor) -> None:
    alice = client(world.alice)
    assert re.findall(r'href="/units/([\w-]+)"', alice.get("/units?sort=-code").text)[0] == "inscc004"
    assert "1–1 of 1" in alice.get("/units?type=sqa_unit").text
    assert "1–4 of 4" in alice.get("/units?type=nonsense").text, "an unknown choice is ignored"
    heads, *rows = alice.get("/units?q=re-occurrence&format=csv").data.decode("utf-8-sig").splitlines()
    assert heads == "Code,Title,Version,Revision,Type,Suite,Owner"
    assert len(rows) == 1
    assert rows[0].startswith("INSCC004,")
