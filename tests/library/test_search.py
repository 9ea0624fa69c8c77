"""Search of the library by code, title, suite and words in criteria; paged and fast."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, insert

from tests.factories import World
from tests.library.centre_units import publish_centre_unit, read_unit
from tests.list_pages import NEXT, find_page_link, walk
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.search import build_excerpt, list_suites, search_units
from tracker.models import Criterion, Unit, UnitCode
from tracker.vocabulary import CriterionKind, DocumentType, LabelOrigin, Simulation
from tracker.web.lists import ListQuery

ClientFor = Callable[..., FlaskClient]
SEEDS = ["cfacc15", "cfamlfd3", "delivercc", "inscc004"]


def search_slugs(*centre_ids: int, words: str = "", **chosen: str) -> list[str]:
    return [unit.slug for unit in search_units(centre_ids, ListQuery(words, chosen)).rows]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("CFACC15", "cfacc15"),
        ("h12804", "cfacc15"),
        ("H128 04", "cfacc15"),
        ("h128/04", "cfacc15"),
        ("cfam & lfd3", "cfamlfd3"),
        ("CfA CC16", "inscc004"),
        ("delivercc", "delivercc"),
    ],
)
def test_unit_is_found_by_any_code_in_any_spelling(world: World, words: str, first: str) -> None:
    assert search_slugs(words=words)[0] == first


def test_all_words_must_match_in_any_order(world: World) -> None:
    assert search_slugs(words="re-occurrence problems") == ["inscc004"]
    assert search_slugs(words="problems re-occurrence zebra") == []


def test_title_matches_come_before_criterion_matches(world: World) -> None:
    assert search_slugs(words="supervise")[0] == "cfacc15"
    assert len(search_slugs(words="customer service")) == 4


@pytest.mark.parametrize("words", ["%", "_", "\\", "' OR 1=1", "<script>"])
def test_special_characters_are_searched_literally(world: World, words: str) -> None:
    assert search_slugs(words=words) == [unit for unit in search_slugs(words=words) if unit in SEEDS]
    assert len(search_slugs(words=words)) < 4


def test_filters_narrow_the_results(world: World) -> None:
    centre_unit = publish_centre_unit(
        world.northgate, read_unit(metadata={**read_unit().metadata, "suites": "Calls"})
    )
    northgate_id = world.northgate.id
    assert search_slugs(northgate_id, owner="own") == [centre_unit.slug]
    assert search_slugs(northgate_id, owner="installation") == SEEDS
    assert search_slugs(northgate_id, type="sqa_unit") == ["cfacc15"]
    assert search_slugs(northgate_id, suite="Calls") == [centre_unit.slug]
    assert "Calls" in list_suites([northgate_id])
    assert "Calls" not in list_suites([world.southbank.id])


def test_unit_of_another_centre_is_never_found(world: World) -> None:
    publish_centre_unit(world.northgate)
    assert "local7" in search_slugs(world.northgate.id, words="LOCAL7")
    assert search_slugs(world.southbank.id, words="LOCAL7") == []
    assert search_slugs(world.southbank.id, words="thank the colleague") == []


def test_each_version_is_listed_in_its_newest_revision(world: World, client: ClientFor) -> None:
    document, northgate_id = read_unit(), world.northgate.id
    publish_centre_unit(world.northgate, document)
    publish_centre_unit(world.northgate, replace(document, revision=2, slug="local7-1-2"))
    publish_centre_unit(world.northgate, replace(document, version="2", slug="local7-2-1"))
    assert sorted(search_slugs(northgate_id, words="LOCAL7")) == ["local7-1-2", "local7-2-1"]
    assert sorted(search_slugs(northgate_id, words="thank the colleague")) == ["local7-1-2", "local7-2-1"]
    assert search_units([northgate_id], ListQuery("LOCAL7")).total == 2
    assert 'href="/units/local7"' not in client(world.alice).get("/units").text
    assert 'href="/units/local7">Version 1, revision 1</a>' in client(world.alice).get("/units/local7-1-2").text


def test_centre_revision_replaces_the_installation_unit_in_results(world: World) -> None:
    document = read_unit()
    publish_centre_unit(None, document)
    publish_centre_unit(world.northgate, replace(document, revision=2, slug="ours"))
    publish_centre_unit(world.southbank, replace(document, revision=2, slug="theirs"))
    assert search_slugs(world.northgate.id, words="LOCAL7") == ["ours"]
    assert search_slugs(world.northgate.id, words="LOCAL7", owner="installation") == ["local7"]
    assert search_slugs(words="LOCAL7") == ["local7"]
    assert sorted(search_slugs(world.northgate.id, world.southbank.id, words="LOCAL7")) == ["ours", "theirs"]


def test_matching_words_are_marked_in_their_criterion(world: World, client: ClientFor) -> None:
    publish_centre_unit(world.northgate)
    page = client(world.alice).get("/units?q=Colleague+thank").text
    assert re.search(r"<b>1</b>\s+<mark>thank</mark> the <mark>colleague</mark>", page)


def test_long_criterion_is_cut_around_the_match() -> None:
    text = f"{'before ' * 40}needle{' after' * 60}"
    pieces = build_excerpt(text, ["needle"])
    excerpt = "".join(words for words, _ in pieces)
    assert ("needle", True) in pieces
    assert excerpt.startswith("… before")
    assert excerpt.endswith("after …")
    assert len(excerpt) < 230
    assert build_excerpt("a.b", ["."]) == (("a", False), (".", True), ("b", False))
    assert build_excerpt("nothing", ["x"]) == (("nothing", False),)


def fill_library(count: int) -> None:
    """Store many units with thirty criteria each."""
    plain = {
        "document_type": DocumentType.NOS, "simulation": Simulation.UNSTATED, "document": "{", "content_hash": "0" * 64,
        "version": "1", "revision": 1, "suites": "Suite",
    }  # fmt: skip
    with transaction():
        units = [
            {**plain, "id": 10_000 + n, "code": f"ZZ{n:04}", "full_code": f"ZZ{n:04}", "slug": f"zz{n:04}", "title": f"Do thing {n}",
             "search_text": f"do thing {n}\n" + f"handle parcel {n} with care\n" * 30}
            for n in range(count)
        ]  # fmt: skip
        db.session.execute(insert(Unit), units)
        db.session.execute(insert(UnitCode), [
            {"unit_id": each["id"], "scheme": "code", "value": each["code"], "normalised": str(each["code"]).casefold()} for each in units
        ])  # fmt: skip
        db.session.execute(insert(Criterion), [
            {"unit_id": each["id"], "position": position, "kind": CriterionKind.PERFORMANCE, "label": str(position),
             "label_origin": LabelOrigin.PUBLISHED, "text": f"Handle parcel {each['id'] - 10_000} with care", "assessable": True}
            for each in units for position in range(1, 31)
        ])  # fmt: skip


@pytest.fixture
def large_library(world: World) -> None:
    fill_library(1_000)
    yield
    with transaction():
        for model in (Criterion, UnitCode):
            db.session.execute(delete(model.__table__).where(model.unit_id >= 10_000))
        db.session.execute(delete(Unit.__table__).where(Unit.id >= 10_000))


def test_thousand_units_are_searched_in_a_few_statements(
    large_library: None, world: World, client: ClientFor,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:  # fmt: skip
    browser = client(world.alice)
    browser.get("/units")
    with count_statements() as statements:
        page = browser.get("/units?q=parcel+care").text
    assert "1–50 of 1,000" in page
    assert page.count('data-label="Code"') == 50
    assert find_page_link(page, NEXT)
    about_units = [each for each in statements if "unit" in each and "user_session" not in each]
    assert len(about_units) <= 5, about_units
    assert not [each for each in about_units if "unit.document," in each or "unit.document " in each]


def test_page_links_keep_the_search(large_library: None, world: World, client: ClientFor) -> None:
    first, second, *_, last = walk(client(world.alice), "/units?q=parcel&owner=installation")
    link = find_page_link(first, NEXT)
    assert link
    assert link.startswith("/units?owner=installation&q=parcel&after=")
    assert "51–100 of 1,000" in second
    assert "951–1,000 of 1,000" in last
    assert "zz0999" in last


def test_unit_page_lists_both_versions(world: World, client: ClientFor) -> None:
    document = read_unit()
    publish_centre_unit(world.northgate, document)
    publish_centre_unit(world.northgate, replace(document, version="2", slug="local7-2"))
    page = client(world.alice).get("/units/local7").text
    assert "Versions" in page
    assert 'href="/units/local7-2">newer version' in page
    assert "newer version" not in client(world.alice).get("/units/local7-2").text
