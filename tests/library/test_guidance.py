"""Guidance: read, write, attach with a warning, and detach, at one's own centre only."""

import html
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests import factories
from tests.factories import World
from tests.library.centre_units import publish_centre_unit
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import list_guidance
from tracker.library.services import guidance as services
from tracker.library.services.loading import load_guidance
from tracker.models import Guidance, GuidanceUnit
from tracker.units.standards_folder import read_standards

ClientFor = Callable[..., FlaskClient]
SEED = "guidance-customer-service-procedures"
WARNING = "It advises role play; this unit wants work."
OWN = {
    "title": "Calls at Northgate", "synopsis": "How we take calls.", "key_concepts": "", "tips": "Listen.\nWait.",
    "misconceptions": "", "marking_points": "Says who called.", "source": "",
}  # fmt: skip


@pytest.fixture
def own_guidance(world: World) -> Guidance:
    fields: dict[str, Any] = {key: [] for key in ("key_concepts", "misconceptions", "marking_points")}
    with transaction():
        return services.add_guidance(
            world.northgate.id,
            {**fields, "title": "Calls at Northgate", "synopsis": "How.", "tips": ["Listen."], "source": ""},
            factories.make_actor(world.dan),
        )


def attach(browser: FlaskClient, world: World, slug: str, unit: str, **fields: str) -> TestResponse:
    return browser.post(f"/centres/{world.northgate.id}/guidance/{slug}/attach?unit={unit}", data=fields)


# --- to read ---------------------------------------------------------------------------------------------


def test_everyone_can_read_installation_guidance(world: World, client: ClientFor) -> None:
    for person in (world.alice, world.grace):
        assert f"/guidance/{SEED}" in client(person).get("/guidance").text
        page = html.unescape(client(person).get(f"/guidance/{SEED}").text)
        assert "simulated" in page
        assert "CFACC15" in page


def test_centre_guidance_is_read_there_only(world: World, client: ClientFor, own_guidance: Guidance) -> None:
    assert client(world.alice).get(f"/guidance/{own_guidance.slug}").status_code == 200
    assert client(world.frank).get(f"/guidance/{own_guidance.slug}").status_code == 404
    assert "Calls at Northgate" not in client(world.heidi).get("/guidance").text


# --- to write --------------------------------------------------------------------------------------------


