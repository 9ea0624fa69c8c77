"""Visits: an external verifier reads the units in scope on the dates of the visit, and nothing else."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.factories import World
from tests.list_pages import walk
from tracker import clock
from tracker.errors import NotFound, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import UnitAttempt, Visit
from tracker.registrations import person_choices
from tracker.registrations.visits import end_visit, open_visit
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]


def address(world: World) -> str:
    return f"/centres/{world.northgate.id}/visits"


def fill_form(world: World, *attempts: UnitAttempt, start: int = 0, end: int = 2, **fields: Any) -> dict[str, Any]:
    """Open a visit for Eve, from and until so many days from now."""
    today = clock.today()
    return {
        "person": str(world.eve.id),
        "starts": (today + timedelta(days=start)).isoformat(),
        "ends": (today + timedelta(days=end)).isoformat(),
        "attempts": [str(each.id) for each in attempts],
        **fields,
    }


def visits() -> list[Visit]:
    return list(db.session.scalars(select(Visit).order_by(Visit.id)))


def test_external_verifier_reads_the_units_in_scope_only(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    eve = client(world.eve)
    assert eve.get(f"/attempts/{world.cfacc15.id}").status_code == 404
    dan = client(world.dan)
    response = dan.post(address(world), data=fill_form(world, world.cfacc15))
    assert response.status_code == 303
    page = dan.get(response.location).text
    assert "The visit of Eve Lindqvist is open." in page
    assert "CFACC15 of Alice Moran" in page
    assert eve.get(f"/attempts/{world.cfacc15.id}").status_code == 200
    assert eve.get(f"/attempts/{world.inscc004.id}").status_code == 404
    assert recorded_acts() == ["visit_opened"]


def test_visit_covers_whole_days_in_london(
    world: World, client: ClientFor, freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(datetime(2027, 7, 6, 9, tzinfo=UTC))
    data = fill_form(world, world.cfacc15) | {"starts": "2027-07-07", "ends": "2027-07-08"}
    client(world.dan).post(address(world), data=data)
    (visit,) = visits()
    assert visit.starts_at == datetime(2027, 7, 6, 23, 0, tzinfo=UTC)
    assert clock.day_of(visit.ends_at) == date(2027, 7, 8)
    assert visit.ends_at > datetime(2027, 7, 8, 22, 59, tzinfo=UTC)


def test_nothing_can_be_read_outside_the_dates_of_a_visit(
    world: World, client: ClientFor, freeze_clock: Callable[[datetime], None]
) -> None:
    client(world.dan).post(address(world), data=fill_form(world, world.cfacc15, start=1, end=2))
    path = f"/attempts/{world.cfacc15.id}"
    assert client(world.eve).get(path).status_code == 404
    now = clock.now()
    freeze_clock(now + timedelta(days=1, hours=12))
    assert client(world.eve).get(path).status_code == 200
    freeze_clock(now + timedelta(days=4))
    assert client(world.eve).get(path).status_code == 404


def test_external_verifier_is_emailed(world: World, client: ClientFor, emails_to: Callable[..., list[str]]) -> None:  # noqa: F811 - the fixture
    data = fill_form(world, world.cfacc15) | {"starts": "2026-11-30", "ends": "2099-12-01"}
    client(world.dan).post(address(world), data=data)
    assert "from 30 November 2026 until the end of 1 December 2099" in emails_to(world.eve)[0].replace("\n", " ")


@pytest.mark.parametrize(
    "end", [datetime(2027, 7, 8, 23, 0, tzinfo=UTC), datetime(2027, 7, 8, 22, 59, 59, tzinfo=UTC)]
)
def test_visit_is_shown_with_its_last_day_and_no_time(
    world: World,
    client: ClientFor,
    freeze_clock: Callable[[datetime], None],
    emails_to: Callable[..., list[str]],  # noqa: F811 - the fixture
    end: datetime,
) -> None:
    freeze_clock(datetime(2027, 7, 8, 9, tzinfo=UTC))
    with transaction():
        open_visit(world.eve, world.northgate, clock.now(), end, [world.cfacc15], factories.make_actor(world.dan))
    administrators_page = client(world.dan).get(address(world)).text
    assert '<td data-label="Last day">8 July 2027</td>' in administrators_page
    visitors_page = client(world.eve).get("/visit").text
    assert "until the end of 8 July 2027." in " ".join(visitors_page.split())
    assert "until the end of 8 July 2027" in emails_to(world.eve)[0].replace("\n", " ")
    for page in (administrators_page, visitors_page):
        assert "9 July 2027" not in page
        assert "00:00" not in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"person": "0"}, "Choose the external verifier."),
        ({"attempts": []}, "Choose the units in scope."),
        ({"starts": ""}, "Enter the first day."),
        ({"ends": ""}, "Enter the last day."),
        ({"ends": "2001-01-01"}, "Enter a last day that is not before the first day."),
        ({"starts": "2001-01-01", "ends": "2001-01-02"}, "Enter a last day that is not in the past."),
        ({"ends": "9999-12-31"}, "Enter a date"),
    ],
)
def test_missing_input_is_explained_and_the_ticks_are_kept(
    world: World, client: ClientFor, changes: dict[str, Any], sentence: str
) -> None:
    response = client(world.dan).post(address(world), data=fill_form(world, world.inscc004) | changes)
    assert response.status_code == 422
    assert sentence in response.text
    if "attempts" not in changes:
        assert f'value="{world.inscc004.id}" checked' in response.text
    assert visits() == []


def test_attempts_of_another_centre_are_refused(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(address(world), data=fill_form(world, world.franks_attempt))
    assert response.status_code == 422
    now, by_dan = clock.now(), factories.make_actor(world.dan)
    with pytest.raises(NotFound), transaction():
        open_visit(world.eve, world.northgate, now, now + timedelta(days=1), [world.franks_attempt], by_dan)


def test_visit_needs_the_role_of_external_verifier(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(address(world), data=fill_form(world, world.cfacc15, person=str(world.bob.id)))
    assert response.status_code == 422
    now, by_dan = clock.now(), factories.make_actor(world.dan)
    with pytest.raises(Refused, match="role of external verifier"), transaction():
        open_visit(world.bob, world.northgate, now, now + timedelta(days=1), [world.cfacc15], by_dan)


def make_visit(world: World, **days: int) -> Visit:
    now = clock.now()
    start, end = now + timedelta(days=days.get("start", 0)), now + timedelta(days=days.get("end", 2))
    with transaction():
        return open_visit(world.eve, world.northgate, start, end, [world.cfacc15], factories.make_actor(world.dan))


def end_address(world: World, visit: Visit) -> str:
    return f"{address(world)}/{visit.id}/end"


def test_administrator_ends_a_visit_early(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    visit, eve, dan = make_visit(world), client(world.eve), client(world.dan)
    assert eve.get(f"/attempts/{world.cfacc15.id}").status_code == 200
    response = dan.post(end_address(world, visit))
    assert response.status_code == 303
    page = dan.get(response.location).text
    assert "ended</span>" in page
    assert "End now" not in page
    assert eve.get(f"/attempts/{world.cfacc15.id}").status_code == 404
    assert recorded_acts() == ["visit_opened", "visit_ended"]


def test_visit_can_be_ended_once(world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]) -> None:
    visit, dan = make_visit(world), client(world.dan)
    dan.post(end_address(world, visit))
    response = dan.post(end_address(world, visit))
    assert response.status_code == 409
    assert "This visit has already ended." in response.text
    assert recorded_acts() == ["visit_opened", "visit_ended"]


def test_ended_future_visit_never_starts(world: World, freeze_clock: Callable[[datetime], None]) -> None:
    freeze_clock(clock.now())
    visit = make_visit(world, start=5, end=6)
    with transaction():
        end_visit(visit, factories.make_actor(world.dan))
    assert visit.starts_at < visit.ends_at <= clock.now()


def test_visit_of_another_centre_cannot_be_ended(world: World, client: ClientFor) -> None:
    visit, heidi = make_visit(world), client(world.heidi)
    assert heidi.post(end_address(world, visit)).status_code == 404
    assert heidi.post(f"/centres/{world.southbank.id}/visits/{visit.id}/end").status_code == 404
    assert visit.ends_at > clock.now()


def test_page_says_what_to_do_without_external_verifiers(world: World, client: ClientFor) -> None:
    page = client(world.heidi).get(f"/centres/{world.southbank.id}/visits").text
    assert "Nobody has the role of external verifier here yet." in page


def test_page_says_what_to_do_without_units(world: World, client: ClientFor) -> None:
    with transaction():
        empty = factories.make_centre("Westgate", "WG-300")
        ken = factories.make_person("Ken Doyle", empty, Role.ADMINISTRATOR)
        factories.grant(world.eve, empty, Role.EXTERNAL_VERIFIER)
    assert "No units to read yet." in client(ken).get(f"/centres/{empty.id}/visits").text


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_open_or_end_visits(
    world: World, client: ClientFor, name: str
) -> None:
    visit, browser = make_visit(world), client(getattr(world, name))
    assert browser.get(address(world)).status_code == 404
    assert browser.post(address(world), data=fill_form(world, world.inscc004)).status_code == 404
    assert browser.post(end_address(world, visit)).status_code == 404
    assert len(visits()) == 1


def test_page_takes_as_few_statements_for_many_visits(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    for _ in range(5):
        make_visit(world)
    dan = client(world.dan)
    with count_statements() as statements:
        dan.get(address(world))
    assert len(statements) <= 12


def test_every_visit_can_be_reached(world: World, client: ClientFor) -> None:
    """The list is shown a page at a time and says so; none of it is left out."""
    with transaction():
        for number in range(30):
            start = clock.now() - timedelta(days=100 * (number + 1))
            db.session.add(
                Visit(
                    centre_id=world.northgate.id,
                    person_id=world.eve.id,
                    starts_at=start,
                    ends_at=start + timedelta(days=1),
                    opened_by_id=world.dan.id,
                    opened_at=start,
                )
            )
    dan = client(world.dan)
    first, second = walk(dan, f"{address(world)}?size=25")
    assert "1–25 of 30" in first
    assert "26–30 of 30" in second
    assert "No visit matches these filters." in dan.get(f"{address(world)}?state=open").text
    assert "1–30 of 30" in dan.get(f"{address(world)}?state=ended&q=EVE").text


def test_refused_visit_keeps_the_list_as_it_was_filtered(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    dan.post(address(world), data=fill_form(world, world.cfacc15))
    response = dan.post(f"{address(world)}?state=ended&format=csv", data={})
    assert response.status_code == 422
    assert "No visit matches these filters." in response.text


def test_many_candidates_of_a_visit_are_searched_for(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_choices, "MAX_CHOICES", 1)
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        attempt = factories.make_attempt(factories.make_registration(ivy, world.northgate, world.dan), "CFACC15")
    dan = client(world.dan)
    page = dan.get(address(world)).text
    assert "Find a candidate" in page
    assert "Ivy Okafor: 1 unit" not in page
    form = fill_form(world, world.cfacc15)
    found = dan.post(address(world), data={**form, "act": "find", "find_candidates": "ivy"})
    assert found.status_code == 200
    assert "Ivy Okafor: 1 unit" in found.text
    assert f'value="{world.cfacc15.id}" checked' in found.text
    assert visits() == []
    data = {**form, "candidates": [str(ivy.id)]}
    assert dan.post(address(world), data=data).status_code == 303
    (visit,) = visits()
    assert {each.attempt_id for each in visit.attempts} == {world.cfacc15.id, attempt.id}


def test_a_candidate_with_two_registrations_counts_once(
    world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One candidate fits in a list of one, and neither is searched for nor said to be one of several."""
    monkeypatch.setattr(person_choices, "MAX_CHOICES", 1)
    with transaction():
        again = factories.make_registration(world.alice, world.northgate, world.dan, candidate_number="NG-2")
        factories.make_attempt(again, "INSCC004")
    page = client(world.dan).get(address(world)).text
    assert page.count('name="candidates"') == 1
    assert "Find a candidate" not in page
    assert "More people match" not in page
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        factories.make_attempt(factories.make_registration(ivy, world.northgate, world.dan), "CFACC15")
    form = fill_form(world, act="find", find_candidates="alice")
    found = client(world.dan).post(address(world), data=form).text
    assert "Alice Moran: " in found
    assert "More people match" not in found


