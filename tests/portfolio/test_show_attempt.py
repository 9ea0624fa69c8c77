"""The page of an attempt: each criterion's state, suggestions for each gap, and the matrix."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.portfolio.conftest import ClientFor
from tracker import clock
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, ActionPointCriterion, Criterion, Evidence, Person, UnitAttempt
from tracker.vocabulary import Outcome


@pytest.fixture
def assessed(world: World) -> Evidence:
    """Evidence 1: 5 met, 7 needs more, 9 claimed."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint CH-2231")
        five, seven, _nine = factories.claim(world.cfacc15, evidence, "5", "7", "9")
        version = factories.submit(evidence)
        factories.accept(world.cfacc15, version, world.bob, {five: Outcome.MET, seven: Outcome.NEEDS_MORE})
    return evidence


def test_the_list_shows_each_state_in_words(world: World, alice: FlaskClient, assessed: Evidence) -> None:
    page = alice.get(f"/attempts/{world.cfacc15.id}").text
    for words in ("CFACC15", "Assessor: Bob Archer, since", "Met", "Needs more", "Claimed", "Nothing yet"):
        assert words in page
    assert f'href="/evidence/{assessed.id}"' in page


def test_a_gap_suggests_items_that_claim_its_neighbours(world: World, alice: FlaskClient, assessed: Evidence) -> None:
    page = alice.get(f"/attempts/{world.cfacc15.id}?show=gaps").text
    assert "Complaint CH-2231" in page
    assert "Nothing yet" in page


def test_the_matrix_has_checkboxes_except_for_decided_claims(
    world: World, alice: FlaskClient, assessed: Evidence
) -> None:
    page = " ".join(alice.get(f"/attempts/{world.cfacc15.id}?view=matrix").text.split())
    five, nine = (factories.criterion(world.cfacc15, label).id for label in ("5", "9"))
    assert f'value="{assessed.id}-{five}"' not in page
    assert 'aria-label="1, 5: met"' in page
    assert f'value="{assessed.id}-{nine}" aria-label="1, 9" checked' in page


def list_columns(page: str) -> list[str]:
    """Return the labels of the matrix's columns."""
    return re.findall(r'<a href="#criterion-\d+">(\w+)</a></th>', page)


@pytest.mark.parametrize(("show", "total"), [("all", 24), ("gaps", 22), ("mine", 1)])
def test_the_matrix_has_the_filter_of_the_list(
    world: World, alice: FlaskClient, assessed: Evidence, show: str, total: int
) -> None:
    page = alice.get(f"/attempts/{world.cfacc15.id}?view=matrix&show={show}").text
    assert len(list_columns(page)) == total
    assert f'href="/attempts/{world.cfacc15.id}?view=matrix&amp;show=gaps"' in page, "and keeps the view"
    if show == "mine":
        assert list_columns(page) == ["7"]
        nine = factories.criterion(world.cfacc15, "9").id
        assert f"{assessed.id}-{nine}" not in page, "a claim in a hidden column is not saved with the others"


def list_needing_action(client: ClientFor, person: Person, attempt: UnitAttempt) -> list[str]:
    """Return the labels of the criteria that the filter "Needs my action" shows to a person."""
    page = client(person).get(f"/attempts/{attempt.id}?show=mine").text
    ids = [int(number) for number in re.findall(r'id="criterion-(\d+)"', page)]
    return [db.session.get_one(Criterion, id_).label for id_ in ids]


def test_needs_my_action_means_the_readers_own_action(world: World, client: ClientFor, assessed: Evidence) -> None:
    """An assessor saw what the candidate had to do."""
    workflow.submit_item(world.cfacc15, "Call log", "2", "5")
    _, letter, _ = workflow.submit_item(world.cfacc15, "Letter", "3")
    workflow.return_item(world.cfacc15, letter, world.bob, workflow.build_draft({}, feedback="Which day was it?"))
    assert list_needing_action(client, world.alice, world.cfacc15) == ["7"]
    assert list_needing_action(client, world.bob, world.cfacc15) == ["2", "5", "9"], "the letter was returned"
    assert list_needing_action(client, world.carol, world.cfacc15) == []
    page = client(world.carol).get(f"/attempts/{world.cfacc15.id}?show=mine").text
    assert "Criteria of an action point that the assessor has answered appear here." in page


