"""Import of registrations and allocations with the people, from one CSV file: by the rules of the single forms."""

import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests import factories
from tests.concurrency import run_concurrently
from tests.factories import World, make_actor, make_person
from tests.integrity.tampering import list_violations
from tests.library.unit_versions import UNITS
from tracker import clock
from tracker.accounts.services.people import find_person
from tracker.errors import Conflict, Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.services.loading import load_unit
from tracker.models import Allocation, Event, Person, Registration, UnitAttempt
from tracker.registrations.allocation_plans import carry_out_plan, plan_allocations
from tracker.registrations.imports.importing import import_rows, preview_import
from tracker.registrations.imports.outcomes import ImportPreview
from tracker.registrations.services import void_attempt, withdraw_candidate
from tracker.vocabulary import AttemptState, CentreTerms, Role
from tracker.web.formatting import day

ClientFor = Callable[..., FlaskClient]
EmailsTo = Callable[..., list[str]]
HEAD = (
    "name,email,roles,candidate number,qualification,registration number,registration date,units,"
    "assessor email,internal verifier email\n"
)
BOB, CAROL = "bob.archer@example.org", "carol.hughes@example.org"
IVY = f"Ivy Okafor,ivy@example.org,candidate,C-101,,AB-900,22/10/2026,CFACC15; INSCC004,{BOB},{CAROL}\n"
JACK = f"Jack Tan,jack@example.org,,C-102,EX-SVQ3-CC,,,DELIVERCC,{BOB},\n"


def address(world: World) -> str:
    return f"/centres/{world.northgate.id}/people/import"


def preview(text: str, world: World) -> ImportPreview:
    return preview_import(HEAD + text, world.northgate, make_actor(world.dan))


def import_all(text: str, world: World) -> ImportPreview:
    digest = preview(text, world).digest
    with transaction():
        return import_rows(HEAD + text, world.northgate, make_actor(world.dan), digest=digest)


def list_errors(text: str, world: World) -> list[tuple[int, str, str]]:
    return [(row.number, row.column, row.error) for row in preview(text, world).invalid]


def get_registration(number: str) -> Registration:
    return db.session.scalars(select(Registration).where(Registration.candidate_number == number)).one()


def list_allocated(registration: Registration) -> list[tuple[str, str, str]]:
    """The unit, the role and the name of each current allocation."""
    query = (
        select(Allocation)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(UnitAttempt.registration_id == registration.id, Allocation.ends_at.is_(None))
        .order_by(Allocation.id)
    )
    codes = {attempt.id: attempt.unit.code for attempt in registration.attempts}
    return [(codes[each.attempt_id], each.role.value, each.person.name) for each in db.session.scalars(query)]


def count_rows() -> tuple[int, ...]:
    db.session.rollback()
    return tuple(
        db.session.scalar(select(func.count()).select_from(model)) or 0
        for model in (Person, Registration, UnitAttempt, Allocation, Event)
    )


def test_preview_says_what_each_row_adds_and_writes_nothing(world: World, client: ClientFor) -> None:
    before = count_rows()
    response = client(world.dan).post(address(world), data={"text": HEAD + IVY + JACK})
    text = " ".join(response.text.split())
    assert response.status_code == 200
    assert (
        "<b>2 new people, 2 new roles, 2 new registrations, 3 new units, 5 new allocations</b>. "
        "Nothing has been imported yet."
    ) in text
    for part in (
        "new here; role candidate; registration C-101; units CFACC15, INSCC004; assessor Bob Archer for CFACC15",
        "internal verifier Carol Hughes for CFACC15, INSCC004<",
        "registration C-102 for EX-SVQ3-CC",
    ):
        assert part in text
    assert count_rows() == before


