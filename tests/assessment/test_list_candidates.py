"""The assessor's list of candidates: a row each, what waits, what is met, and where sign-off is possible."""

import csv
import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.list_pages import walk
from tests.verification import steps
from tracker import clock
from tracker.assessment.queries.candidates import CandidateToAssess, list_candidates, load_candidates
from tracker.assessment.queries.queue import list_evidence_to_assess, list_units_to_sign
from tracker.assessment.services.sign_off_checks import list_sign_off_blockers, load_sign_off_counts
from tracker.ledger.transactions import transaction
from tracker.matrix import load_matrix, summarise_attempts
from tracker.models import Person, UnitAttempt
from tracker.vocabulary import AttemptState, CriterionState, Outcome, Role
from tracker.web.lists import ListQuery

ClientFor = Callable[..., FlaskClient]
BY_NAME = ListQuery(sort="candidate")


def candidates_of(person: Person, query: ListQuery = BY_NAME) -> list[CandidateToAssess]:
    return list(list_candidates(load_candidates(person.id, list_evidence_to_assess(person.id)), query).rows)


def make_candidate(world: World, name: str, *codes: str) -> list[UnitAttempt]:
    """Register somebody for units that are allocated to Bob."""
    with transaction():
        person = factories.make_person(name, world.northgate, Role.CANDIDATE)
        registration = factories.make_registration(person, world.northgate, world.dan)
        attempts = [factories.make_attempt(registration, code) for code in codes]
        for attempt in attempts:
            factories.allocate(attempt, world.bob, Role.ASSESSOR, world.dan)
    return attempts


def names(page: str) -> list[str]:
    return re.findall(r'<a href="/registrations/\d+/index">([^<]+)</a>', page)


def test_candidate_has_one_row_with_every_unit(world: World) -> None:
    workflow.submit_item(world.cfacc15, "Complaint", "1", "2", days_ago=9)
    workflow.submit_item(world.inscc004, "Team briefing", "1", days_ago=2)
    (alice,) = candidates_of(world.bob)
    assert (alice.name, [unit.code for unit in alice.units]) == ("Alice Moran", ["CFACC15", "INSCC004"])
    assert alice.to_assess == 2
    assert alice.first_to_assess
    assert alice.first_to_assess.title == "Complaint"


def test_candidate_without_a_registration_number_is_not_yet_registered(world: World, client: ClientFor) -> None:
    """The assessor's list did not say so, although no certificate can be claimed before."""
    bob = client(world.bob)
    (ben,) = make_candidate(world, "Ben Okafor", "DELIVERCC")
    assert "Not yet registered</span>" not in bob.get("/candidates").text
    with transaction():
        ben.registration.awarding_body_number = ben.registration.awarding_body_date = None
    page = bob.get("/candidates").text
    assert page.count("Not yet registered</span>") == 1
    assert "Not yet registered (1)" in page
    assert names(bob.get("/candidates?show=not-registered").text) == ["Ben Okafor"]
    rows = csv.DictReader(io.StringIO(bob.get("/candidates?format=csv").data.decode("utf-8-sig")))
    assert {row["Candidate"]: row["With the awarding body"] for row in rows} == {
        "Alice Moran": "Registered",
        "Ben Okafor": "Not yet registered",
    }


def test_item_claimed_in_two_units_waits_once(world: World) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        factories.claim(world.inscc004, evidence, "1")
    (alice,) = candidates_of(world.bob)
    assert alice.to_assess == 1


