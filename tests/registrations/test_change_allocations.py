"""Allocating many units in one act: ticked in the list, previewed with each refusal, then all of them or none."""

import html
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests import factories
from tests.assessment import workflow
from tests.concurrency import run_concurrently
from tests.factories import World, make_actor, make_person
from tests.integrity.tampering import list_violations
from tracker import clock
from tracker.errors import Conflict, Invalid, NotFound
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Allocation, Person, UnitAttempt
from tracker.registrations.allocation_plans import MAX_UNITS, AllocationPlan, carry_out_plan, plan_allocations
from tracker.registrations.allocations import allocate, allocate_all
from tracker.registrations.views import allocations
from tracker.vocabulary import AttemptState, Role

ClientFor = Callable[..., FlaskClient]


@pytest.fixture
def gina(world: World) -> Person:
    """Another assessor at Northgate."""
    with transaction():
        return make_person("Gina Holt", world.northgate, Role.ASSESSOR)


@pytest.fixture
def both(world: World) -> list[int]:
    """The ids of Alice's two attempts, which Bob assesses and Carol verifies."""
    return [world.cfacc15.id, world.inscc004.id]


def address(world: World) -> str:
    return f"/centres/{world.northgate.id}/allocations/change"


def plan(world: World, attempts: list[int], assessor: Person, reason: str = "Leave") -> AllocationPlan:
    return plan_allocations(world.northgate, attempts, {Role.ASSESSOR: assessor}, reason, make_actor(world.dan))


def list_allocated(attempt_id: int, role: Role = Role.ASSESSOR) -> list[str]:
    """The names of the people to whom the attempt was allocated, first to last."""
    query = select(Allocation).where(Allocation.attempt_id == attempt_id, Allocation.role == role)
    return [each.person.name for each in db.session.scalars(query.order_by(Allocation.id))]