def test_import_registers_and_allocates_in_one_act(
    world: World, client: ClientFor, emails_to: EmailsTo, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    page = dan.post(address(world), data={"text": HEAD + IVY + JACK}).text
    digest = re.search(r'name="digest" value="([^"]*)"', page)
    answer = dan.post(address(world), data={"text": HEAD + IVY + JACK, "act": "import", "digest": digest[1]})
    assert answer.status_code == 303
    ivy, jack = get_registration("C-101"), get_registration("C-102")
    assert (ivy.awarding_body_number, ivy.awarding_body_date) == ("AB-900", date(2026, 10, 22))
    assert (jack.awarding_body_number, jack.awarding_body_date, jack.qualification.code) == (None, None, "EX-SVQ3-CC")
    assert ivy.candidate.name == "Ivy Okafor"
    assert list_allocated(ivy) == [
        ("CFACC15", "assessor", "Bob Archer"),
        ("INSCC004", "assessor", "Bob Archer"),
        ("CFACC15", "internal_verifier", "Carol Hughes"),
        ("INSCC004", "internal_verifier", "Carol Hughes"),
    ]
    assert recorded_acts() == [
        *["person_invited", "grant_given", "link_issued"] * 2,
        *["candidate_registered", "attempt_started", "attempt_started", *["allocation_made"] * 4],
        *["candidate_registered", "attempt_started", "allocation_made"],
    ]
    (bobs,), (carols,) = emails_to(world.bob), emails_to(world.carol)
    assert bobs.startswith("3 units have been allocated to you")
    assert carols.startswith("2 units have been allocated to you")
    assert len(emails_to("ivy@example.org")) == 2, "the invitation, and who the assessor is"
    assert "Emails to the new people are on their way." in dan.get(answer.location).text


def test_same_file_again_changes_nothing(world: World, client: ClientFor) -> None:
    import_all(IVY + JACK, world)
    before = count_rows()
    second_import = import_all(IVY + JACK, world)
    assert (second_import.new, len(second_import.unchanged)) == ((), 2)
    assert second_import.unchanged[0].kept == (
        "role candidate",
        "registration C-101",
        "units CFACC15, INSCC004",
        "assessor Bob Archer for CFACC15, INSCC004",
        "internal verifier Carol Hughes for CFACC15, INSCC004",
    )
    assert count_rows() == before
    page = client(world.dan).post(address(world), data={"text": HEAD + IVY}).text
    assert "There is nothing to import: everything exists already." in page


def test_row_of_an_existing_candidate_adds_the_registration_only(
    world: World, recorded_acts: Callable[[], list[str]]
) -> None:
    result = import_all("Alice M,alice.moran@example.org,candidate,C-300,,,,DELIVERCC,,\n", world)
    assert result.rows[0].new == ("registration C-300", "unit DELIVERCC")
    assert result.rows[0].kept == ("role candidate", "the name Alice Moran (the file’s Alice M is ignored)")
    assert recorded_acts() == ["candidate_registered", "attempt_started"]
    assert find_person("alice.moran@example.org").name == "Alice Moran"


def test_staff_may_be_named_in_a_later_row(world: World) -> None:
    text = "Kim Lau,kim@example.org,,C-1,,,,CFACC15,asha@example.org,\nAsha Patel,asha@example.org,assessor,,,,,,,\n"
    assert import_all(text, world).totals["allocations"] == 1
    assert list_allocated(get_registration("C-1")) == [("CFACC15", "assessor", "Asha Patel")]


def test_rows_with_the_same_candidate_number_add_their_units(world: World) -> None:
    result = import_all(IVY + IVY.replace("CFACC15; INSCC004", "DELIVERCC"), world)
    assert [row.error for row in result.rows] == ["", ""]
    codes = [attempt.unit.code for attempt in get_registration("C-101").attempts]
    assert codes == ["CFACC15", "INSCC004", "DELIVERCC"]


def test_unit_is_found_by_an_identifier(world: World) -> None:
    import_all("Kim Lau,kim@example.org,,C-1,,,,h128/04,,\n", world)
    assert [attempt.unit.code for attempt in get_registration("C-1").attempts] == ["CFACC15"]


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("Kim,kim@example.org,,,,,,CFACC15,,", "candidate number", "The candidate number is missing, and units is"),
        (f"Kim,kim@example.org,,{'9' * 41},,,,CFACC15,,", "candidate number", "at most 40 characters"),
        ("Kim,kim@example.org,,C-1,,,,NOSUCH,,", "units", "“NOSUCH” is not the code of a unit in your library."),
        ("Kim,kim@example.org,,C-1,NOSUCH,,,CFACC15,,", "qualification", "not the code of a qualification"),
        ("Kim,kim@example.org,,C-1,,,,,,", "units", "Name a qualification or at least one unit."),
        (f"Kim,kim@example.org,,C-1,EX-SVQ3-CC,,,,{BOB},", "units", "Name the units that are allocated."),
        ("Kim,kim@example.org,,C-1,,AB-1,1/1/2099,CFACC15,,", "registration date", "not in the future"),
        ("Kim,kim@example.org,,C-1,,AB-1,soon,CFACC15,,", "registration date", "“soon” is not a date"),
        ("Kim,kim@example.org,,C-1,,AB-1,,CFACC15,,", "registration date", "Enter the registration date too"),
        ("Kim,kim@example.org,assessor,C-1,,,,CFACC15,,", "roles", "needs the role candidate"),
        (
            "Kim,kim@example.org,,C-1,,,,CFACC15,nobody@example.org,",
            "assessor email",
            "has the role of assessor here",
        ),
        (f"Kim,kim@example.org,,C-1,,,,CFACC15,{CAROL},", "assessor email", "has the role of assessor here"),
        (
            "Kim,kim@example.org,,C-1,,,,CFACC15,,grace.lam@example.org",
            "internal verifier email",
            "Nobody with the address “grace.lam@example.org” has the role of internal verifier here.",
        ),
        ("Dan,dan.price@example.org,,C-1,,,,CFACC15,,", "roles", "You cannot give yourself a role."),
    ],
)
def test_each_rule_is_asked_and_names_the_row_and_the_column(
    world: World, row: str, column: str, reason: str
) -> None:
    ((number, error_column, error),) = list_errors(f"{IVY}{row}\n", world)
    assert (number, error_column) == (3, column)
    assert reason in error


