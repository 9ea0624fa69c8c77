"""Changing a registration's numbers: optional at first, kept when changed, and by the centre's administrator alone."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests import factories
from tests.concurrency import run_concurrently
from tests.factories import World
from tests.integrity.tampering import list_violations, tampering_transaction
from tracker import clock
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.sealed_rows import find_changed_rows
from tracker.ledger.transactions import transaction
from tracker.models import Erasure, Registration, RegistrationChange
from tracker.portfolio.queries.warnings import list_draft_warnings
from tracker.registrations.registration_changes import RegistrationNumbers, change_registration
from tracker.registrations.services import register_candidate, withdraw_candidate

ClientFor = Callable[..., FlaskClient]
DAY = date(2026, 11, 2)
NUMBERS = RegistrationNumbers("N-7", "AB-900", DAY)
NOT_REGISTERED = RegistrationNumbers("N-7")


def address(world: World) -> str:
    return f"/registrations/{world.registration.id}/numbers"


def body(**fields: Any) -> dict[str, Any]:
    return {
        "candidate_number": "N-7",
        "awarding_body_number": "AB-900",
        "awarding_body_date": "2026-11-02",
        "changes_seen": "0",
        **fields,
    }


def change(world: World, numbers: RegistrationNumbers, changes_seen: int = 0) -> bool:
    with transaction():
        return change_registration(
            db.session.get_one(Registration, world.registration.id),
            numbers,
            factories.make_actor(world.dan),
            changes_seen=changes_seen,
        )


def list_changes() -> list[RegistrationChange]:
    return list(db.session.scalars(select(RegistrationChange).order_by(RegistrationChange.id)))


def test_an_administrator_changes_numbers_and_date_and_the_earlier_ones_are_kept(
    world: World, client: ClientFor, recorded_acts: Callable[[], list[str]]
) -> None:
    earlier = world.registration.candidate_number, world.registration.awarding_body_number
    dan = client(world.dan)
    response = dan.post(address(world), data=body(candidate_number="  N-7 "))
    assert response.status_code == 303
    page = dan.get(response.location).text
    assert "Candidate N-7 at" in page
    assert "AB-900, 2 November 2026" in page
    history = dan.get(address(world)).text
    assert all(value in history for value in (*earlier, "1 September 2026", "Dan Price"))
    assert [(each.candidate_number, each.awarding_body_number) for each in list_changes()] == [earlier]
    assert recorded_acts() == ["registration_changed"]


def test_the_same_numbers_again_change_nothing(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    assert change(world, NUMBERS)
    assert not change(world, NUMBERS, changes_seen=1)
    assert recorded_acts() == ["registration_changed"]


def test_a_candidate_is_registered_before_the_awarding_body_has_a_number(world: World, client: ClientFor) -> None:
    assert change(world, NOT_REGISTERED)
    path = f"/registrations/{world.registration.id}"
    for person in (world.dan, world.alice):
        assert "Not yet registered" in client(person).get(path).text
    assert (
        "not yet registered with the awarding body"
        in client(world.bob).get(f"/attempts/{world.cfacc15.id}/sign").text
    )


def test_a_new_registration_may_have_neither_number_nor_date(world: World) -> None:
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, factories.Role.CANDIDATE)
        actor = factories.make_actor(world.dan)
        registration = register_candidate(ivy, world.northgate, "N-8", None, None, [factories.unit("CFACC15")], actor)
    assert (registration.awarding_body_number, registration.awarding_body_date) == (None, None)
    assert [each for each in list_violations() if "registration" in each] == []


@pytest.mark.parametrize(
    ("numbers", "field"),
    [
        (RegistrationNumbers("N-7", "AB-900"), "awarding_body_date"),
        (RegistrationNumbers("N-7", None, DAY), "awarding_body_number"),
        (RegistrationNumbers("N-7", "AB-900", clock.today() + timedelta(days=1)), "awarding_body_date"),
    ],
)
def test_number_and_date_come_together_and_not_from_the_future(
    world: World, numbers: RegistrationNumbers, field: str
) -> None:
    with pytest.raises(Invalid) as error:
        change(world, numbers)
    assert error.value.field == field
    assert list_changes() == []


def test_another_candidates_number_is_refused_and_what_was_typed_is_kept(world: World, client: ClientFor) -> None:
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, factories.Role.CANDIDATE)
        used_number = factories.make_registration(ivy, world.northgate, world.dan).candidate_number
    response = client(world.dan).post(address(world), data=body(candidate_number=used_number))
    assert response.status_code == 422
    assert f"has the number {used_number}" in response.text
    assert 'value="AB-900"' in response.text


def test_a_change_over_somebody_elses_later_change_is_refused(world: World, client: ClientFor) -> None:
    change(world, NUMBERS)
    with pytest.raises(Conflict):
        change(world, RegistrationNumbers("N-8", "AB-900", DAY))
    for count in ("0", "", "x"):
        response = client(world.dan).post(address(world), data=body(candidate_number="N-8", changes_seen=count))
        assert response.status_code == 422
    assert len(list_changes()) == 1


def test_only_one_of_two_simultaneous_changes_is_kept(app: Flask, world: World, client: ClientFor) -> None:
    browsers = client(world.dan), client(world.dan)

    def save(number: str) -> Callable[[FlaskClient], Any]:
        return lambda browser: browser.post(address(world), data=body(candidate_number=number)).status_code

    answers = run_concurrently(app, (browsers[0], save("N-7")), (browsers[1], save("N-8")))
    assert sorted(answers) in ([303, 409], [303, 422])
    assert len(list_changes()) == 1


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_nobody_else_changes_a_registration(world: World, client: ClientFor, name: str) -> None:
    browser = client(getattr(world, name))
    assert browser.get(address(world)).status_code == 404
    assert browser.post(address(world), data=body()).status_code == 404
    assert list_changes() == []


def test_numbers_can_be_entered_after_a_withdrawal_and_not_after_an_erasure(world: World) -> None:
    with transaction():
        withdraw_candidate(world.registration, "Alice has left", factories.make_actor(world.dan))
    assert change(world, NUMBERS)
    with transaction():
        erasure = {"erased_at": clock.now(), "erased_by_id": world.dan.id, "is_open": False}
        factories.add_and_flush(Erasure(registration_id=world.registration.id, is_full=True, **erasure))
    with pytest.raises(Refused, match="erased"):
        change(world, NOT_REGISTERED, changes_seen=1)


def test_the_list_shows_who_is_not_yet_registered_alone(world: World, client: ClientFor) -> None:
    with transaction():
        ivy = factories.make_person("Ivy Okafor", world.northgate, factories.Role.CANDIDATE)
        factories.make_registration(ivy, world.northgate, world.dan)
    dan = client(world.dan)
    path = f"/centres/{world.northgate.id}/registrations?show=not-registered"
    assert "No candidate matches these filters." in dan.get(path).text
    assert "with the awarding body" not in dan.get("/").text
    change(world, NOT_REGISTERED)
    page = dan.get(path).text
    assert "Alice Moran" in page
    assert "Ivy Okafor" not in page
    assert path.replace("&", "&amp;") in dan.get("/").text


def test_a_withdrawn_candidate_needs_no_registration_any_more(world: World, client: ClientFor) -> None:
    change(world, NOT_REGISTERED)
    with transaction():
        withdraw_candidate(world.registration, "Alice has left", factories.make_actor(world.dan))
    assert "with the awarding body" not in client(world.dan).get("/").text


def test_evidence_from_before_the_centres_registration_is_warned_of_while_there_is_no_date(
    world: World,
) -> None:
    change(world, NOT_REGISTERED)
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Call of 5 August")
        evidence.happened_from, evidence.happened_until = date(2026, 8, 5), None
        factories.claim(world.cfacc15, evidence, "1")
    assert "It was produced before registration for CFACC15." in [each.text for each in list_draft_warnings(evidence)]


def test_a_change_that_bypasses_the_product_is_reported_by_verify(world: World) -> None:
    change(world, NUMBERS)
    assert [each for each in list_violations() if "registration" in each] == []
    with tampering_transaction():
        db.session.execute(update(RegistrationChange).values(candidate_number="N-9"))
        assert any("registration change" in fault for fault in find_changed_rows(LedgerSnapshot()))
