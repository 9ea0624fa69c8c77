"""The list of allocations: assessor and verifier of each open unit, and since when."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import LONG_AGO, World
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.registrations import queries
from tracker.registrations.allocations import find_current_allocation
from tracker.vocabulary import AttemptState, Role

ClientFor = Callable[..., FlaskClient]


def address(world: World) -> str:
    return f"/centres/{world.northgate.id}/allocations"


def rows(page: str) -> list[str]:
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in body.split("</tr>") if row.strip()]


def test_list_shows_the_people_and_since_when(world: World, client: ClientFor) -> None:
    first, second = rows(client(world.dan).get(address(world)).text)
    assert first.startswith("Alice Moran CFACC15")
    assert second.startswith("Alice Moran INSCC004")
    assert "Bob Archer since 1 September 2026" in first
    assert "Carol Hughes since 1 September 2026" in first


def test_units_without_an_assessor_come_first_then_longest_in_progress(world: World, client: ClientFor) -> None:
    with transaction():
        holder = find_current_allocation(world.cfacc15, Role.ASSESSOR)
        assert holder
        holder.starts_at = LONG_AGO + timedelta(days=20)
        factories.make_attempt(world.registration, "DELIVERCC")
    table_rows = rows(client(world.dan).get(address(world)).text)
    assert [row.split()[2] for row in table_rows] == ["DELIVERCC", "INSCC004", "CFACC15"]
    assert table_rows[0].count("Not allocated") == 2


@pytest.mark.parametrize("state", ["void", "verified", "certificate_claimed"])
def test_finished_units_are_not_listed(world: World, state: str) -> None:
    with transaction():
        world.cfacc15.state = AttemptState(state)
    allocations, _ = queries.list_allocations(world.northgate.id, 1)
    assert [each.code for each in allocations] == ["INSCC004"]


def test_units_of_a_withdrawn_candidate_are_not_listed(world: World, client: ClientFor) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
    assert "No open units." in client(world.dan).get(address(world)).text


def test_list_is_paginated(world: World) -> None:
    first, has_more = queries.list_allocations(world.northgate.id, 1, 1)
    second, has_more_after = queries.list_allocations(world.northgate.id, 2, 1)
    assert ([each.code for each in first + second], has_more, has_more_after) == (
        ["CFACC15", "INSCC004"],
        True,
        False,
    )


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_sees_allocations(world: World, client: ClientFor, name: str) -> None:
    assert client(getattr(world, name)).get(address(world)).status_code == 404


def test_page_takes_few_statements(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    dan = client(world.dan)
    with count_statements() as statements:
        dan.get(address(world))
    assert len(statements) <= 12