def test_candidate_number_of_another_candidate_is_refused(world: World) -> None:
    number = world.registration.candidate_number
    ((_, column, error),) = list_errors(f"Kim,kim@example.org,,{number},,,,CFACC15,,\n", world)
    assert (column, error) == (
        "candidate number",
        f"Another candidate at this centre has the number {number}. Enter a different one.",
    )


def test_duties_stay_separate(world: World) -> None:
    with transaction():
        factories.grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
        factories.grant(world.alice, world.northgate, Role.ASSESSOR)
    own_row = "Alice,alice.moran@example.org,,C-1,,,,DELIVERCC,alice.moran@example.org,\n"
    text = f"Kim,kim@example.org,,C-2,,,,CFACC15,{BOB},{BOB}\n{own_row}"
    assert list_errors(text, world) == [
        (2, "internal verifier email", "The same person cannot assess and verify a unit. Choose somebody else."),
        (3, "assessor email", "Nobody can assess their own work."),
    ]


def test_error_of_a_colleague_is_named_in_the_rows_that_need_them(world: World) -> None:
    text = "Asha,asha@example.org,owner,,,,,,,\nKim,kim@example.org,,C-1,,,,CFACC15,asha@example.org,\n"
    assert list_errors(text, world)[1] == (3, "assessor email", "Row 2, with this address, has an error.")


def test_one_refused_row_imports_nothing(world: World) -> None:
    before = count_rows()
    with pytest.raises(Invalid, match="nothing was imported"), transaction():
        import_rows(
            f"{HEAD}{IVY}Kim,kim@example.org,,C-1,,,,NOSUCH,,\n", world.northgate, make_actor(world.dan), digest=""
        )
    assert count_rows() == before


def test_other_allocation_that_exists_stays_and_the_preview_says_so(world: World) -> None:
    with transaction():
        make_person("Gina Holt", world.northgate, Role.ASSESSOR)
    number = world.registration.candidate_number
    row = f"Alice Moran,alice.moran@example.org,,{number},,AB-7,1/9/2026,CFACC15; DELIVERCC,gina.holt@example.org,\n"
    row_result = import_all(row, world).rows[0]
    assert row_result.new == ("unit DELIVERCC", "assessor Gina Holt for DELIVERCC")
    assert (
        f"registration number {world.registration.awarding_body_number} (the file’s AB-7 is ignored)"
        in row_result.kept
    )
    assert "assessor Bob Archer for CFACC15 (the file’s Gina Holt is ignored)" in row_result.kept
    assert ("CFACC15", "assessor", "Bob Archer") in list_allocated(world.registration)


