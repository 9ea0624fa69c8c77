"""Canaries: words found nowhere else in everything that people write. Each finds their own, and nobody another's.

What is erased is looked for in every table and every file.
"""

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests.factories import PASSWORD, PASSWORD_HASH
from tests.inspection import PlainClient
from tests.privacy.database_dump import dump_database, list_violations_except_overdue
from tests.proof.proof_size import choose_size, record_figures
from tracker import clock
from tracker.accounts import sessions
from tracker.accounts.services.people import grant_role
from tracker.demo import scenario as demo
from tracker.demo.evidence import DemoItem
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Grant, Person, Registration
from tracker.privacy import erasure
from tracker.registrations.services import withdraw_candidate
from tracker.storage import file_store
from tracker.vocabulary import Method, Role

ITEMS = 6
EACH = 8
"""Canaries in an item: its four texts, its file's name and words, where something is kept, and what Bob said of it."""
A_YEAR = timedelta(days=366)


def canary(person: int, number: int) -> str:
    """The first is in the name, the second in the address, the rest in the items, eight each."""
    return f"qx{person:02d}z{number:02d}qx"


def item(person: int, number: int) -> DemoItem:
    words = [canary(person, 2 + number * EACH + each) for each in range(EACH)]
    return DemoItem(
        title=f"Item {words[0]}",
        method=Method.WORK_PRODUCT,
        days_ago=40,
        occasion=f"Shift {words[1]}",
        customers=f"Customer {words[2]}",
        narrative=f"I did {words[3]} myself.",
        claims={"CFACC15": str(number + 1)},
        file=(f"{words[4]}.txt", f"The words {words[5]}".encode),
        workplace=(f"Cupboard {words[6]}", "The records office", ""),
        feedback=f"Well told: {words[7]}.",
    )


def of_items(person: int) -> list[str]:
    """What goes with the evidence; what Bob said goes with the decisions."""
    return [canary(person, 2 + n) for n in range(ITEMS * EACH) if n % EACH != EACH - 1]


def everything_of(person: int) -> list[str]:
    return [canary(person, number) for number in range(2 + ITEMS * EACH)]


def join(scenario: demo.Scenario, number: int) -> None:
    name, known_as = canary(number, 0), f"P{number}"
    person = Person(name=f"Pat {name}", email=f"{canary(number, 1)}@example.org", created_at=clock.now())
    db.session.add(person)
    db.session.flush()
    scenario.people[known_as] = person
    grant_role(person, scenario.centre, Role.CANDIDATE, scenario.actor("Dan", Role.ADMINISTRATOR))
    demo.register_for_units(scenario, known_as, f"C-{number:04d}", ("CFACC15",))


@pytest.fixture
def people(app_with_signing_key: Flask) -> Iterator[list[int]]:
    """Their numbers, whose ids come from `who`."""
    numbers = list(range(choose_size(4, 20)))
    scenario = demo.Scenario()
    scenario.schedule(200, 9, lambda: demo.create_demo_centre(scenario))
    for number in numbers:
        scenario.schedule(100, 9, lambda number=number: join(scenario, number))  # type: ignore[misc]  # binds the loop's value
        for each in range(ITEMS):
            demo.schedule_item(scenario, f"P{number}", item(number, each))
    scenario.run()
    with transaction():
        for person in db.session.scalars(select(Person)):
            person.password_hash = PASSWORD_HASH
    yield numbers
    clock.frozen = None


def who(number: int) -> Person:
    return db.session.scalars(select(Person).where(Person.email.startswith(canary(number, 1)))).one()


def own_data(app: Flask, number: int) -> str:
    """All that is in the ZIP that a person takes: the names and the bytes of its files."""
    with transaction():
        token = sessions.start_session(who(number), "127.0.0.1", "Chrome on Windows", proven=True)
    db.session.remove()
    browser = PlainClient(app, app.response_class)
    browser.set_cookie(sessions.COOKIE_NAME, token)
    with browser.post("/account/data", data={"password": PASSWORD}) as answer:
        assert answer.status_code == 200
        archive = zipfile.ZipFile(io.BytesIO(answer.data))
    return "\n".join(
        [*archive.namelist(), *(archive.read(each).decode(errors="replace") for each in archive.namelist())]
    )


def test_own_data_holds_all_ones_own_and_nothing_of_anybody_else(
    app_with_signing_key: Flask, people: list[int]
) -> None:
    app_with_signing_key.config["DEMO"] = True  # the scenario's installation is marked for good
    found = {number: own_data(app_with_signing_key, number) for number in people}
    for number, written in found.items():
        assert [each for each in everything_of(number) if each not in written] == []
        others = [each for other in people if other != number for each in everything_of(other)]
        assert [each for each in others if each in written] == []
    assert list_violations_except_overdue() == []
    record_figures(people=len(people), canaries=len(people) * len(everything_of(0)), missing=0, of_others=0)


def kept_in_files() -> str:
    """The name and the bytes of every file that the storage holds."""
    return "\n".join(
        f"{path} {path.read_bytes().decode(errors='replace')}" for path in sorted(file_store.list_files())
    )


def test_what_is_erased_is_in_no_table_and_no_file(people: list[int]) -> None:
    evidence_only, whole, others = people[0::3], people[1::3], people[2::3]
    registrations = {
        number: db.session.scalars(select(Registration).where(Registration.candidate_id == who(number).id)).one().id
        for number in people
    }
    grant = db.session.scalars(select(Grant).where(Grant.role == Role.ADMINISTRATOR)).one()
    dan = Actor(grant.person_id, grant.id, "proof")
    for number in [*evidence_only, *whole]:
        with transaction():
            withdraw_candidate(db.session.get_one(Registration, registrations[number]), "Left", dan)
    for numbers in (evidence_only, whole):
        clock.frozen = clock.now() + 2 * A_YEAR
        for number in numbers:
            with transaction():
                erasure.erase_portfolio(
                    db.session.get_one(Registration, registrations[number]), numbers is whole, dan
                )
    left = dump_database() + kept_in_files()
    gone = [word for number in evidence_only for word in of_items(number)]
    gone += [word for number in whole for word in everything_of(number)]
    assert [each for each in gone if each in left] == []
    kept = [word for number in others for word in everything_of(number)]
    assert [each for each in kept if each not in left] == []
    assert list_violations_except_overdue() == []
    record_figures(erased_words=len(gone), found_again=0, kept_words=len(kept))
