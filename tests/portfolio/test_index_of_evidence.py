"""The index of evidence: the candidate's with drafts, the administrator's as submitted, and both on paper."""

import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import update

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Allocation, Evidence, Sample, SampleItem, UnitAttempt, Visit, VisitAttempt
from tracker.portfolio.queries.evidence_list import EVIDENCE, list_own_evidence
from tracker.portfolio.queries.index import list_submitted_index
from tracker.portfolio.services.files import attach_file, store_file
from tracker.portfolio.services.submissions import submit_evidence, withdraw_submission
from tracker.vocabulary import Method, Outcome, Role
from tracker.web.lists import Column, ListQuery

BY_NUMBER = ListQuery(sort="number")


@pytest.fixture
def submitted_item(world: World, complaint: Evidence) -> Evidence:
    with transaction():
        attach_file(complaint, store_file(io.BytesIO(b"Notes."), "n.txt"))
    with transaction():
        submit_evidence(complaint, factories.make_actor(world.alice))
    return complaint


def read_printed_index(browser: FlaskClient, path: str) -> str:
    answer = browser.get(path, buffered=True)
    assert answer.status_code == 200
    assert answer.mimetype == "application/pdf"
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages).split())


def test_the_empty_index_says_what_will_be_here(alice: FlaskClient) -> None:
    page = alice.get("/evidence").text
    assert "Your evidence appears here when you add it." in page
    assert "Add evidence" in page
    assert "Print" not in page


def test_items_are_sorted_by_number_with_drafts_last(
    world: World, alice: FlaskClient, submitted_item: Evidence
) -> None:
    with transaction():
        factories.make_evidence(world.cfacc15, "Escalation log")
    page = alice.get("/evidence").text
    assert page.index("Complaint CH-2231") < page.index("Escalation log")
    assert "2 items, including 1 draft." in page
    assert "1 item is not linked to any criteria yet." in page
    assert "Not linked to" in page
    assert "Submitted in CFACC15" in page
    assert "1 file" in page


def test_alice_sees_her_changes_and_others_the_submitted_version(
    world: World, alice: FlaskClient, client: ClientFor, submitted_item: Evidence
) -> None:
    with transaction():
        submitted_item.title = "Half-finished change"
        factories.make_evidence(world.cfacc15, "A secret draft")
    assert "Half-finished change" in alice.get("/evidence").text
    page = client(world.dan).get(f"/registrations/{world.registration.id}/index").text
    assert "Complaint CH-2231" in page
    assert "Half-finished change" not in page
    assert "A secret draft" not in page
    assert "/evidence/" not in page, "nothing to open"


def test_a_second_version_is_shown_in_the_reference(world: World, submitted_item: Evidence) -> None:
    with transaction():
        submitted_item.narrative = "And I wrote to her."
    with transaction():
        submit_evidence(submitted_item, factories.make_actor(world.alice))
    assert [line.ref for line in list_own_evidence(world.alice.id, world.northgate.id, BY_NUMBER).rows] == ["1 v2"]
    assert [line.ref for line in list_submitted_index(world.alice.id, world.northgate.id)] == ["1 v2"]


def test_a_withdrawn_version_is_in_no_other_persons_index(world: World, submitted_item: Evidence) -> None:
    with transaction():
        withdraw_submission(submitted_item, factories.make_actor(world.alice))
    assert list_submitted_index(world.alice.id, world.northgate.id) == []
    assert [line.badges for line in list_own_evidence(world.alice.id, world.northgate.id, BY_NUMBER).rows] == [
        (("", "draft"),)
    ]


def test_the_printed_index_says_where_when_units_and_who_sampled(
    world: World, alice: FlaskClient, client: ClientFor, submitted_item: Evidence
) -> None:
    version = submitted_item.versions[0]
    with transaction():
        claims = factories.claim(world.cfacc15, submitted_item, "9")
        factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims, Outcome.MET))
        sample = Sample(
            attempt_id=world.cfacc15.id,
            round=1,
            verifier_id=world.carol.id,
            sampled_at=now(),
            comment="",
            is_interim=False,
        )
        db.session.add(sample)
        db.session.flush()
        db.session.add(
            SampleItem(
                sample_id=sample.id,
                evidence_version_id=version.id,
                criterion_id=claims[0].criterion_id,
                agrees=True,
                comment="",
            )
        )
    assert "CH, " in client(world.dan).get(f"/registrations/{world.registration.id}/index").text
    words = read_printed_index(alice, "/evidence/index.pdf")
    for expected in (
        "Alice Moran",
        "Complaint CH-2231",
        "Work product",
        "5 October 2026",
        "1 file",
        "CFACC15",
        "CH ",
    ):
        assert expected in words
    assert read_printed_index(client(world.dan), f"/registrations/{world.registration.id}/index.pdf") == words


