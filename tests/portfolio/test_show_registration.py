"""The page of a registration: its units, allocations, progress, and what can be changed."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment.workflow import accept, submit_item
from tests.factories import World, make_person
from tests.library.centre_units import publish_centre_unit
from tests.library.unit_versions import UNITS, make_revision
from tracker import clock
from tracker.ledger.transactions import transaction
from tracker.registrations.allocations import allocate
from tracker.vocabulary import AttemptState, Role

ClientFor = Callable[..., FlaskClient]
ACTS = ("/allocate/", "/void", "/withdraw", "Add a unit")


def address(world: World) -> str:
    return f"/registrations/{world.registration.id}"


def test_an_administrator_sees_numbers_units_allocations_and_progress(world: World, client: ClientFor) -> None:
    _, version, claims = submit_item(world.cfacc15, "Call of 5 October", "1", "2")
    accept(world.cfacc15, version, world.bob, claims)
    page = client(world.dan).get(address(world)).text
    for expected in (
        world.registration.candidate_number,
        world.registration.awarding_body_number,
        "1 September 2026",
        "CFACC15",
        "INSCC004",
        "<b>Bob Archer</b> since 1 September 2026",
        "<b>Carol Hughes</b> since 1 September 2026",
        "Candidate recording form",
        "Index of evidence",
        *ACTS,
    ):
        assert expected in page, expected
    assert "of 24" in page


def test_a_candidate_sees_their_registration_and_cannot_change_it(world: World, client: ClientFor) -> None:
    page = client(world.alice).get(address(world)).text
    assert "Bob Archer" in page
    assert [each for each in ACTS if each in page] == []


def test_a_change_of_allocation_stays_visible(world: World, client: ClientFor) -> None:
    with transaction():
        gina = make_person("Gina Holt", world.northgate, Role.ASSESSOR)
        allocate(world.cfacc15, gina, Role.ASSESSOR, "Bob is on leave", factories.make_actor(world.dan))
    page = client(world.dan).get(address(world)).text
    assert "changed from Bob Archer to Gina Holt. Bob is on leave" in page
    page = client(world.alice).get(address(world)).text
    assert "changed from Bob Archer to Gina Holt" in page
    assert "Bob is on leave" not in page


def test_an_allocated_person_without_the_role_is_marked(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "No longer has this role" not in dan.get(address(world)).text
    with transaction():
        world.bob.grants[0].ends_at = clock.now()
    assert dan.get(address(world)).text.count("No longer has this role") == 2


@pytest.mark.parametrize("state", [AttemptState.VOID, AttemptState.CERTIFICATE_CLAIMED])
def test_an_ended_attempt_offers_no_changes(world: World, client: ClientFor, state: AttemptState) -> None:
    with transaction():
        world.cfacc15.state = state
    page = client(world.dan).get(address(world)).text
    assert f"/attempts/{world.cfacc15.id}/allocate/" not in page
    assert f"/attempts/{world.cfacc15.id}/void" not in page
    assert f"/attempts/{world.inscc004.id}/void" in page


@pytest.mark.parametrize("name", ["bob", "carol", "eve", "frank", "grace", "heidi"])
def test_nobody_else_sees_it(world: World, client: ClientFor, name: str) -> None:
    assert client(getattr(world, name)).get(address(world)).status_code == 404


def test_an_unknown_registration_is_not_found(world: World, client: ClientFor) -> None:
    assert client(world.dan).get("/registrations/999999").status_code == 404


def test_the_page_takes_few_statements(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    dan = client(world.dan)
    with count_statements() as statements:
        dan.get(address(world))
    assert len(statements) <= 12


def test_acts_that_end_work_are_buttons_apart_from_the_links_and_ask_on_a_page(
    world: World, client: ClientFor
) -> None:
    dan = client(world.dan)
    page = dan.get(address(world)).text
    links = page.partition('<p class="actions">')[2].partition("</p>")[0]
    for path in (f"{address(world)}/withdraw", f"/attempts/{world.cfacc15.id}/void"):
        assert f'href="{path}"' in page.partition('class="destructive-acts')[2]
        assert path not in links
        assert 'name="reason"' in dan.get(path).text


def test_withdrawing_and_voiding_come_after_the_units_and_voiding_is_folded(world: World, client: ClientFor) -> None:
    page = client(world.dan).get(address(world)).text
    assert (
        page.index("<h2>Units</h2>") < page.index("<h2>Withdraw or void</h2>") < page.index("Withdraw this candidate")
    )
    folded = page.partition("Void a unit</summary>")[2].partition("</details>")[0]
    assert folded.count("/void") == page.count("/void") == 2
    with transaction():
        world.registration.withdrawn_at = clock.now()
    page = client(world.dan).get(address(world)).text
    assert "<h2>Void</h2>" in page
    assert "Withdraw" not in page.partition("<h2>Void</h2>")[2].partition("</section>")[0]


def test_a_later_version_is_offered_only_where_there_is_one(world: World, client: ClientFor) -> None:
    dan, words = client(world.dan), "Move to a later version"
    assert words not in dan.get(address(world)).text
    publish_centre_unit(world.northgate, make_revision(UNITS["CFACC15"], 1, version="2"))
    page = dan.get(address(world)).text
    assert page.count(words) == 1
    assert f"/attempts/{world.cfacc15.id}/move" in page