def test_bar_counts_each_criterion_once_as_the_matrix_does(world: World) -> None:
    _, met, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.accept(world.cfacc15, met, world.bob, claims)
    _, partly, claims = workflow.submit_item(world.cfacc15, "Escalation", "2", "3", "4")
    outcomes = dict.fromkeys(claims, Outcome.NEEDS_MORE)
    workflow.return_item(
        world.cfacc15, partly, world.bob, workflow.build_draft(outcomes, feedback="More of 3 and 4.")
    )
    workflow.submit_item(world.cfacc15, "Team briefing", "4", "5")
    (alice,) = candidates_of(world.bob)
    unit, matrix = alice.units[0], load_matrix(world.cfacc15)
    assert (unit.progress.met, unit.needs_more, unit.submitted) == (2, 2, 1)
    assert unit.progress.met == matrix.met
    assert unit.needs_more == matrix.count(CriterionState.NEEDS_MORE)
    assert unit.submitted == matrix.count(CriterionState.CLAIMED)
    assert unit.open == matrix.count(CriterionState.NOTHING_YET)


def can_sign(attempt: UnitAttempt) -> bool:
    """Return whether the list says that the attempt can be signed, after comparing it with the sign-off page."""
    counts = load_sign_off_counts(summarise_attempts([attempt.id]))[attempt.id]
    assert counts.has_blockers == bool(list_sign_off_blockers(attempt, load_matrix(attempt)))
    return counts.can_sign


def test_sign_off_is_offered_only_where_the_signature_would_be_accepted(world: World) -> None:
    """Rules 2 to 5 of Sign-off, one after the other (docs/rules.md)."""
    assert not can_sign(world.cfacc15), "no criterion is met"
    version, _ = workflow.meet_everything(world, world.cfacc15)
    assert not can_sign(world.cfacc15), "the evidence requirements are not confirmed"
    workflow.confirm_requirements(world, world.cfacc15)
    assert can_sign(world.cfacc15)
    _, _, (claim,) = workflow.submit_item(world.cfacc15, "One more", "1")
    assert not can_sign(world.cfacc15), "a claim is undecided"
    with transaction():
        claim.removed_at = clock.now()
    assert can_sign(world.cfacc15)
    workflow.submit_next_version(version.evidence)
    assert not can_sign(world.cfacc15), "the new version awaits affirmation"


def test_open_action_point_keeps_a_unit_from_sign_off(world: World) -> None:
    workflow.meet_everything(world, world.cfacc15)
    workflow.confirm_requirements(world, world.cfacc15)
    action_point = steps.disagree(world, steps.find_live_decision(world.cfacc15, "1"))
    assert not can_sign(world.cfacc15)
    with transaction():
        action_point.closed_at = clock.now()
    assert not can_sign(world.cfacc15), "the criterion needs more"


def test_page_offers_sign_off_or_the_requirements_to_confirm(world: World, client: ClientFor) -> None:
    address = f'href="/attempts/{world.cfacc15.id}/sign"'
    bob = client(world.bob)
    assert address not in bob.get("/candidates").text
    workflow.meet_everything(world, world.cfacc15)
    page = bob.get("/candidates").text
    assert re.search(address + r">Confirm \d requirement", page)
    assert "Ready to sign off (0)" in page
    queue = bob.get("/queue").text
    assert re.search(address + r">Confirm \d evidence requirement", queue)
    assert "ready to sign off" not in queue
    workflow.confirm_requirements(world, world.cfacc15)
    page = bob.get("/candidates").text
    assert address + ">Sign off" in page
    assert "Ready to sign off (1)" in page
    assert names(bob.get("/candidates?show=ready").text) == ["Alice Moran"]
    assert address + ">Sign off" in bob.get("/queue").text
    assert [each.requirements for each in list_units_to_sign(world.bob.id, [])] == [0]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (AttemptState.ASSESSED, "Your signature"),
        (AttemptState.CONFIRMED, "Confirmed"),
        (AttemptState.VERIFIED, "Verified"),
    ],
)
def test_signed_unit_shows_its_state_and_no_sign_off(
    world: World, client: ClientFor, state: AttemptState, words: str
) -> None:
    with transaction():
        world.cfacc15.state = state
    page = client(world.bob).get("/candidates").text
    assert words in page
    assert ">Sign off" not in page