def test_there_is_nothing_to_print_without_a_registration(world: World, client: ClientFor) -> None:
    with transaction():
        newcomer = factories.make_person("Nia Webb", world.northgate, factories.Role.CANDIDATE)
    answer = client(newcomer).get("/evidence/index.pdf")
    assert answer.status_code == 404
    assert "once your centre has registered you" in answer.text


def test_who_may_read_an_index(world: World, client: ClientFor, submitted_item: Evidence) -> None:
    paths = [f"/registrations/{world.registration.id}/index", f"/registrations/{world.registration.id}/index.pdf"]
    for person, status in (
        (world.bob, 200),
        (world.carol, 200),
        (world.eve, 404),  # no visit names a unit of Alice's
        (world.frank, 404),
        (world.grace, 404),
        (world.heidi, 404),
    ):
        for path in paths:
            assert client(person).get(path, buffered=True).status_code == status
    assert client(world.frank).get("/evidence").text.count("Complaint") == 0


@pytest.mark.parametrize("role", [Role.ASSESSOR, Role.INTERNAL_VERIFIER])
def test_reader_of_one_unit_sees_the_evidence_claimed_in_it(
    world: World, client: ClientFor, submitted_item: Evidence, role: Role
) -> None:
    with transaction():
        other_item = factories.make_evidence(world.inscc004, "Team meeting")
        factories.claim(world.inscc004, other_item, "1")
        factories.claim(world.inscc004, submitted_item, "1")
        factories.submit(other_item)
        vera = factories.make_person("Vera Long", world.northgate, role)
        db.session.execute(
            update(Allocation)
            .where(Allocation.attempt_id == world.inscc004.id, Allocation.role == role)
            .values(ends_at=now())
        )
        factories.allocate(world.inscc004, vera, role, world.dan)
    index = f"/registrations/{world.registration.id}/index"
    reader = world.bob if role is Role.ASSESSOR else world.carol
    page = client(reader).get(index).text
    assert "Complaint CH-2231" in page
    assert "Team meeting" not in page
    assert "INSCC004" not in page
    page = client(vera).get(index).text
    assert "Complaint CH-2231" in page
    assert "Team meeting" in page
    assert "CFACC15" not in page
    assert "Team meeting" not in read_printed_index(client(reader), f"{index}.pdf")


def test_external_verifier_sees_the_evidence_of_the_units_of_their_visit(
    world: World, client: ClientFor, submitted_item: Evidence
) -> None:
    eve, index = client(world.eve), f"/registrations/{world.registration.id}/index"
    with transaction():
        visit = Visit(
            centre_id=world.northgate.id,
            person_id=world.eve.id,
            starts_at=now() - timedelta(days=1),
            ends_at=now() + timedelta(days=1),
            opened_by_id=world.dan.id,
            opened_at=now(),
        )
        db.session.add(visit)
        db.session.flush()
        db.session.add(VisitAttempt(visit_id=visit.id, attempt_id=world.cfacc15.id))
    assert "Complaint CH-2231" in eve.get(index).text
    with transaction():
        visit.ends_at = now()
    assert eve.get(index).status_code == 404


