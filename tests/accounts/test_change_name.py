"""Changing a person's name: the earlier one is kept, and what was signed under it shows it."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment.workflow import sign
from tests.factories import World
from tracker.accounts.services.names import change_name
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import EarlierName, Person, UnitAttempt
from tracker.portfolio.queries.units import list_signatures
from tracker.recording_forms.queries import build_form_content
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]


def rename(world: World, name: str, person: Person | None = None) -> bool:
    with transaction():
        return change_name(person or world.bob, world.northgate, name, factories.make_actor(world.dan))


def test_an_administrator_changes_a_name_and_the_earlier_one_is_shown(
    world: World,
    client: ClientFor,
    emails_to: Callable[..., list[str]],
    recorded_acts: Callable[[], list[str]],
) -> None:
    path = f"/centres/{world.northgate.id}/people/{world.bob.id}"
    dan = client(world.dan)
    assert 'value="Bob Archer"' in dan.get(f"{path}/name").text
    response = dan.post(f"{path}/name", data={"name": "  Robert   Archer "})
    assert response.status_code == 303
    page = dan.get(path).text
    assert "<h1>Robert Archer</h1>" in page
    assert "Bob Archer" in page.partition("Earlier names")[2]
    assert "Bob Archer" in client(world.bob).get("/account").text
    assert "from Bob Archer to Robert Archer" in emails_to(world.bob)[0]
    assert recorded_acts() == ["name_changed"]


def test_signatures_keep_the_name_of_their_time(world: World) -> None:
    sign(world, world.cfacc15)
    rename(world, "Robert Archer")
    attempt = db.session.get_one(UnitAttempt, world.cfacc15.id)
    assert {each.name for each in list_signatures(attempt)} == {"Bob Archer"}
    content = build_form_content(attempt)
    assert content.assessor
    assert (content.assessor.name, content.assessor_name) == ("Bob Archer", "Bob Archer")
    assert rename(world, "Rob Archer")
    assert build_form_content(attempt).assessor_name == "Bob Archer"


def test_the_same_name_again_changes_nothing(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    assert not rename(world, " Bob  Archer ")
    assert recorded_acts() == []


@pytest.mark.parametrize("name", ["", "  ", "1234", "\u200b", "x" * 201])
def test_a_name_needs_a_letter_and_an_end(world: World, name: str) -> None:
    with pytest.raises(Invalid):
        rename(world, name)
    assert db.session.scalars(select(EarlierName)).all() == []


def test_not_ones_own_and_not_of_somebody_with_a_role_elsewhere(world: World) -> None:
    with pytest.raises(Refused, match="your own account"):
        rename(world, "Daniel Price", world.dan)
    with transaction():
        factories.grant(world.bob, world.southbank, Role.ASSESSOR)
    with pytest.raises(Refused, match="a role at another centre too"):
        rename(world, "Robert Archer")


def test_the_operator_changes_a_name(world: World, app: Flask, recorded_acts: Callable[[], list[str]]) -> None:
    db.session.commit()
    result = app.test_cli_runner().invoke(args=["people", "change-name", world.bob.email, "Robert Archer"])
    assert result.exit_code == 0, result.output
    assert "is now Robert Archer" in result.output
    assert recorded_acts() == ["name_changed"]
    nobody = app.test_cli_runner().invoke(args=["people", "change-name", "nobody@example.org", "X Y"])
    assert nobody.exit_code == 1