def test_administrator_writes_guidance(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    answer = dan.post(f"/centres/{world.northgate.id}/guidance/new", data=OWN)
    assert answer.location == "/guidance/calls-at-northgate"
    page = dan.get(answer.location).text
    for words in ("How we take calls.", "<li>Wait.</li>", "Says who called.", "Written on screen"):
        assert words in page
    assert recorded_acts() == ["guidance_added"]


def test_two_pages_of_one_title_have_different_addresses(
    world: World, client: ClientFor, own_guidance: Guidance
) -> None:
    answer = client(world.dan).post(f"/centres/{world.northgate.id}/guidance/new", data=OWN)
    assert answer.location != f"/guidance/{own_guidance.slug}"
    assert answer.status_code == 303


def test_missing_field_is_named_and_typed_text_stays(world: World, client: ClientFor) -> None:
    answer = client(world.dan).post(f"/centres/{world.northgate.id}/guidance/new", data={**OWN, "title": ""})
    assert answer.status_code == 422
    assert "Enter a title." in answer.text
    assert "Listen.\nWait." in answer.text


def test_only_own_guidance_can_be_changed(
    world: World, client: ClientFor, own_guidance: Guidance, recorded_acts: Callable[[], list[str]]
) -> None:
    dan, at = client(world.dan), f"/centres/{world.northgate.id}/guidance"
    assert "Listen." in dan.get(f"{at}/{own_guidance.slug}/edit").text
    assert dan.post(f"{at}/{own_guidance.slug}/edit", data={**OWN, "tips": "Ask."}).status_code == 303
    assert "Ask." in dan.get(f"/guidance/{own_guidance.slug}").text
    assert dan.get(f"{at}/{SEED}/edit").status_code == 404
    assert recorded_acts()[-1] == "guidance_changed"


def test_loading_never_overwrites_centre_guidance(own_guidance: Guidance) -> None:
    (document,) = read_standards().guidance
    with pytest.raises(Refused, match="is the address of a centre’s own guidance"), transaction():
        load_guidance(replace(document, slug=own_guidance.slug))


# --- to attach -------------------------------------------------------------------------------------------


def test_requirements_are_shown_beside_the_question(world: World, client: ClientFor) -> None:
    publish_centre_unit(world.northgate)
    page = client(world.dan).get(f"/centres/{world.northgate.id}/guidance/{SEED}/attach?unit=local7").text
    assert "What the unit requires" in page
    assert "Do it twice." in page
    assert "Does the guidance contradict" in page


def test_attached_units_are_not_offered(world: World, client: ClientFor) -> None:
    page = client(world.dan).get(f"/centres/{world.northgate.id}/guidance/{SEED}/attach").text
    assert 'value="cfamlfd3"' in page
    assert 'value="cfacc15"' not in page


def test_attached_guidance_is_shown_at_the_centre_with_its_warning(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    assert attach(dan, world, SEED, "cfamlfd3", contradicts="yes", warning=WARNING).status_code == 303
    assert WARNING in html.unescape(client(world.alice).get("/units/cfamlfd3").text)
    assert WARNING not in html.unescape(client(world.frank).get("/units/cfamlfd3").text)
    assert [each.warning for each in list_guidance("CFAM&LFD3", [world.northgate.id])] == [WARNING]
    assert list_guidance("CFAM&LFD3", [world.southbank.id]) == ()
    assert recorded_acts() == ["guidance_attached"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Choose Yes or No."),
        ({"contradicts": "yes", "warning": " "}, "Write what contradicts them"),
    ],
)
def test_contradiction_must_be_answered(
    world: World, client: ClientFor, fields: dict[str, str], message: str
) -> None:
    answer = attach(client(world.dan), world, SEED, "cfamlfd3", **fields)
    assert answer.status_code == 422
    assert message in answer.text


def test_unit_of_another_centre_is_not_offered(world: World, client: ClientFor) -> None:
    publish_centre_unit(world.southbank)
    page = client(world.dan).get(f"/centres/{world.northgate.id}/guidance/{SEED}/attach?unit=local7").text
    assert "LOCAL7" not in page


def test_attaching_twice_is_refused(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    attach(dan, world, SEED, "cfamlfd3", contradicts="no")
    answer = attach(dan, world, SEED, "cfamlfd3", contradicts="no")
    assert answer.status_code == 409
    assert "already attached to CFAM&LFD3" in html.unescape(answer.text)


def test_detached_guidance_is_not_shown(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    attach(dan, world, SEED, "cfamlfd3", contradicts="no")
    row = db.session.scalars(select(GuidanceUnit).where(GuidanceUnit.unit_code == "CFAM&LFD3")).one().id
    at = f"/guidance/{SEED}/detach/{row}"
    assert client(world.heidi).post(f"/centres/{world.southbank.id}{at}").status_code == 404
    assert dan.post(f"/centres/{world.northgate.id}{at}").status_code == 303
    assert list_guidance("CFAM&LFD3", [world.northgate.id]) == ()
    assert recorded_acts() == ["guidance_attached", "guidance_detached"]


def test_installation_attachment_cannot_be_detached(world: World, client: ClientFor) -> None:
    row = db.session.scalars(select(GuidanceUnit.id).where(GuidanceUnit.unit_code == "CFACC15")).first()
    answer = client(world.dan).post(f"/centres/{world.northgate.id}/guidance/{SEED}/detach/{row}")
    assert answer.status_code == 404


def test_guidance_is_shown_where_people_work(world: World, client: ClientFor, own_guidance: Guidance) -> None:
    attach(client(world.dan), world, own_guidance.slug, "inscc004", contradicts="no")
    with transaction():
        evidence = factories.make_evidence(world.inscc004, "A call")
        factories.claim(world.inscc004, evidence, "1")
    page = client(world.alice).get(f"/evidence/{evidence.id}/criteria").text
    assert "Listen." in page