def test_other_registration_date_of_the_file_is_said_to_be_ignored(world: World) -> None:
    registration = world.registration
    number, body_number = registration.candidate_number, registration.awarding_body_number
    row = f"Alice Moran,alice.moran@example.org,,{number},,{body_number},22/10/2026,CFACC15,,\n"
    (row_result,) = import_all(row, world).unchanged
    kept = f"registration date {day(registration.awarding_body_date)} (the file’s 22 October 2026 is ignored)"
    assert kept in row_result.kept


def test_earlier_candidate_number_is_the_fault_not_the_unit(world: World) -> None:
    """Alice's number was changed since the file was written, so her units are found under the new one."""
    number = world.registration.candidate_number
    with transaction():
        world.registration.candidate_number = "NG-2007"
    row = f"Alice Moran,alice.moran@example.org,,{number},,,,CFACC15; INSCC004,,\n"
    ((_, column, error),) = list_errors(row, world)
    assert column == "candidate number"
    assert error == (
        "The candidate already has CFACC15 under the candidate number NG-2007. Use that number, or leave the unit out."
    )


def test_void_units_and_withdrawn_candidates_stay_as_they_are(world: World) -> None:
    import_all(IVY + JACK, world)
    with transaction():
        void_attempt(get_registration("C-101").attempts[0], "Wrong unit", make_actor(world.dan))
        withdraw_candidate(get_registration("C-102"), "Left", make_actor(world.dan))
    second_import = import_all(IVY + JACK.replace("DELIVERCC", "DELIVERCC; CFACC15"), world)
    assert second_import.new == ()
    assert get_registration("C-101").attempts[0].state is AttemptState.VOID
    assert "registration C-102 (withdrawn)" in second_import.rows[1].kept
    assert len(get_registration("C-102").attempts) == 1