def test_criteria_of_an_action_point_need_the_assessor_until_it_is_answered_and_then_the_verifier(
    world: World, client: ClientFor
) -> None:
    with transaction():
        action_point = factories.add_and_flush(
            ActionPoint(
                attempt_id=world.cfacc15.id,
                round=1,
                raised_by_id=world.carol.id,
                raised_at=clock.now(),
                action="See the notes of the first contact.",
                due_on=clock.today(),
            )
        )
        factories.add_and_flush(
            ActionPointCriterion(
                action_point_id=action_point.id, criterion_id=factories.criterion(world.cfacc15, "4").id
            )
        )
    assert list_needing_action(client, world.bob, world.cfacc15) == ["4"]
    assert list_needing_action(client, world.carol, world.cfacc15) == []
    with transaction():
        action_point.response, action_point.responded_at = "I have looked again.", clock.now()
    assert list_needing_action(client, world.bob, world.cfacc15) == []
    assert list_needing_action(client, world.carol, world.cfacc15) == ["4"]
    assert list_needing_action(client, world.alice, world.cfacc15) == []


def test_who_only_reads_a_unit_has_no_filter_for_their_action(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "Needs my action" not in dan.get(f"/attempts/{world.cfacc15.id}").text
    assert len(list_needing_action(client, world.dan, world.cfacc15)) == 24, "every criterion is shown"
    assert "Needs my action" in client(world.bob).get(f"/attempts/{world.cfacc15.id}").text


def test_needs_my_action_takes_a_few_statements_more_at_any_length(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    bob, counts = client(world.bob), []
    bob.get("/queue")
    for number in (1, 20):
        for n in range(number):
            workflow.submit_item(world.cfacc15, f"Call {n}", "1", "2")
        db.session.expunge_all()
        with count_statements() as statements:
            bob.get(f"/attempts/{world.cfacc15.id}?show=mine")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 13, counts


def test_a_matrix_without_columns_says_why(world: World, alice: FlaskClient) -> None:
    page = alice.get(f"/attempts/{world.cfacc15.id}?view=matrix&show=mine").text
    assert "No criteria need your action." in page
    assert "<table" not in page


def test_a_phone_shows_the_number_of_claims_under_each_heading(
    world: World, alice: FlaskClient, assessed: Evidence
) -> None:
    page = " ".join(alice.get(f"/attempts/{world.cfacc15.id}?view=matrix").text.split())
    short = page.partition('<div class="by-heading">')[2].partition('<div class="matrix-full">')[0]
    assert re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', short) == ["Evidence", "1–7", "8–13", "a–k"]
    assert "<b>1–7</b> Take a lead on complex customer contacts" in short
    assert "1 of 7 met" in short
    assert 'aria-label="1, 1–7: 1 met, 1 contributes, more was needed"' in short
    assert 'aria-label="1, 8–13: 1 claimed"' in short
    assert 'aria-label="1, a–k: none"' in short


def test_requirements_and_signatures_are_linked_from_the_top(world: World, client: ClientFor) -> None:
    page = " ".join(client(world.bob).get(f"/attempts/{world.cfacc15.id}").text.split())
    links = page.partition('aria-label="On this page"')[2].partition("</nav>")[0]
    assert re.findall(r'href="#(\w+)"', links) == ["requirements", "signatures"], "and no link to what is not there"
    assert "0 of 5 confirmed" in links
    for part in ("requirements", "signatures"):
        assert f'<h2 id="{part}">' in page


def test_assessors_and_verifiers_see_no_drafts(world: World, client: ClientFor, assessed: Evidence) -> None:
    with transaction():
        draft = factories.make_evidence(world.cfacc15, "A secret draft")
        factories.claim(world.cfacc15, draft, "1")
    for person in (world.bob, world.carol, world.dan):
        for view in ("", "?view=matrix"):
            page = client(person).get(f"/attempts/{world.cfacc15.id}{view}").text
            assert "A secret draft" not in page
            assert 'type="checkbox"' not in page
    assert "A secret draft" in client(world.alice).get(f"/attempts/{world.cfacc15.id}?view=matrix").text


def test_nobody_else_finds_the_attempt(world: World, client: ClientFor) -> None:
    for person in (world.eve, world.frank, world.grace, world.heidi):
        assert client(person).get(f"/attempts/{world.cfacc15.id}").status_code == 404


def test_the_page_keeps_its_size_and_its_statements(
    world: World,
    alice: FlaskClient,
    count_statements: Callable[[], AbstractContextManager[list[str]]],
) -> None:
    with transaction():
        for number in range(30):
            evidence = factories.make_evidence(world.cfacc15, f"Call {number}")
            factories.claim(world.cfacc15, evidence, "1", "2", "3", "k:a", "k:b")
            factories.submit(evidence)
    attempt = world.cfacc15.id
    alice.get("/evidence")  # the first request of a server takes one more statement
    for view in ("list", "matrix"):
        db.session.expunge_all()
        with count_statements() as statements:
            page = alice.get(f"/attempts/{attempt}?view={view}")
        # the list reads areas agreed for discussions, the matrix linked criteria, and both the questions that were set
        assert len(statements) <= 10, statements
        assert len(page.data) <= 100_000
