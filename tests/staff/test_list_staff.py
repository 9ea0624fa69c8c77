"""The staff register: who is in it, what it says of each, its choices, and its statements."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.staff.entries import declare, hold, log_cpd, work_towards
from tracker import clock
from tracker.accounts.services.people import deactivate_person
from tracker.clock import day_of, frozen_at, now
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.privacy.retention import set_rule
from tracker.registrations.retention_periods import add_months
from tracker.staff.queries import register
from tracker.vocabulary import AwardKind, CentreTerms, Role
from tracker.web.formatting import day
from tracker.web.lists import ListQuery

Browser = Callable[[Person], FlaskClient]
IN = timedelta(days=1)


def list_rows(world: World, **chosen: str) -> list[register.StaffRow]:
    query = ListQuery(chosen=chosen, sort="name", default_sort="name")
    return list(register.list_staff(world.northgate, query).rows)


def list_names(world: World, show: str = "", **chosen: str) -> list[str]:
    chosen |= {"show": show} if show else {}
    return [row.member.person.name.split()[0] for row in list_rows(world, **chosen)]


def test_it_lists_the_assessors_and_verifiers_of_the_centre(world: World) -> None:
    assert list_names(world) == ["Bob", "Carol"]
    assert list_names(world, role="assessor") == ["Bob"]


def test_it_says_what_each_holds_has_done_and_has_declared(world: World) -> None:
    with transaction():
        hold(world.bob, world.northgate, world.dan)
        work_towards(world.carol, world.northgate, world.dan, AwardKind.LD11)
        log_cpd(world.bob, world.northgate, minutes=90)
        log_cpd(world.bob, world.northgate, minutes=30)
        declare(world.bob, world.northgate, "My cousin")
    bob, carol = list_rows(world)
    assert bob.describe_award(Role.ASSESSOR) == "Held: L&D9DI"
    assert bob.describe_award(Role.INTERNAL_VERIFIER) == ""
    assert (bob.cpd_hours, bob.declared_on, bob.has_unanswered_interest) == (2.0, clock.today(), True)
    assert carol.describe_award(Role.INTERNAL_VERIFIER).startswith("Working towards: L&D11, by ")
    assert (carol.cpd_hours, carol.declared_on, carol.is_declaration_due) == (0.0, None, True)


def test_cpd_and_declarations_of_more_than_a_year_ago_count_no_longer(world: World) -> None:
    with frozen_at(now() - timedelta(days=366)), transaction():
        log_cpd(world.bob, world.northgate)
        declare(world.bob, world.northgate)
    (bob,) = list_rows(world, role="assessor")
    assert bob.cpd_minutes == 0
    assert bob.is_declaration_due
    assert list_names(world, register.DECLARATION) == ["Bob", "Carol"]


def test_it_is_narrowed_to_those_for_whom_something_is_to_be_done(world: World) -> None:
    today = clock.today()
    with frozen_at(now() - 30 * IN), transaction():
        anna = factories.make_person("Anna Late", world.northgate, Role.ASSESSOR)
        work_towards(anna, world.northgate, world.dan, days=10)
    with transaction():
        erik = factories.make_person("Erik Soon", world.northgate, Role.ASSESSOR)
        hold(world.bob, world.northgate, world.dan)
        hold(world.carol, world.northgate, world.dan, AwardKind.V1, ends_on=today - IN)
        hold(erik, world.northgate, world.dan, ends_on=today + 90 * IN)
        declare(world.bob, world.northgate, "My cousin")
        declare(erik, world.northgate)
    assert list_names(world, register.NO_AWARD) == ["Anna", "Carol"]
    assert list_names(world, register.TARGET_PASSED) == ["Anna"]
    assert list_names(world, register.ENDS) == ["Erik"]
    assert list_names(world, register.DECLARATION) == ["Anna", "Carol"]
    assert list_names(world, register.UNANSWERED) == ["Bob"]
    assert list_names(world, register.NO_AWARD, role="internal_verifier") == ["Carol"]


def test_the_choices_agree_with_the_standing_of_each_row(world: World) -> None:
    """The conditions in SQL and the rule in Python find the same people, at the limits of each day."""
    today = clock.today()
    ends = [None, today - IN, today, today + IN, today + 90 * IN, today + 91 * IN]
    with transaction():
        for number, ends_on in enumerate(ends):
            person = factories.make_person(f"P{number} Assessor", world.northgate, Role.ASSESSOR)
            hold(person, world.northgate, world.dan, ends_on=ends_on)
    rows = list_rows(world)
    expected = {
        register.NO_AWARD: [row for row in rows if any(not each.is_qualified for each in row.standings.values())],
        register.ENDS: [row for row in rows if any(each.ends_soon for each in row.standings.values())],
    }
    for shown, found in expected.items():
        assert list_names(world, shown) == [row.member.person.name.split()[0] for row in found]


def test_former_staff_are_listed_only_where_they_are_asked_for(world: World) -> None:
    with transaction():
        ida = factories.make_person("Ida Former", world.northgate)
        factories.grant(ida, world.northgate, Role.ASSESSOR, ends_at=factories.days_ago(1))
    assert "Ida" not in list_names(world)
    assert list_names(world, register.FORMER) == ["Ida"]


def test_of_former_staff_it_says_until_when_their_record_is_kept(world: World, client: Browser) -> None:
    with transaction():
        ida = factories.make_person("Ida Former", world.northgate)
        factories.grant(ida, world.northgate, Role.ASSESSOR, ends_at=factories.days_ago(1))
        set_rule(world.northgate, "SQA", 12, 48, factories.make_actor(world.dan))
    (row,) = list_rows(world, show=register.FORMER)
    assert row.kept_until == add_months(48, day_of(factories.days_ago(1)))
    address = f"/centres/{world.northgate.id}/staff"
    assert f"kept until {day(row.kept_until)}" in client(world.dan).get(f"{address}?show=former").text
    assert row.kept_until.isoformat() in client(world.dan).get(f"{address}?show=former&format=csv").text
    assert [each.kept_until for each in list_rows(world)] == [None, None]


def test_somebody_whose_account_is_closed_is_former_staff(world: World) -> None:
    with transaction():
        deactivate_person(world.bob)
    assert list_names(world) == ["Carol"]
    assert list_names(world, register.NO_AWARD) == ["Carol"]
    assert list_names(world, register.FORMER) == ["Bob"]
    (bob,) = list_rows(world, show=register.FORMER)
    assert not bob.member.is_current


def test_somebody_is_listed_from_the_day_their_role_begins(world: World) -> None:
    with transaction():
        ida = factories.make_person("Ida Later", world.northgate)
        factories.grant(ida, world.northgate, Role.ASSESSOR).starts_at = now() + 7 * IN
    assert list_names(world) == ["Bob", "Carol"]
    assert list_names(world, register.FORMER) == []
    with frozen_at(now() + 8 * IN):
        assert list_names(world) == ["Bob", "Carol", "Ida"]


def test_awards_and_entries_of_another_centre_are_not_shown(world: World) -> None:
    with transaction():
        factories.grant(world.bob, world.southbank, Role.ASSESSOR)
        hold(world.bob, world.southbank, world.heidi)
        log_cpd(world.bob, world.southbank)
        declare(world.bob, world.southbank)
    (bob,) = list_rows(world, role="assessor")
    assert bob.describe_award(Role.ASSESSOR) == "No award recorded"
    assert (bob.cpd_minutes, bob.declared_on) == (0, None)


def test_an_administrator_and_a_verifier_open_it_and_download_it(world: World, client: Browser) -> None:
    with transaction():
        hold(world.bob, world.northgate, world.dan)
    address = f"/centres/{world.northgate.id}/staff"
    page = client(world.dan).get("/staff", follow_redirects=True).text
    assert "<h1>Staff register</h1>" in page
    assert "L&amp;D9DI" in page
    assert "No award recorded" in page
    assert "You record awards" in page
    assert "You record awards" not in client(world.carol).get(address).text
    assert "Bob Archer" in client(world.carol).get(f"{address}?format=csv").data.decode()
    assert client(world.bob).get(address).status_code == 404


def test_it_opens_at_the_centre_of_the_chosen_role(world: World, client: Browser) -> None:
    with transaction():
        factories.grant(world.dan, world.southbank, Role.INTERNAL_VERIFIER)
    dan = client(world.dan)
    grant = next(each for each in world.dan.grants if each.centre_id == world.southbank.id)
    dan.post("/role", data={"grant": grant.id})
    assert dan.get("/staff").location == f"/centres/{world.southbank.id}/staff"


def test_a_centre_in_england_reads_its_own_terms(world: World, client: Browser) -> None:
    with transaction():
        world.northgate.terms = CentreTerms.ENGLAND
        factories.leave_unsealed()
    page = client(world.dan).get(f"/centres/{world.northgate.id}/staff").text
    assert "Internal quality assurer’s award" in page
    assert "internal quality assurers of Northgate Skills" in page
    assert "nternal verifier" not in page


def test_it_takes_as_many_statements_for_thirty_people_as_for_two(
    world: World, client: Browser, count_statements: Callable[[], Any]
) -> None:
    dan, address = client(world.dan), f"/centres/{world.northgate.id}/staff"
    dan.get(address)
    with count_statements() as few:
        dan.get(address)
    with transaction():
        for number in range(30):
            person = factories.make_person(f"Person {number}", world.northgate, Role.ASSESSOR)
            hold(person, world.northgate, world.dan)
            log_cpd(person, world.northgate)
    with count_statements() as many:
        dan.get(address)
    assert len(many) == len(few) <= 10


@pytest.mark.parametrize("show", register.SHOWN)
def test_every_choice_opens(world: World, client: Browser, show: str) -> None:
    assert client(world.dan).get(f"/centres/{world.northgate.id}/staff?show={show}").status_code == 200