def test_change_since_the_preview_shows_a_new_one_and_imports_nothing(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    page = dan.post(address(world), data={"text": HEAD + IVY}).text
    digest = re.search(r'name="digest" value="([^"]*)"', page)[1]
    import_all(IVY.replace("CFACC15; INSCC004", "CFACC15"), world)
    before = count_rows()
    answer = dan.post(address(world), data={"text": HEAD + IVY, "act": "import", "digest": digest})
    assert answer.status_code == 422
    assert "have changed since the preview. Nothing was imported." in answer.text
    assert "<b>1 new unit, 2 new allocations</b>" in answer.text
    assert count_rows() == before
    with pytest.raises(Conflict), transaction():
        import_rows(HEAD + IVY, world.northgate, make_actor(world.dan), digest=digest)


def test_two_administrators_import_the_same_file_once(app: Flask, world: World, client: ClientFor) -> None:
    with transaction():
        dora = make_person("Dora Quinn", world.northgate, Role.ADMINISTRATOR)
    digest = preview(IVY + JACK, world).digest
    import_address, fields = address(world), {"text": HEAD + IVY + JACK, "act": "import", "digest": digest}
    answers = run_concurrently(
        app,
        *(
            (client(person), lambda browser: browser.post(import_address, data=fields).status_code)
            for person in (world.dan, dora)
        ),
    )
    assert sorted(answers) in ([303, 409], [303, 422])
    assert len(get_registration("C-101").attempts) == 2
    assert len(find_person("ivy@example.org").grants) == 1


def test_installation_without_emails_says_how_new_people_learn_of_it(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    page = dan.post(address(world), data={"text": HEAD + IVY}).text
    assert "This installation sends no emails. New people get an invitation link from you." in page
    digest = re.search(r'name="digest" value="([^"]*)"', page)[1]
    answer = dan.post(address(world), data={"text": HEAD + IVY, "act": "import", "digest": digest})
    assert "Make the new people’s links under Invitation links" in dan.get(answer.location).text


def test_example_can_be_imported_as_it_is(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    response = dan.get(address(world) + "/example")
    assert response.headers["Content-Disposition"] == "attachment; filename=people-example.csv"
    file = (io.BytesIO(response.data), "people-example.csv")
    page = dan.post(address(world), data={"file": file}, content_type="multipart/form-data")
    assert page.status_code == 200
    assert "4 new people" in page.text
    assert "2 new registrations" in page.text


def test_terms_of_england_are_read_and_written(world: World, client: ClientFor) -> None:
    with transaction():
        world.northgate.terms = CentreTerms.ENGLAND
    text = client(world.dan).get(address(world) + "/example").data.decode("utf-8-sig")
    assert "internal quality assurer email" in text
    page = client(world.dan).post(address(world), data={"text": text})
    assert page.status_code == 200
    assert "internal quality assurer Ian Reid for" in page.text


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
def test_only_an_administrator_of_the_centre_gets_the_example(world: World, client: ClientFor, name: str) -> None:
    assert client(getattr(world, name)).get(address(world) + "/example").status_code == 404


def test_import_and_reallocation_pass_every_integrity_check(demonstration: Flask) -> None:
    dan, gwen, bob, carol = (
        db.session.scalars(select(Person).where(Person.name.startswith(name))).one()
        for name in ("Dan ", "Gwen ", "Bob ", "Carol ")
    )
    centre, actor = dan.grants[0].centre, make_actor(dan)
    text = HEAD + IVY.replace(BOB, bob.email).replace(CAROL, carol.email)
    digest = preview_import(text, centre, actor).digest
    with transaction():
        import_rows(text, centre, actor, digest=digest)
    ids = list(db.session.scalars(select(UnitAttempt.id).where(UnitAttempt.centre_id == centre.id)))
    plan = plan_allocations(centre, ids, {Role.ASSESSOR: gwen}, "Bob leaves", actor)
    changed = [unit.attempt_id for unit in plan.changed]
    assert len(changed) > 2
    with transaction():
        carry_out_plan(centre, changed, {Role.ASSESSOR: gwen}, "Bob leaves", actor, digest=plan.digest)
    assert list_violations() == []


def test_more_units_than_the_limit_are_refused(world: World) -> None:
    row = "Kim,kim{n}@example.org,,C-{n},,,,CFACC15;CFAM&LFD3;DELIVERCC,,\n"
    with pytest.raises(Invalid, match="more than 500 units"):
        preview("".join(row.format(n=n) for n in range(167)), world)


def test_statements_grow_with_what_each_unit_and_allocation_asks(
    world: World, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    """Candidates with 8 units each: about 4 statements a unit and 5 an allocation; the same file again takes few."""
    with transaction():
        for number in range(4):
            load_unit(replace(UNITS["DELIVERCC"], code=f"EXTRA{number}", slug=f"extra{number}", identifiers=()))
    codes = "CFACC15;INSCC004;DELIVERCC;CFAM&LFD3;EXTRA0;EXTRA1;EXTRA2;EXTRA3"
    rows = "".join(f"P {n},p{n}@example.org,,C-{n},,,,{codes},{BOB},{CAROL}\n" for n in range(5))
    with count_statements() as statements:
        result = preview(rows, world)
    assert (result.totals["units"], result.totals["allocations"]) == (40, 80)
    assert len(statements) <= 40 * 4 + 80 * 5 + 5 * 20 + 30
    import_all(rows, world)
    with clock.frozen_at(clock.now() + timedelta(minutes=1)), count_statements() as statements:
        assert len(preview(rows, world).unchanged) == 5
    assert len([each for each in statements if "SAVEPOINT" not in each]) <= 14


def test_allocations_of_all_units_of_a_row_do_not_repeat_the_codes(world: World) -> None:
    codes = "CFACC15; INSCC004; DELIVERCC"
    row = f"Kim Lau,kim@example.org,,C-1,,,,{codes},{BOB},{CAROL}\n"
    (row_result,) = import_all(row, world).new
    assert row_result.new[-3:] == (
        "units CFACC15, INSCC004, DELIVERCC",
        "assessor Bob Archer for all 3 units",
        "internal verifier Carol Hughes for all 3 units",
    )
    (row_result,) = import_all(row, world).unchanged
    assert row_result.kept[-2:] == (
        "assessor Bob Archer for all 3 units",
        "internal verifier Carol Hughes for all 3 units",
    )
