"""Canaries, unique words in everything that people write: each export has the person's own and nobody else's.

Erased canaries are searched for in every table and file.
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
from tests.proof.stages import run_with_test_passwords
from tests.records.recordings import make_wav
from tests.stored_files import stored_path
from tracker import clock
from tracker.accounts import sessions
from tracker.accounts.services.account_links import issue_link, set_password
from tracker.accounts.services.people import find_or_create_person, grant_role
from tracker.demo import scenario as demo
from tracker.demo.evidence import DemoItem
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import Grant, Person, Registration, UnitAttempt, WitnessTestimony
from tracker.portfolio.queries.testimonies import list_criteria
from tracker.portfolio.record_content import Question
from tracker.portfolio.services.files import store_file
from tracker.privacy import erasure
from tracker.records.services.authenticating import authenticate_testimony
from tracker.records.services.discussions import save_discussion
from tracker.records.services.drafts import save_observation, start_record
from tracker.records.services.files import attach_to_record
from tracker.records.services.finishing import finish_record
from tracker.records.services.testifying import TypedTestimony, sign_testimony
from tracker.records.services.testimony_requests import AskedTestimony, hand_over
from tracker.registrations.services import withdraw_candidate
from tracker.storage import file_store
from tracker.vocabulary import LinkPurpose, Method, RecordKind, Role, WitnessStatus

ITEMS = 6
EACH = 8
"""The number of canaries in an item: four texts, name and content of its file, its place at work, and Bob's feedback."""
OF_RECORDS = 11
"""The number of canaries in the records of a candidate: questions asked, a discussion, a testimony."""
A_YEAR = timedelta(days=366)


def canary(person: int, number: int) -> str:
    """Return a canary: the first is in the name, the second in the email address, the rest in the items, eight each."""
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


def list_words_of_items(person: int) -> list[str]:
    """Return the canaries erased with the evidence; Bob's feedback is erased with the decisions."""
    in_items = [canary(person, 2 + n) for n in range(ITEMS * EACH) if n % EACH != EACH - 1]
    return in_items + list_words_of_records(person)


def list_words_of_records(person: int) -> list[str]:
    return [canary(person, 2 + ITEMS * EACH + n) for n in range(OF_RECORDS)]


def list_words(person: int) -> list[str]:
    return [canary(person, number) for number in range(2 + ITEMS * EACH + OF_RECORDS)]


def write_records(scenario: demo.Scenario, number: int) -> None:
    """Let Bob ask questions and hold a discussion."""
    words, attempt, bob = (
        list_words_of_records(number),
        find_attempt(scenario, number),
        scenario.actor("Bob", Role.ASSESSOR),
    )
    asked = start_record(attempt, RecordKind.QUESTIONS, bob)
    save_observation(asked, {"narrative": words[0], "questions": (Question(words[1], words[2], "g"),)}, None)
    discussion = start_record(attempt, RecordKind.PROFESSIONAL_DISCUSSION, bob)
    fields = {"areas": words[3], "place": words[4], "starts": "10:00", "ends": "11:00", "stamped_times": "0:01 g"}
    texts = {"narrative": words[5], "transcript": words[6], "agreed_on": clock.today()}
    save_discussion(discussion, {**fields, **texts}, None)
    attach_to_record(discussion, store_file(io.BytesIO(make_wav()), f"{words[7]}.wav"))
    for record in (asked, discussion):
        finish_record(record, bob)


def give_testimony(scenario: demo.Scenario, number: int) -> Iterator[None]:
    """Let the candidate hand over a device, a witness sign on it, and Bob authenticate: each in its own transaction."""
    words, attempt_id = list_words_of_records(number), find_attempt(scenario, number).id
    attempt = db.session.get_one(UnitAttempt, attempt_id)
    proposed = [each.id for each in list_criteria(attempt.unit_id)[:1]]
    asked = AskedTestimony(words[8], "", words[9], clock.today(), "Leeds", proposed)
    token = hand_over(attempt, asked, scenario.actor(f"P{number}", Role.CANDIDATE))
    yield
    typed = TypedTestimony(
        f"Kim {words[8]}", "Manager", "Manager", WitnessStatus.OTHER, is_unrelated=True, narrative=words[10],
        criterion_ids=proposed, signed_name=f"Kim {words[8]}",
    )  # fmt: skip
    testimony_id = sign_testimony(token, typed, "127.0.0.1").id
    yield
    testimony = db.session.get_one(WitnessTestimony, testimony_id)
    attempt = db.session.get_one(UnitAttempt, attempt_id)
    authenticate_testimony(testimony, attempt, scenario.actor("Bob", Role.ASSESSOR))
    yield


def find_attempt(scenario: demo.Scenario, number: int) -> UnitAttempt:
    candidate = scenario.people[f"P{number}"]
    return db.session.scalars(select(UnitAttempt).where(UnitAttempt.candidate_id == candidate.id)).one()


