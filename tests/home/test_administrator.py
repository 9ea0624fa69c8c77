"""An administrator's home: who waits for somebody, invitations not taken up, units held longest, withdrawals."""

import html
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World, make_person
from tracker import clock
from tracker.background import jobs
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.vocabulary import Role

ClientFor = Callable[..., FlaskClient]


def lines(browser: FlaskClient, heading: str) -> list[str]:
    """A section of the page, line by line."""
    page = html.unescape(browser.get("/").text)
    section = page.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in section.split("</li>") if "<li>" in line]


def invite(world: World, name: str) -> Person:
    with transaction():
        person = make_person(name, world.northgate, Role.CANDIDATE)
        person.password_hash = None
    return person


def test_a_new_candidate_waits_for_both(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "Every open unit has an assessor and an internal verifier." in dan.get("/").text
    with transaction():
        ivy = make_person("Ivy Okafor", world.northgate, Role.CANDIDATE)
        factories.make_attempt(factories.make_registration(ivy, world.northgate, world.dan), "CFACC15")
    (line,) = lines(dan, "Needs allocating")
    assert line.startswith("CFACC15 Ivy Okafor needs an assessor and an internal verifier")


def test_a_stopped_worker_is_reported(world: World, client: ClientFor, monkeypatch: pytest.MonkeyPatch) -> None:
    dan, sentence = client(world.dan), "The background worker is not running."
    assert sentence not in dan.get("/").text
    monkeypatch.setattr(jobs.Jobs, "has_worker", lambda _self: False)
    assert sentence in dan.get("/").text


def test_so_does_a_unit_whose_assessor_has_gone(world: World, client: ClientFor) -> None:
    with transaction():
        world.bob.deactivated_at = clock.now()
    waiting = lines(client(world.dan), "Needs allocating")
    assert [line.partition(" ·")[0] for line in waiting] == [
        "CFACC15 Alice Moran needs an assessor",
        "INSCC004 Alice Moran needs an assessor",
    ]


def test_who_has_not_come_yet(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "No pending invitations." in dan.get("/").text
    ivy = invite(world, "Ivy Okafor")
    (line,) = lines(dan, "Pending invitations")
    assert line.startswith("Ivy Okafor invited")
    assert f"/people/{ivy.id}" in dan.get("/").text


def test_whose_role_has_ended_is_no_longer_waited_for(world: World, client: ClientFor) -> None:
    ivy = invite(world, "Ivy Okafor")
    with transaction():
        ivy.grants[0].ends_at = clock.now() - timedelta(hours=1)
    assert lines(client(world.dan), "Pending invitations") == []


def test_units_held_longest_with_whom_and_since_when(world: World, client: ClientFor) -> None:
    first, second = lines(client(world.dan), "Longest in progress")
    assert first == "CFACC15 Alice Moran with Bob Archer since 1 September 2026"
    assert second.startswith("INSCC004")


def test_withdrawals_are_said(world: World, client: ClientFor) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
    dan = client(world.dan)
    (line,) = lines(dan, "Withdrawn candidates")
    assert line.startswith("Alice Moran")
    assert lines(dan, "Longest in progress") == []
    assert lines(dan, "Needs allocating") == []


def test_nothing_of_another_centre(world: World, client: ClientFor) -> None:
    page = client(world.heidi).get("/").text
    assert "Southbank College" in page
    assert "Frank Osei" in page
    assert "Alice Moran" not in page


def test_the_page_takes_as_few_statements_for_many(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with transaction():
        for number in range(15):
            person = make_person(f"Candidate {number}", world.northgate, Role.CANDIDATE)
            factories.make_attempt(factories.make_registration(person, world.northgate, world.dan), "CFACC15")
    dan = client(world.dan)
    with count_statements() as statements:
        page = dan.get("/").text
    assert len(statements) <= 12
    assert page.count("needs an assessor") == 10
