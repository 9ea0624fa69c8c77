"""Pages of the witness list: added and removed without scripts, found, downloaded, printed and erased."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.factories import World
from tests.witness_list.entries import CV, put_on_list
from tracker.clock import today
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import ListedWitness
from tracker.vocabulary import ListedStatus

Browser = Callable[..., FlaskClient]
MAX_STATEMENTS = 9


def read_fields(html: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html))


def type_form(page: str, **fields: str) -> dict[str, str]:
    return {
        **read_fields(page),
        "name": "Priya Nair",
        "email": "p.nair@corvell.example",
        "relationship": "Head of customer care",
        "status": "expert",
        "starts_on": today().isoformat(),
        "inducted_on": today().isoformat(),
        "cv": CV,
        **fields,
    }


def test_an_administrator_adds_and_removes_a_witness(world: World, client: Browser) -> None:
    dan, at = client(world.dan), f"/centres/{world.northgate.id}/witnesses"
    assert "No witnesses yet." in dan.get(at).text
    form = type_form(dan.get(f"{at}/add").text)
    assert [dan.post(f"{at}/add", data=form).status_code for _ in range(2)] == [303, 303]
    listed = dan.get(at).text
    assert listed.count("Head of customer care") == 1
    assert CV in listed
    entry = db.session.query(ListedWitness).one()
    remove = f"{at}/{entry.id}/remove"
    answer = dan.post(remove, data={**read_fields(dan.get(remove).text), "reason": "Left the company."})
    assert answer.status_code == 303
    assert "Head of customer care" not in dan.get(at).text
    ended = dan.get(f"{at}?show=ended").text
    assert "Head of customer care" in ended
    assert "Removed" in ended


def test_what_is_missing_is_said_and_what_was_typed_stays(world: World, client: Browser) -> None:
    dan, page = client(world.dan), f"/centres/{world.northgate.id}/witnesses/add"
    answer = dan.post(page, data=type_form(dan.get(page).text, cv=""))
    assert answer.status_code == 422
    assert "Enter what the CV shows, and where it is kept." in answer.text
    assert "Head of customer care" in answer.text


def test_an_assessor_is_offered_no_expert_and_is_refused_one(world: World, client: Browser) -> None:
    bob, page = client(world.bob), f"/centres/{world.northgate.id}/witnesses/add"
    shown = bob.get(page).text
    assert 'value="expert"' not in shown
    assert 'value="familiar"' in shown
    assert bob.post(page, data=type_form(shown)).status_code == 422
    assert bob.post(page, data=type_form(shown, status="familiar", inducted_on="", cv="")).status_code == 303
    assert "Head of customer care" in bob.get(f"/centres/{world.northgate.id}/witnesses").text


def test_the_list_is_searched_narrowed_and_downloaded(world: World, client: Browser) -> None:
    put_on_list(world)
    put_on_list(world, ListedStatus.OTHER, name="Samuel Okoro", email="", relationship="Team manager")
    carol, at = client(world.carol), f"/centres/{world.northgate.id}/witnesses"
    for query, found, left_out in (
        ("q=okoro", "Samuel Okoro", "Margaret Ellis"),
        ("q=operations", "Margaret Ellis", "Samuel Okoro"),
        ("status=expert", "Margaret Ellis", "Samuel Okoro"),
        ("format=csv&status=other", "Samuel Okoro", "Margaret Ellis"),
    ):
        page = carol.get(f"{at}?{query}").text
        assert found in page
        assert left_out not in page
    assert "/remove" not in carol.get(at).text


def test_witnesses_of_another_centre_are_not_found(world: World, client: Browser) -> None:
    entry = put_on_list(world)
    heidi = client(world.heidi)
    assert heidi.get(f"/centres/{world.northgate.id}/witnesses").status_code == 404
    assert heidi.get(f"/centres/{world.southbank.id}/witnesses/{entry.id}/remove").status_code == 404
    assert "Margaret" not in heidi.get(f"/centres/{world.southbank.id}/witnesses").text


@pytest.mark.parametrize("number", [1, 40])
def test_the_list_takes_few_statements(world: World, client: Browser, count_statements: Any, number: int) -> None:
    with transaction():
        for each in range(number):
            db.session.add(
                ListedWitness(
                    centre_id=world.northgate.id, name=f"Witness {each}", email="", relationship="Manager",
                    status=ListedStatus.OTHER, starts_on=today() - timedelta(days=1), cv="",
                    recorded_at=world.registration.registered_at, recorded_by_id=world.dan.id,
                )
            )  # fmt: skip
    dan, at = client(world.dan), f"/centres/{world.northgate.id}/witnesses"
    dan.get(at)
    with count_statements() as statements:
        assert dan.get(at).status_code == 200
    assert len(statements) <= MAX_STATEMENTS