def test_longest_waiting_come_first_and_nothing_waiting_last(world: World, client: ClientFor) -> None:
    (bens,), (chloes,) = (
        make_candidate(world, "Ben Okafor", "CFACC15"),
        make_candidate(world, "Chloe Hart", "CFACC15"),
    )
    workflow.submit_item(bens, "Call", "1", days_ago=12)
    workflow.submit_item(chloes, "Call", "1", days_ago=3)
    bob = client(world.bob)
    assert names(bob.get("/candidates").text) == ["Ben Okafor", "Chloe Hart", "Alice Moran"]
    assert names(bob.get("/candidates?sort=-to-assess").text) == ["Chloe Hart", "Ben Okafor", "Alice Moran"]
    assert names(bob.get("/candidates?sort=candidate").text) == ["Alice Moran", "Ben Okafor", "Chloe Hart"]
    assert names(bob.get("/candidates?sort=last-activity").text) == ["Ben Okafor", "Chloe Hart", "Alice Moran"]
    assert "! 12 days" in bob.get("/candidates").text


def test_candidates_sort_by_the_share_of_criteria_met(world: World, client: ClientFor) -> None:
    (bens,) = make_candidate(world, "Ben Okafor", "CFACC15")
    _, version, claims = workflow.submit_item(bens, "Call", "1", "2", "3")
    workflow.accept(bens, version, world.bob, claims)
    bob = client(world.bob)
    assert names(bob.get("/candidates?sort=-units").text) == ["Ben Okafor", "Alice Moran"]
    assert names(bob.get("/candidates?sort=units").text) == ["Alice Moran", "Ben Okafor"]


def test_list_is_searched_and_filtered(world: World, client: ClientFor) -> None:
    (bens,) = make_candidate(world, "Ben Okafor", "DELIVERCC")
    workflow.submit_item(world.cfacc15, "Call", "1", days_ago=40)
    bob = client(world.bob)
    assert names(bob.get("/candidates?q=okaf").text) == ["Ben Okafor"]
    assert names(bob.get(f"/candidates?q={bens.registration.candidate_number.lower()}").text) == ["Ben Okafor"]
    assert names(bob.get("/candidates?unit=DELIVERCC").text) == ["Ben Okafor"]
    assert names(bob.get("/candidates?show=to-assess").text) == ["Alice Moran"]
    assert names(bob.get("/candidates?show=quiet").text) == ["Alice Moran", "Ben Okafor"]
    assert "No candidate matches “zz”." in bob.get("/candidates?q=zz").text


def test_csv_has_one_row_for_each_candidate_with_the_units_in_words(world: World, client: ClientFor) -> None:
    workflow.submit_item(world.cfacc15, "Call", "1", "2")
    data = client(world.bob).get("/candidates?format=csv").data.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(data))
    assert row["Candidate"] == "Alice Moran"
    assert row["Units"] == "CFACC15: 0 of 24 met, 2 submitted; INSCC004: 0 of 38 met"
    assert (row["To assess"], row["Waiting since"]) == ("1", str(clock.today()))


def test_candidates_are_paginated(world: World, client: ClientFor) -> None:
    for number in range(25):
        make_candidate(world, f"Candidate {number:02}", "CFACC15")
    bob = client(world.bob)
    first, second = walk(bob, "/candidates?size=25&sort=candidate")
    assert "1–25 of 26" in first
    assert names(second) == ["Candidate 24"]


def test_page_asks_as_little_of_the_database_for_forty_candidates_as_for_one(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    clock.frozen = clock.now()
    bob, counts = client(world.bob), []
    bob.get("/candidates")
    for candidates in (0, 39):
        for number in range(candidates):
            attempts = make_candidate(
                world, f"Candidate {number:02}", "CFACC15", "INSCC004", "DELIVERCC", "CFAM&LFD3"
            )
            workflow.submit_item(attempts[0], "Call", "1", "2")
        with count_statements() as statements:
            assert len(names(bob.get("/candidates").text)) == candidates + 1
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 14
