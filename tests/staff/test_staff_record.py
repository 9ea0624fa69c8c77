"""A person's staff record on screen: who reads it, and what administrators and the person enter in it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.staff.entries import declare, hold, log_cpd, make_competent, work_towards
from tracker import clock
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import CpdEntry, InterestDeclaration, Person, StaffAward, StaffCompetence
from tracker.vocabulary import AwardKind, CentreTerms, Role

Browser = Callable[[Person], FlaskClient]
CERTIFICATE = {
    "awarding_body": "SQA", "certificate_number": "C-1042", "awarded_on": "2020-05-04", "is_seen": "y",
}  # fmt: skip
LONG_REASON = "x" * 2_001


def place(world: World, part: str = "", person: Person | None = None) -> str:
    return f"/centres/{world.northgate.id}/staff/{(person or world.bob).id}{part}"


def load(model: Any) -> Any:
    """Return the only row of a table."""
    db.session.rollback()
    return db.session.scalars(select(model)).one()


def test_the_person_administrators_and_verifiers_of_the_centre_read_it(world: World, client: Browser) -> None:
    with transaction():
        hold(world.bob, world.northgate, world.dan)
        make_competent(world.bob, world.northgate, world.dan)
        log_cpd(world.bob, world.northgate, "Standardisation meeting")
        declare(world.bob, world.northgate, "Candidate C-1042 is my cousin.")
        factories.make_person("Bart Other", world.northgate, Role.ASSESSOR)
    for reader, heading in ((world.bob, "Your staff record"), (world.carol, "Bob Archer"), (world.dan, "Bob Archer")):
        page = client(reader).get(place(world)).text
        assert heading in re.findall("<h1>(.*?)</h1>", page)[0]
        for words in ("L&amp;D9DI", "C-77", "CFACC15", "Standardisation meeting", "1.5", "is my cousin"):
            assert words in page, (reader.name, words)


def test_nobody_else_reads_it(world: World, client: Browser) -> None:
    with transaction():
        bart = factories.make_person("Bart Other", world.northgate, Role.ASSESSOR)
    for reader in (world.alice, bart, world.eve, world.grace, world.heidi):
        for part in ("", "/cpd", "/record.pdf"):
            assert client(reader).get(place(world, part)).status_code == 404, (reader.name, part)


def test_there_is_none_of_somebody_who_neither_assesses_nor_verifies(world: World, client: Browser) -> None:
    assert client(world.dan).get(place(world, person=world.alice)).status_code == 404
    assert client(world.dan).get(place(world, person=world.grace)).status_code == 404


def test_each_reads_the_acts_that_are_theirs(world: World, client: Browser) -> None:
    with transaction():
        work_towards(world.bob, world.northgate, world.dan)
        log_cpd(world.bob, world.northgate)
        declare(world.bob, world.northgate, "My cousin")
    for reader, expected in (
        (world.dan, {"Record an award", "Record competence", "Confirm", "Remove", "Answer"}),
        (world.bob, {"Add CPD", "Declare interests", "Remove", "End"}),
        (world.carol, set()),
    ):
        page = client(reader).get(place(world)).text
        shown = {
            words
            for words in (
                "Record an award",
                "Record competence",
                "Confirm",
                "Answer",
                "Add CPD",
                "Declare interests",
                "Remove",
                "End",
            )
            if re.search(rf">{words}<", page)
        }
        assert shown == expected, reader.name


def test_an_administrator_records_a_held_award_once(
    world: World, client: Browser, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    assert "Is it held?" in dan.get(place(world, "/awards/add")).text
    body = {**CERTIFICATE, "kind": "ld9di", "state": "held", "idempotency_key": "one"}
    for _ in range(2):
        assert dan.post(place(world, "/awards/add"), data=body).location == place(world)
    assert load(StaffAward).certificate_number == "C-1042"
    assert recorded_acts() == ["award_recorded"]
    assert "seen by Dan Price" in dan.get(place(world)).text


def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_is_kept(world: World, client: Browser) -> None:
    body = {**CERTIFICATE, "kind": "ld9di", "state": "held", "certificate_number": "", "awarding_body": "City Guild"}
    answer = client(world.dan).post(place(world, "/awards/add"), data=body)
    assert answer.status_code == 422
    assert "Enter the number of the certificate." in answer.text
    assert 'value="City Guild"' in answer.text


def test_an_award_worked_towards_is_confirmed_on_its_own_page(world: World, client: Browser) -> None:
    dan = client(world.dan)
    target = clock.today() + timedelta(days=200)
    body = {"kind": "other_assessing", "title": "CAVA", "state": "planned", "target_on": target.isoformat()}
    dan.post(place(world, "/awards/add"), data=body)
    award = load(StaffAward)
    assert (award.name, award.target_on) == ("CAVA", target)
    address = place(world, f"/awards/{award.id}/confirm")
    assert "Confirm CAVA" in dan.get(address).text
    assert dan.post(address, data=CERTIFICATE).status_code == 303
    assert load(StaffAward).is_held
    assert dan.post(address, data=CERTIFICATE).status_code == 422


def test_a_centre_in_england_calls_an_award_by_its_own_name(world: World, client: Browser) -> None:
    with transaction():
        world.northgate.terms = CentreTerms.ENGLAND
        factories.leave_unsealed()
    dan, name = client(world.dan), "Certificate of an internal verifier (IV)"
    target = clock.today() + timedelta(days=200)
    body = {"kind": "other_assessing", "title": name, "state": "planned", "target_on": target.isoformat()}
    dan.post(place(world, "/awards/add"), data=body)
    register = f"/centres/{world.northgate.id}/staff"
    confirmation = place(world, f"/awards/{load(StaffAward).id}/confirm")
    for address in (place(world), confirmation, register, f"{register}?format=csv"):
        assert name in dan.get(address).data.decode(), address
    dan.post(confirmation, data=CERTIFICATE)
    for address in (place(world), register, f"{register}?format=csv"):
        assert name in dan.get(address).data.decode(), address


def test_an_award_is_removed_with_a_reason_and_no_longer_shown(world: World, client: Browser) -> None:
    with transaction():
        award = hold(world.bob, world.northgate, world.dan)
    dan, address = client(world.dan), place(world, f"/awards/{award.id}/remove")
    assert "no longer counts" in dan.get(address).text
    assert dan.post(address, data={"reason": LONG_REASON}).status_code == 422
    assert dan.post(address, data={"reason": "Not his"}).status_code == 303
    assert "No award recorded" in dan.get(place(world)).text
    assert dan.get(address).status_code == 404


def test_competence_names_a_unit_of_the_library_or_a_sector(world: World, client: Browser) -> None:
    dan, address = client(world.dan), place(world, "/competence/add")
    answer = dan.post(address, data={"unit_code": "NOSUCH1", "basis": "Eight years"})
    assert answer.status_code == 422
    assert "There is no unit with this code" in answer.text
    assert dan.post(address, data={"unit_code": " cfacc15 ", "basis": "Eight years"}).status_code == 303
    competence = load(StaffCompetence)
    assert competence.unit_code == "CFACC15"
    assert dan.post(place(world, f"/competence/{competence.id}/remove"), data={"reason": "Wrong"}).status_code == 303
    assert "No occupational competence recorded" in dan.get(place(world)).text


def test_an_assessor_logs_cpd_in_hours(world: World, client: Browser) -> None:
    bob, address = client(world.bob), place(world, "/cpd/add")
    body = {
        "title": "Course",
        "happened_on": clock.today().isoformat(),
        "hours": "1.75",
        "learning": "Shorter questions",
    }
    for hours in ("", "0", "x", "1001", "-1", "NaN"):
        answer = bob.post(address, data=body | {"hours": hours})
        assert answer.status_code == 422, hours
    assert bob.post(address, data=body).location == place(world)
    entry = load(CpdEntry)
    assert entry.minutes == 105
    assert "1.75 hours in the last 12 months" in bob.get(place(world)).text
    bob.post(place(world, f"/cpd/{entry.id}/remove"), data={"reason": "Entered twice"})
    assert "No CPD yet." in bob.get(place(world)).text


def test_the_whole_cpd_log_is_searched_and_downloaded(world: World, client: Browser) -> None:
    with transaction():
        for number in range(12):
            log_cpd(world.bob, world.northgate, f"Course {number}")
    bob = client(world.bob)
    assert bob.get(place(world)).text.count(">Course ") == 10
    assert bob.get(place(world, "/cpd")).text.count(">Course ") == 12
    assert bob.get(place(world, "/cpd?q=course+11")).text.count(">Course ") == 1
    assert "No entry matches" in bob.get(place(world, "/cpd?until=2020-01-01")).text
    assert client(world.carol).get(place(world, "/cpd?format=csv")).data.decode().count("Course") == 12


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "Choose what you declare."),
        ({"what": "something"}, "Enter whom or what it concerns."),
        ({"what": "nothing", "interest": "My cousin"}, "Choose that you have one"),
    ],
)
def test_a_declaration_says_one_thing(world: World, client: Browser, body: dict[str, str], error: str) -> None:
    answer = client(world.bob).post(place(world, "/interests/add"), data=body)
    assert answer.status_code == 422
    assert error in answer.text


def test_an_interest_is_declared_answered_and_ended(world: World, client: Browser) -> None:
    bob, dan = client(world.bob), client(world.dan)
    bob.post(place(world, "/interests/add"), data={"what": "something", "interest": "Candidate C-7 is my cousin."})
    interest = place(world, f"/interests/{load(InterestDeclaration).id}")
    assert "is my cousin" in dan.get(f"{interest}/answer").text
    assert dan.post(f"{interest}/answer", data={"answer": "Gwen assesses her."}).status_code == 303
    assert "Gwen assesses her." in bob.get(place(world)).text
    answer = bob.post(place(world, "/interests/add"), data={"what": "nothing"})
    assert answer.status_code == 422
    assert "End it first" in answer.text
    assert bob.post(f"{interest}/end", data={"reason": "She left."}).status_code == 303
    assert bob.post(place(world, "/interests/add"), data={"what": "nothing"}).status_code == 303
    page = bob.get(place(world)).text
    assert "No conflict of interest" in page
    assert "She left." in page


def test_an_administrator_who_assesses_writes_their_own_cpd_and_records_nothing_of_themselves(
    world: World, client: Browser
) -> None:
    with transaction():
        factories.grant(world.dan, world.northgate, Role.ASSESSOR)
    dan = client(world.dan)
    page = dan.get(place(world, person=world.dan)).text
    assert "Add CPD" in page
    assert "Record an award" not in page
    body = {**CERTIFICATE, "kind": "a1", "state": "held"}
    answer = dan.post(place(world, "/awards/add", world.dan), data=body)
    assert answer.status_code == 422
    assert "your own staff record" in answer.text


def test_carol_reads_and_does_not_record(world: World, client: Browser) -> None:
    with transaction():
        entry = log_cpd(world.bob, world.northgate)
    carol = client(world.carol)
    assert carol.post(place(world, "/awards/add"), data={}).status_code == 404
    assert carol.post(place(world, "/cpd/add"), data={}).status_code == 403
    assert carol.post(place(world, f"/cpd/{entry.id}/remove"), data={"reason": "x"}).status_code == 403


def test_an_entry_of_somebody_else_is_not_reached_through_another_record(world: World, client: Browser) -> None:
    with transaction():
        of_carol = work_towards(world.carol, world.northgate, world.dan, AwardKind.V1)
        elsewhere = hold(world.grace, world.southbank, world.heidi)
    dan = client(world.dan)
    for award in (of_carol, elsewhere):
        assert dan.get(place(world, f"/awards/{award.id}/remove")).status_code == 404


def test_people_find_their_record_and_administrators_the_register(world: World, client: Browser) -> None:
    assert place(world) in client(world.bob).get("/account").text
    assert "staff record" not in client(world.alice).get("/account").text
    dan = client(world.dan)
    register = f"/centres/{world.northgate.id}/staff"
    for page in ("/people", "/settings"):
        assert register in dan.get(page, follow_redirects=True).text, page
    assert place(world) in dan.get(f"/centres/{world.northgate.id}/people/{world.bob.id}").text
    assert "Staff register" in client(world.carol).get("/verification").text


def test_a_staff_record_takes_few_statements(
    world: World, client: Browser, count_statements: Callable[[], Any]
) -> None:
    with transaction():
        for kind in (AwardKind.A1, AwardKind.LD9DI):
            hold(world.bob, world.northgate, world.dan, kind)
        for _ in range(3):
            make_competent(world.bob, world.northgate, world.dan)
            log_cpd(world.bob, world.northgate)
            declare(world.bob, world.northgate, "My cousin")
    dan = client(world.dan)
    dan.get(place(world))
    with count_statements() as statements:
        dan.get(place(world))
    assert len(statements) <= 9