def test_the_index_takes_the_same_number_of_statements_at_any_length(
    world: World,
    alice: FlaskClient,
    client: ClientFor,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    dan, index = client(world.dan), f"/registrations/{world.registration.id}/index"
    attempt_id = world.cfacc15.id
    alice.get("/evidence")
    for count in (1, 30):
        with transaction():
            attempt = db.session.get(UnitAttempt, attempt_id)
            assert attempt
            for number in range(count):
                evidence = factories.make_evidence(attempt, f"Call {number}")
                factories.claim(attempt, evidence, "1", "2", "3", "k:a", "k:b")
                factories.submit(evidence)
        for browser, path in ((alice, "/evidence"), (dan, index)):
            db.session.expunge_all()
            with count_statements() as statements:
                page = browser.get(path)
            assert page.status_code == 200
            assert len(statements) <= 13, statements
            assert len(page.data) < 60_000


@pytest.mark.parametrize("column", EVIDENCE.sortable_columns)
def test_evidence_can_be_sorted_by_every_column_that_says_so(
    world: World, client: ClientFor, alice: FlaskClient, submitted_item: Evidence, column: Column
) -> None:
    with transaction():
        factories.make_evidence(world.cfacc15, "Escalation log")
    for sort in (column.name, f"-{column.name}"):
        assert "1–2 of 2" in alice.get("/evidence", query_string={"sort": sort}).text
        path = f"/registrations/{world.registration.id}/index"
        assert "1–1 of 1" in client(world.dan).get(path, query_string={"sort": sort}).text


def test_evidence_is_filtered_by_unit_method_and_what_is_missing(
    world: World, alice: FlaskClient, submitted_item: Evidence
) -> None:
    with transaction():
        factories.make_evidence(world.cfacc15, "Escalation log").method = Method.OBSERVATION

    def titles(**query: str) -> set[str]:
        page = alice.get("/evidence", query_string=query).text
        return {title for title in ("Complaint CH-2231", "Escalation log") if f">{title}</a>" in page}

    assert titles(q="complaint") == {"Complaint CH-2231"}
    assert titles(unit="CFACC15") == {"Complaint CH-2231"}
    assert titles(unit="INSCC004") == set()
    assert titles(method="observation") == {"Escalation log"}
    assert titles(show="drafts") == titles(show="unlinked") == {"Escalation log"}
    assert titles(unit="NO-SUCH-UNIT") == {"Complaint CH-2231", "Escalation log"}


def test_evidence_is_filtered_by_its_state_in_the_units_that_the_reader_may_read(
    world: World, client: ClientFor, alice: FlaskClient
) -> None:
    """The list had no filter by state, so what was returned had to be looked for."""
    workflow.submit_item(world.cfacc15, "Call log", "1")
    _, accepted, claims = workflow.submit_item(world.cfacc15, "Complaint", "2")
    workflow.accept(world.cfacc15, accepted, world.bob, claims)
    letter, version, _ = workflow.submit_item(world.cfacc15, "Letter", "3")
    with transaction():
        factories.claim(world.inscc004, letter, "1")
        factories.make_evidence(world.cfacc15, "Draft")
        factories.end_allocation(world.inscc004, Role.ASSESSOR)
    workflow.return_item(world.cfacc15, version, world.bob, workflow.build_draft({}, feedback="Which day was it?"))

    def titles(browser: FlaskClient, path: str, **query: str) -> set[str]:
        page = browser.get(path, query_string=query).text
        return {
            title for title in ("Call log", "Complaint", "Letter", "Draft") if re.search(rf">\s*{title}\s*<", page)
        }

    assert titles(alice, "/evidence", show="accepted") == {"Complaint"}
    assert titles(alice, "/evidence", show="returned") == {"Letter"}
    assert titles(alice, "/evidence", show="waiting") == {"Call log", "Letter"}, "Letter waits in the other unit"
    assert titles(alice, "/evidence", show="waiting", unit="CFACC15") == {"Call log"}
    assert titles(alice, "/evidence", show="returned", unit="INSCC004") == set()
    index, bob = f"/registrations/{world.registration.id}/index", client(world.bob)
    assert titles(bob, index, show="waiting") == {"Call log"}, "he cannot read the other unit"
    assert titles(bob, index, show="returned") == {"Letter"}
    rows = bob.get(index, query_string={"show": "returned", "format": "csv"}).data.decode("utf-8-sig").splitlines()
    assert "CFACC15: returned" in rows[1]


def test_filter_by_state_takes_the_same_number_of_statements_at_any_length(
    world: World, alice: FlaskClient, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    counts = []
    for number in (1, 30):
        for n in range(number):
            workflow.submit_item(world.cfacc15, f"Call {n}", "1")
        with count_statements() as statements:
            alice.get("/evidence?show=waiting")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 17, counts


def test_csv_of_an_index_has_what_its_reader_may_read(
    world: World, client: ClientFor, submitted_item: Evidence
) -> None:
    path = f"/registrations/{world.registration.id}/index?format=csv"
    _, row = client(world.bob).get(path).text.splitlines()
    assert row.startswith("1,Complaint CH-2231,")
    assert client(world.grace).get(path).status_code == 404
    assert client(world.heidi).get(path).status_code == 404