def join(scenario: demo.Scenario, number: int) -> None:
    name, known_as = canary(number, 0), f"P{number}"
    dan = scenario.actor("Dan", Role.ADMINISTRATOR)
    person = find_or_create_person(f"{canary(number, 1)}@example.org", f"Pat {name}", dan)
    scenario.people[known_as] = person
    issue_link(person, LinkPurpose.INVITATION, dan)
    set_password(person, PASSWORD_HASH, Actor(person.id, None, scenario.session_ref), "invitation_accepted")
    grant_role(person, scenario.centre, Role.CANDIDATE, dan)
    demo.register_for_units(scenario, known_as, f"C-{number:04d}", ("CFACC15",))


@pytest.fixture
def people(app_with_signing_key: Flask) -> Iterator[list[int]]:
    """The numbers of the candidates; `find_person` returns their rows."""
    numbers = list(range(choose_size(4, 20)))
    scenario = demo.Scenario()
    scenario.schedule(200, 9, lambda: demo.create_demo_centre(scenario))
    for number in numbers:
        scenario.schedule(100, 9, lambda number=number: join(scenario, number))  # type: ignore[misc]  # binds the loop's value
        for each in range(ITEMS):
            demo.schedule_item(scenario, f"P{number}", item(number, each))
        scenario.schedule(30, 9, lambda number=number: write_records(scenario, number))  # type: ignore[misc]  # binds the loop's value
        steps = give_testimony(scenario, number)
        for minute in (0, 5, 10):
            scenario.schedule(30, 10, lambda steps=steps: next(steps), minute)  # type: ignore[misc]  # binds the loop's value
    run_with_test_passwords(scenario)
    yield numbers
    clock.frozen = None


def find_person(number: int) -> Person:
    return db.session.scalars(select(Person).where(Person.email.startswith(canary(number, 1)))).one()


def download_own_data(app: Flask, number: int) -> str:
    """Return the names and contents of all files in a person's data export."""
    with transaction():
        token = sessions.start_session(find_person(number), "127.0.0.1", "Chrome on Windows", proven=True)
    db.session.remove()
    browser = PlainClient(app, app.response_class)
    browser.set_cookie(sessions.COOKIE_NAME, token)
    with browser.post("/account/data", data={"password": PASSWORD}) as answer:
        assert answer.status_code == 200
        archive = zipfile.ZipFile(io.BytesIO(answer.data))
    return "\n".join(
        [*archive.namelist(), *(archive.read(each).decode(errors="replace") for each in archive.namelist())]
    )


def test_data_export_has_all_of_its_person_and_nothing_of_anybody_else(
    app_with_signing_key: Flask, people: list[int]
) -> None:
    app_with_signing_key.config["DEMO"] = True  # the scenario marks the installation as a demonstration for good
    exports = {number: download_own_data(app_with_signing_key, number) for number in people}
    for number, export in exports.items():
        assert [each for each in list_words(number) if each not in export] == []
        foreign_words = [
            each for other_number in people if other_number != number for each in list_words(other_number)
        ]
        assert [each for each in foreign_words if each in export] == []
    assert list_violations_except_overdue() == []
    record_figures(people=len(people), canaries=len(people) * len(list_words(0)), missing=0, of_others=0)


def read_stored_files() -> str:
    """Return the name and content of every stored file."""
    paths = [stored_path(entry.name) for entry in file_store.list_files()]
    return "\n".join(f"{path} {path.read_bytes().decode(errors='replace')}" for path in paths)


def test_erased_words_are_in_no_table_and_no_file(people: list[int]) -> None:
    evidence_only, fully_erased, not_erased = people[0::3], people[1::3], people[2::3]
    registrations = {
        number: db.session.scalars(select(Registration).where(Registration.candidate_id == find_person(number).id))
        .one()
        .id
        for number in people
    }
    grant = db.session.scalars(select(Grant).where(Grant.role == Role.ADMINISTRATOR)).one()
    dan = Actor(grant.person_id, grant.id, "proof")
    for number in [*evidence_only, *fully_erased]:
        with transaction():
            withdraw_candidate(db.session.get_one(Registration, registrations[number]), "Left", dan)
    for numbers in (evidence_only, fully_erased):
        clock.frozen = clock.now() + 2 * A_YEAR
        for number in numbers:
            with transaction():
                erasure.erase_portfolio(
                    db.session.get_one(Registration, registrations[number]), numbers is fully_erased, dan
                )
    stored_text = dump_database() + read_stored_files()
    erased_words = [word for number in evidence_only for word in list_words_of_items(number)]
    erased_words += [word for number in fully_erased for word in list_words(number)]
    assert [each for each in erased_words if each in stored_text] == []
    kept_words = [word for number in not_erased for word in list_words(number)]
    assert [each for each in kept_words if each not in stored_text] == []
    assert list_violations_except_overdue() == []
    record_figures(erased_words=len(erased_words), found_again=0, kept_words=len(kept_words))
