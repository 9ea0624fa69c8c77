"""The administrator's home page: units to allocate, pending invitations, longest in progress, withdrawals."""

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
    """Return the lines of a section of the page."""
    page = html.unescape(browser.get("/").text)
    section = page.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in section.split("</li>") if "<li>" in line]


def invite(world: World, name: str) -> Person:
    with transaction():
        person = make_person(name, world.northgate, Role.CANDIDATE)
        person.password_hash = None
    return person


def test_new_candidate_needs_an_assessor_and_a_verifier(world: World, client: ClientFor) -> None:
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


def test_unit_needs_allocating_when_its_assessor_loses_the_role(world: World, client: ClientFor) -> None:
    with transaction():
        world.bob.deactivated_at = clock.now()
    waiting = lines(client(world.dan), "Needs allocating")
    assert [line.partition(" ·")[0] for line in waiting] == [
        "CFACC15 Alice Moran needs an assessor",
        "INSCC004 Alice Moran needs an assessor",
    ]


def test_pending_invitations_are_listed(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "No pending invitations." in dan.get("/").text
    ivy = invite(world, "Ivy Okafor")
    (line,) = lines(dan, "Pending invitations")
    assert line.startswith("Ivy Okafor invited")
    assert f"/people/{ivy.id}" in dan.get("/").text


def test_invitation_with_an_ended_role_is_not_listed(world: World, client: ClientFor) -> None:
    ivy = invite(world, "Ivy Okafor")
    with transaction():
        ivy.grants[0].ends_at = clock.now() - timedelta(hours=1)
    assert lines(client(world.dan), "Pending invitations") == []


def test_units_longest_in_progress_are_listed_with_their_assessors(world: World, client: ClientFor) -> None:
    first, second = lines(client(world.dan), "Longest in progress")
    assert first == "CFACC15 Alice Moran allocated to Bob Archer since 1 September 2026"
    assert second.startswith("INSCC004")


def test_withdrawn_candidates_are_listed(world: World, client: ClientFor) -> None:
    with transaction():
        world.registration.withdrawn_at = clock.now()
    dan = client(world.dan)
    (line,) = lines(dan, "Withdrawn candidates")
    assert line.startswith("Alice Moran")
    assert lines(dan, "Longest in progress") == []
    assert lines(dan, "Needs allocating") == []


def test_nothing_of_another_centre_is_shown(world: World, client: ClientFor) -> None:
    page = client(world.heidi).get("/").text
    assert "Southbank College" in page
    assert "Frank Osei" in page
    assert "Alice Moran" not in page


def test_page_takes_as_few_statements_for_many_units(
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
