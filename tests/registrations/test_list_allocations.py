"""The list of allocations: assessor and verifier of each open unit, and since when."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.factories import LONG_AGO, World
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.registrations import person_choices
from tracker.registrations.allocation_list import ALLOCATIONS, list_allocations, list_longest_in_progress
from tracker.registrations.allocation_plans import plan_allocations
from tracker.registrations.allocations import find_open_allocation
from tracker.vocabulary import AttemptState, Role
from tracker.web.lists import Column, ListQuery

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
        holder = find_open_allocation(world.cfacc15, Role.ASSESSOR)
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
    assert [each.code for each in list_allocations(world.northgate, ListQuery()).rows] == ["INSCC004"]


def test_units_of_a_withdrawn_candidate_are_not_listed(world: World, client: ClientFor) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
    assert "No open units." in client(world.dan).get(address(world)).text


def test_completed_unit_of_a_withdrawn_candidate_is_listed_and_gets_its_verifier(
    world: World, client: ClientFor
) -> None:
    """The candidate is entitled to certification of it, and it needed a verifier that no list offered to allocate."""
    workflow.sign(world, world.cfacc15)
    workflow.confirm(world.cfacc15)
    with transaction():
        factories.end_allocation(world.cfacc15, Role.INTERNAL_VERIFIER)
        world.registration.withdrawn_at = clock.now()
    dan = client(world.dan)
    (row,) = rows(dan.get(f"{address(world)}?verifier=none").text)
    assert "Alice Moran withdrawn" in row
    assert "CFACC15" in row
    csv = dan.get(f"{address(world)}?format=csv").data.decode("utf-8-sig").splitlines()
    assert csv[1].endswith(f",{clock.today()}")
    people = {Role.INTERNAL_VERIFIER: world.carol}
    (unit,) = plan_allocations(world.northgate, [world.cfacc15.id], people, "", factories.make_actor(world.dan)).units
    assert unit.refusal is None


def test_list_is_narrowed_to_one_assessor_or_to_units_without_one(world: World, client: ClientFor) -> None:
    """Also to one who has left, whose units go to somebody else."""
    with transaction():
        gina = factories.make_person("Gina Holt", world.northgate, Role.ASSESSOR)
        free = factories.make_attempt(world.registration, "DELIVERCC")
        theirs = factories.make_attempt(world.registration, "CFAM&LFD3")
        factories.allocate(theirs, gina, Role.ASSESSOR, world.dan)
        gina.grants[0].ends_at = clock.now()
    dan = client(world.dan)
    for query, codes in (
        (f"?assessor={gina.id}", ["CFAM&amp;LFD3"]),
        ("?assessor=none&sort=unit", ["CFAM&amp;LFD3", "DELIVERCC"]),
        (f"?assessor={world.bob.id}", ["CFACC15", "INSCC004"]),
        (f"?verifier={world.carol.id}", ["CFACC15", "INSCC004"]),
        ("?verifier=none&sort=unit", ["CFAM&amp;LFD3", "DELIVERCC"]),
        ("?q=deliver", [free.unit.code]),
        ("?state=confirmed", []),
        (f"?assessor={world.grace.id}&sort=unit", ["CFACC15", "CFAM&amp;LFD3", "DELIVERCC", "INSCC004"]),
    ):
        table_rows = rows(dan.get(address(world) + query).text)
        assert [row.split()[2] for row in table_rows] == codes, query


def test_staff_are_chosen_on_their_own_pages_where_they_are_many(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_choices, "MAX_CHOICES", 1)
    dan = client(world.dan)
    page = dan.get(address(world)).text
    assert "There are too many assessors and internal verifiers to choose from here." in page
    assert "Bob Archer</option>" not in page
    assert '<option value="none">Not allocated</option>' in page
    link = f"{address(world)}?assessor={world.bob.id}"
    assert f'href="{link}">2 open units</a>' in dan.get(f"/centres/{world.northgate.id}/people/{world.bob.id}").text
    page = dan.get(link).text
    assert re.search(rf'<option[^>]*value="{world.bob.id}"[^>]*>Bob Archer</option>', page)
    assert len(rows(page)) == 2
    assert "Grace Lam" not in dan.get(f"{address(world)}?assessor={world.grace.id}").text


@pytest.mark.parametrize(
    ("words", "count"),
    [("ali", 2), ("moran", 2), ("alice mor", 2), ("ora", 0), ("c0001", 2), ("FACC15", 1), ("none", 0)],
)
def test_search_finds_beginnings_of_names_and_numbers_and_parts_of_codes(
    world: World, client: ClientFor, words: str, count: int
) -> None:
    assert world.registration.candidate_number == "C0001"
    assert len(rows(client(world.dan).get(f"{address(world)}?q={words}").text)) == count


def test_units_of_the_chosen_assessor_stay_chosen_when_all_are_ticked(world: World, client: ClientFor) -> None:
    page = client(world.dan).get(f"{address(world)}?assessor={world.bob.id}&tick=all").text
    assert page.count(" checked") == 2
    assert f"tick=all&amp;centre_id={world.northgate.id}" not in page
    assert f"assessor={world.bob.id}" in page.partition("Tick\n")[2].partition("data-tick")[0]


@pytest.mark.parametrize("column", ALLOCATIONS.sortable_columns, ids=lambda column: column.name)
def test_list_is_sorted_by_each_column(world: World, column: Column) -> None:
    for is_descending in (False, True):
        query = ListQuery(sort=column.name, is_descending=is_descending)
        cells = [str(column.cell(row)) for row in list_allocations(world.northgate, query).rows]
        assert cells == sorted(cells, reverse=is_descending)


def test_list_is_downloaded_with_the_days_of_the_allocations(world: World, client: ClientFor) -> None:
    text = client(world.dan).get(f"{address(world)}?format=csv").data.decode("utf-8-sig")
    assert text.splitlines()[:2] == [
        "Candidate,Unit,State,Assessor,Assessor since,Internal verifier,Internal verifier since,Withdrawn",
        "Alice Moran,CFACC15,In progress,Bob Archer,2026-09-01,Carol Hughes,2026-09-01,",
    ]


def test_units_longest_in_progress_have_an_assessor(world: World) -> None:
    with transaction():
        factories.make_attempt(world.registration, "DELIVERCC")
    (line,) = list_longest_in_progress(world.northgate.id, 10)
    assert (line.candidate, line.assessor, line.units) == ("Alice Moran", "Bob Archer", 2)


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_sees_allocations(world: World, client: ClientFor, name: str) -> None:
    assert client(getattr(world, name)).get(address(world)).status_code == 404


def test_page_takes_as_many_statements_for_forty_units_as_for_two(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    dan = client(world.dan)
    with count_statements() as for_two:
        dan.get(address(world))
    with transaction():
        for number in range(38):
            ivy = factories.make_person(f"Ivy {number}", world.northgate, Role.CANDIDATE)
            registration = factories.make_registration(ivy, world.northgate, world.dan)
            factories.allocate(factories.make_attempt(registration, "DELIVERCC"), world.bob, Role.ASSESSOR, world.dan)
    with count_statements() as for_forty:
        dan.get(address(world))
    assert len(for_two) == len(for_forty) <= 12


def test_all_units_of_a_candidate_can_be_ticked_together(world: World, client: ClientFor) -> None:
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        factories.make_attempt(factories.make_registration(ivy, world.northgate, world.dan), "CFACC15")
    page = client(world.dan).get(address(world)).text
    assert page.count(f'data-tick="{world.registration.id}"') == 1
    assert page.count(f'data-of="{world.registration.id}"') == 2
    assert len(re.findall(r'data-tick="\d+"', page)) == 1, "Ivy has one unit on the page"