def test_all_units_of_a_candidate_are_chosen_with_one_box(world: World, client: ClientFor) -> None:
    """Forty candidates with eight units each are 40 boxes, not 320."""
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        attempt = factories.make_attempt(factories.make_registration(ivy, world.northgate, world.dan), "CFACC15")
    dan = client(world.dan)
    page = dan.get(address(world)).text
    assert "Alice Moran: all 2 units" in page
    assert "Ivy Okafor: 1 unit" in page
    assert page.count('name="candidates"') == 2
    data = fill_form(world, attempt, candidates=[str(world.alice.id)])
    assert dan.post(address(world), data=data).status_code == 303
    (visit,) = visits()
    assert {each.attempt_id for each in visit.attempts} == {world.cfacc15.id, world.inscc004.id, attempt.id}


def test_ticked_units_stay_ticked_and_in_view_after_a_refusal(world: World, client: ClientFor) -> None:
    answer = client(world.dan).post(address(world), data=fill_form(world, world.cfacc15, person=""))
    assert answer.status_code == 422
    assert "<details open>" in answer.text
    assert answer.text.count(" checked") == 1


def test_candidate_of_another_centre_is_refused(world: World, client: ClientFor) -> None:
    data = fill_form(world, candidates=[str(world.frank.id)])
    answer = client(world.dan).post(address(world), data=data)
    assert answer.status_code == 422
    assert "Choose the units in scope." in answer.text
    assert visits() == []