def read_hidden_fields(page: str) -> dict[str, list[str]]:
    """The hidden fields of the page's form, as a browser would send them."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page):
        fields.setdefault(name, []).append(value)
    return fields


def choose(attempts: list[int], assessor: Person, **fields: Any) -> dict[str, Any]:
    defaults = {"attempt": attempts, "assessor": assessor.id, "internal_verifier": 0, "reason": "Bob leaves"}
    return {**defaults, **fields}


def test_ticked_units_are_previewed_and_then_reallocated(
    world: World, client: ClientFor, gina: Person, both: list[int], recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    page = dan.get(address(world), query_string={"attempt": both}).text
    assert "Allocate 2 units" in page
    preview = dan.post(address(world), data=choose(both, gina))
    assert preview.status_code == 200
    assert "<b>2 units</b> will be allocated. Nothing has been changed yet." in " ".join(preview.text.split())
    assert preview.text.count("instead of Bob Archer") == 2
    assert list_allocated(both[0]) == list_allocated(both[1]) == ["Bob Archer"]
    assert recorded_acts() == []
    answer = dan.post(address(world), data=read_hidden_fields(preview.text) | {"act": "allocate"})
    assert answer.status_code == 303
    assert "2 units allocated to Gina Holt." in dan.get(answer.location).text
    assert list_allocated(both[0]) == list_allocated(both[1]) == ["Bob Archer", "Gina Holt"]
    assert recorded_acts() == ["allocation_ended", "allocation_made"] * 2


def test_assessor_and_verifier_are_chosen_together(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    with transaction():
        attempts = [factories.make_attempt(world.registration, code).id for code in ("DELIVERCC", "CFAM&LFD3")]
    dan = client(world.dan)
    fields = choose(attempts, world.bob, internal_verifier=world.carol.id, reason="")
    preview = dan.post(address(world), data=fields)
    dan.post(address(world), data=read_hidden_fields(preview.text) | {"act": "allocate"})
    for attempt in attempts:
        assert list_allocated(attempt) == ["Bob Archer"]
        assert list_allocated(attempt, Role.INTERNAL_VERIFIER) == ["Carol Hughes"]
    assert recorded_acts() == ["allocation_made"] * 4
    words = " ".join(preview.text.split())
    assert "Submitted evidence appears in the assessor’s queue." in words
    assert "former assessor" not in words, "these units had none"


def test_preview_says_what_the_former_assessor_loses(
    world: World, client: ClientFor, gina: Person, both: list[int]
) -> None:
    with transaction():
        world.bob.grants[0].ends_at = clock.now()
    preview = client(world.dan).post(address(world), data=choose(both, gina)).text
    assert "What the former assessor has not finished does not count." in preview
    assert preview.count("instead of Bob Archer (no longer has this role)") == 2


def test_preview_names_each_refusal_and_the_others_can_be_allocated(
    world: World, client: ClientFor, both: list[int]
) -> None:
    """Carol verifies both units; she has no unit that she verifies to assess, but another one she may."""
    with transaction():
        factories.grant(world.carol, world.northgate, Role.ASSESSOR)
        free = factories.make_attempt(world.registration, "DELIVERCC").id
    dan = client(world.dan)
    preview = dan.post(address(world), data=choose([*both, free], world.carol))
    text = " ".join(preview.text.split())
    assert "<b>1 unit</b> will be allocated." in text
    assert "<b>2 units</b> cannot be allocated to the people chosen." in text
    assert text.count("The same person cannot assess and verify a unit. Choose somebody else.") == 2
    dan.post(address(world), data=read_hidden_fields(preview.text) | {"act": "allocate"})
    assert list_allocated(free) == ["Carol Hughes"]
    assert list_allocated(both[0]) == ["Bob Archer"]


@pytest.fixture
def versatile(world: World) -> World:
    """Bob may verify too, and Carol may assess."""
    with transaction():
        factories.grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
        factories.grant(world.carol, world.northgate, Role.ASSESSOR)
    return world


def test_assessor_and_verifier_are_exchanged_in_one_act(
    versatile: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    """It was refused, because Carol was checked as assessor while she was still the verifier."""
    world, dan, staff = (
        versatile,
        client(versatile.dan),
        {Role.ASSESSOR: versatile.bob, Role.INTERNAL_VERIFIER: versatile.carol},
    )
    with transaction():
        attempts = [factories.make_attempt(world.registration, code) for code in ("DELIVERCC", "CFAM&LFD3")]
        allocate_all(attempts, staff, "", make_actor(world.dan))
        both = [attempt.id for attempt in attempts]
    violations = list_violations()
    fields = choose(both, world.carol, internal_verifier=world.bob.id, reason="They were mixed up")
    preview = dan.post(address(world), data=fields)
    assert "<b>2 units</b> will be allocated." in preview.text
    assert preview.text.count("instead of Bob Archer") == preview.text.count("instead of Carol Hughes") == 2
    dan.post(address(world), data=read_hidden_fields(preview.text) | {"act": "allocate"})
    for attempt in both:
        assert list_allocated(attempt) == ["Bob Archer", "Carol Hughes"]
        assert list_allocated(attempt, Role.INTERNAL_VERIFIER) == ["Carol Hughes", "Bob Archer"]
    assert recorded_acts()[4:] == (["allocation_ended"] * 2 + ["allocation_made"] * 2) * 2
    assert list_violations() == violations, "no check of integrity minds the exchange"


def test_nobody_is_exchanged_with_themselves_or_after_their_work(versatile: World, both: list[int]) -> None:
    world = versatile
    people = {Role.ASSESSOR: world.carol, Role.INTERNAL_VERIFIER: world.carol}
    actor = make_actor(world.dan)
    one, _ = plan_allocations(world.northgate, both, people, "Leave", actor).units
    assert one.refusal == "The same person cannot assess and verify a unit. Choose somebody else."
    workflow.submit_item(world.cfacc15, "Complaint", "1")
    _, version, claims = workflow.submit_item(world.cfacc15, "Letter", "2")
    workflow.accept(world.cfacc15, version, world.bob, claims)
    people = {Role.ASSESSOR: world.carol, Role.INTERNAL_VERIFIER: world.bob}
    assessed, untouched = plan_allocations(world.northgate, both, people, "Leave", actor).units
    assert (
        "Somebody who has assessed or countersigned a candidate’s unit, or was a witness in it, cannot verify it"
        in (assessed.refusal or "")
    )
    assert untouched.refusal is None


def test_list_is_shown_again_as_it_was_searched_and_sorted(
    world: World, client: ClientFor, gina: Person, both: list[int]
) -> None:
    """Filter, search and page were lost after each act."""
    dan = client(world.dan)
    listed = f"/centres/{world.northgate.id}/allocations"
    query = {"q": "alice", "sort": "-unit", "size": "25", "state": "in_progress"}
    page = dan.get(listed, query_string=query).text
    (kept,) = read_hidden_fields(page)["list"]
    answer = dan.get(address(world), query_string={"list": html.unescape(kept)})
    assert urlsplit(answer.location).path == listed
    assert dict(parse_qsl(urlsplit(answer.location).query)) == query, "also where nothing was ticked"
    choice = dan.get(address(world), query_string={"attempt": both, "list": html.unescape(kept)}).text
    assert f'href="{html.escape(answer.location)}">Allocations</a>' in choice
    fields = {name: [html.unescape(each) for each in values] for name, values in read_hidden_fields(choice).items()}
    preview = dan.post(address(world), data=fields | choose(both, gina)).text
    fields = {name: [html.unescape(each) for each in values] for name, values in read_hidden_fields(preview).items()}
    assert dan.post(address(world), data=fields | {"act": "allocate"}).location == answer.location


def test_list_to_return_to_is_never_another_address(world: World, client: ClientFor) -> None:
    for text in ("//example.org", "https://example.org/?q=a", "endpoint=x&_external=1", "&" * 10_000, "page=x"):
        answer = client(world.dan).get(address(world), query_string={"list": text})
        assert urlsplit(answer.location).path == f"/centres/{world.northgate.id}/allocations"
        assert "example" not in answer.location


def test_each_rule_of_a_single_allocation_is_asked_for_each_unit(world: World, gina: Person, both: list[int]) -> None:
    with transaction():
        factories.grant(world.alice, world.northgate, Role.ASSESSOR)
        world.inscc004.state = AttemptState.VOID
    first, void = plan(world, both, world.alice).units
    assert first.refusal == "Nobody can assess their own work."
    assert void.refusal == "This unit is void."
    assert "does not have the role of assessor" in (plan(world, both, world.grace).units[0].refusal or "")
    with transaction():
        world.registration.withdrawn_at = clock.now()
    assert all("has been withdrawn" in (unit.refusal or "") for unit in plan(world, both, gina).units)


def test_units_allocated_to_the_person_already_stay(world: World, client: ClientFor, both: list[int]) -> None:
    page = client(world.dan).post(address(world), data=choose(both, world.bob)).text
    assert "Nothing can be changed." in page
    assert "<b>2 units</b> are allocated to them already." in " ".join(page.split())
    assert 'value="allocate"' not in page


def test_reason_is_needed_only_where_somebody_else_is_allocated(
    world: World, client: ClientFor, gina: Person, both: list[int]
) -> None:
    with transaction():
        free = factories.make_attempt(world.registration, "DELIVERCC").id
    assert plan(world, [free], gina, "").changed
    response = client(world.dan).post(address(world), data=choose([*both, free], gina, reason=" "))
    assert response.status_code == 422
    assert "Enter the reason for the change." in response.text
    assert f'<option selected value="{gina.id}">' in response.text


def test_nobody_chosen_changes_nothing(world: World, client: ClientFor, both: list[int]) -> None:
    response = client(world.dan).post(address(world), data=choose(both, world.bob) | {"assessor": 0})
    assert response.status_code == 422
    assert "Choose an assessor, an internal verifier or both." in response.text


def test_chosen_people_can_be_chosen_again(world: World, client: ClientFor, gina: Person, both: list[int]) -> None:
    dan = client(world.dan)
    preview = dan.post(address(world), data=choose(both, gina))
    page = dan.post(address(world), data=read_hidden_fields(preview.text) | {"act": "choose"})
    assert page.status_code == 200
    assert f'<option selected value="{gina.id}">' in page.text
    assert "Bob leaves" in page.text


def test_no_ticked_unit_leads_back_to_the_list(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    response = dan.get(address(world))
    assert response.status_code == 303
    assert "Tick at least one unit." in dan.get(response.location).text


def test_all_units_of_a_page_are_ticked_without_javascript(world: World, client: ClientFor) -> None:
    dan, list_address = client(world.dan), f"/centres/{world.northgate.id}/allocations"
    assert dan.get(list_address).text.count(" checked") == 0
    assert dan.get(list_address + "?tick=all").text.count(" checked") == 2


def test_units_of_another_centre_are_not_found(world: World, client: ClientFor, gina: Person) -> None:
    other_ids = [world.franks_attempt.id]
    assert client(world.dan).get(address(world), query_string={"attempt": other_ids}).status_code == 404
    assert client(world.dan).get(address(world), query_string={"attempt": "x"}).status_code == 404
    with pytest.raises(NotFound), transaction():
        carry_out_plan(world.northgate, other_ids, {Role.ASSESSOR: gina}, "Leave", make_actor(world.dan), digest="")


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_can_change_allocations(
    world: World, client: ClientFor, gina: Person, both: list[int], name: str
) -> None:
    browser = client(getattr(world, name))
    assert browser.get(address(world), query_string={"attempt": both}).status_code == 404
    fields = choose(both, gina, planned=both, act="allocate")
    assert browser.post(address(world), data=fields).status_code == 404
    assert list_allocated(both[0]) == ["Bob Archer"]


def test_more_units_than_the_limit_are_refused(world: World, gina: Person) -> None:
    with pytest.raises(Invalid, match=f"at most {MAX_UNITS} units"):
        plan(world, list(range(1, MAX_UNITS + 2)), gina)


def test_change_since_the_preview_is_shown_and_nothing_is_changed(
    world: World, client: ClientFor, gina: Person, both: list[int], recorded_acts: Callable[[], list[str]]
) -> None:
    """Another administrator reallocated one of the units meanwhile."""
    with transaction():
        hugh = make_person("Hugh Bell", world.northgate, Role.ASSESSOR)
    dan = client(world.dan)
    preview = dan.post(address(world), data=choose(both, gina))
    with transaction():
        allocate(world.cfacc15, hugh, Role.ASSESSOR, "Leave", make_actor(world.dan))
    answer = dan.post(address(world), data=read_hidden_fields(preview.text) | {"act": "allocate"})
    assert answer.status_code == 422
    assert "The allocations have changed since the preview." in answer.text
    assert "instead of Hugh Bell" in answer.text
    assert list_allocated(both[0]) == ["Bob Archer", "Hugh Bell"]
    assert list_allocated(both[1]) == ["Bob Archer"]
    assert recorded_acts() == ["allocation_ended", "allocation_made"]


def test_one_refused_unit_leaves_all_as_they_were(world: World, gina: Person, both: list[int]) -> None:
    planned = plan(world, both, gina)
    with transaction():
        world.inscc004.state = AttemptState.VOID
    with pytest.raises(Exception, match="void"), transaction():
        carry_out_plan(
            world.northgate, both, {Role.ASSESSOR: gina}, "Leave", make_actor(world.dan), digest=planned.digest
        )
    assert list_allocated(both[0]) == ["Bob Archer"]


def test_two_administrators_at_the_same_time_change_each_unit_once(
    app: Flask, world: World, client: ClientFor, gina: Person, both: list[int]
) -> None:
    with transaction():
        dora = make_person("Dora Quinn", world.northgate, Role.ADMINISTRATOR)
    browsers = [client(world.dan), client(dora)]
    forms = [read_hidden_fields(each.post(address(world), data=choose(both, gina)).text) for each in browsers]
    change_address = address(world)
    answers = run_concurrently(
        app,
        *(
            (
                browser,
                lambda browser, fields=fields: (
                    browser.post(change_address, data=fields | {"act": "allocate"}).status_code
                ),
            )
            for browser, fields in zip(browsers, forms, strict=True)
        ),
    )
    assert sorted(answers) == [303, 422]
    assert list_allocated(both[0]) == list_allocated(both[1]) == ["Bob Archer", "Gina Holt"]


def test_deadlock_with_another_act_is_shown_as_a_change_by_somebody_else(
    world: World, client: ClientFor, gina: Person, both: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadlock(*_: object, **__: object) -> None:
        raise OperationalError("SELECT 1", {}, psycopg.errors.DeadlockDetected("deadlock detected"))

    dan = client(world.dan)
    fields = read_hidden_fields(dan.post(address(world), data=choose(both, gina)).text) | {"act": "allocate"}
    monkeypatch.setattr(allocations, "carry_out_plan", deadlock)
    answer = dan.post(address(world), data=fields)
    assert answer.status_code == 409
    assert "Somebody else changed this" in answer.text


def test_form_sent_twice_allocates_once(world: World, client: ClientFor, gina: Person, both: list[int]) -> None:
    dan = client(world.dan)
    fields = read_hidden_fields(dan.post(address(world), data=choose(both, gina)).text) | {"act": "allocate"}
    first, second = dan.post(address(world), data=fields), dan.post(address(world), data=fields)
    assert (first.status_code, second.status_code, second.location) == (303, 303, first.location)
    assert list_allocated(both[0]) == ["Bob Archer", "Gina Holt"]


def test_conflict_is_raised_for_another_plan(world: World, gina: Person, both: list[int]) -> None:
    with pytest.raises(Conflict), transaction():
        carry_out_plan(world.northgate, both, {Role.ASSESSOR: gina}, "Leave", make_actor(world.dan), digest="another")


def test_choosing_takes_the_same_statements_for_two_units_as_for_forty(
    world: World,
    client: ClientFor,
    both: list[int],
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    with transaction():
        other_ids = [
            factories.make_attempt(factories.make_registration(candidate, world.northgate, world.dan), "DELIVERCC").id
            for candidate in (make_person(f"Ivy {n}", world.northgate, Role.CANDIDATE) for n in range(38))
        ]
    dan, counts = client(world.dan), []
    for attempt_ids in (both, [*both, *other_ids]):
        with count_statements() as statements:
            assert dan.get(address(world), query_string={"attempt": attempt_ids}).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 14


def test_reallocating_takes_the_same_statements_for_two_units_as_for_twenty(
    world: World, gina: Person, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with transaction():
        attempts = [
            factories.make_attempt(factories.make_registration(candidate, world.northgate, world.dan), "DELIVERCC")
            for candidate in (make_person(f"Ivy {n}", world.northgate, Role.CANDIDATE) for n in range(22))
        ]
        allocate_all(attempts, {Role.ASSESSOR: world.bob}, "", make_actor(world.dan))
        ids = [attempt.id for attempt in attempts]
    counts = []
    for chosen in (ids[:2], ids[2:]):
        db.session.expire_all()
        with count_statements() as statements:
            preview = plan(world, chosen, gina)
            with transaction():
                carry_out_plan(
                    world.northgate,
                    chosen,
                    {Role.ASSESSOR: gina},
                    "Leave",
                    make_actor(world.dan),
                    digest=preview.digest,
                )
        assert len(preview.changed) == len(chosen)
        # SQLite takes a statement for each row that it numbers.
        counts.append(len([each for each in statements if not each.startswith("INSERT INTO allocation")]))
    assert counts[0] == counts[1] <= 35, counts


def test_attempts_are_listed_by_candidate_and_unit(world: World, gina: Person, both: list[int]) -> None:
    assert [(unit.candidate, unit.code) for unit in plan(world, both[::-1], gina).units] == [
        ("Alice Moran", "CFACC15"),
        ("Alice Moran", "INSCC004"),
    ]
    assert db.session.get(UnitAttempt, both[0]) is not None
