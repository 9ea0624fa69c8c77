"""The assessor's queue: evidence to assess over all candidates, oldest first."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.list_pages import walk
from tracker import clock
from tracker.assessment.queries.queue import (
    group_by_age,
    group_by_item,
    list_evidence_to_assess,
)
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import ActionPoint, Allocation
from tracker.vocabulary import AttemptState, Outcome, Role

ClientFor = Callable[..., FlaskClient]


def titles(world: World) -> list[str]:
    return [row.first.title for row in group_by_item(list_evidence_to_assess(world.bob.id))]


def test_queue_is_ordered_oldest_first(world: World) -> None:
    workflow.submit_item(world.cfacc15, "Yesterday", "1", days_ago=1)
    workflow.submit_item(world.inscc004, "Last month", "1", days_ago=30)
    workflow.submit_item(world.cfacc15, "Just now", "2")
    assert titles(world) == ["Last month", "Yesterday", "Just now"]


def test_item_claimed_in_two_units_is_one_row(world: World) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    with transaction():
        factories.claim(world.inscc004, evidence, "1")
    (row,) = group_by_item(list_evidence_to_assess(world.bob.id))
    assert (row.codes, row.claim_count) == (("CFACC15", "INSCC004"), 3)


def test_drafts_and_withdrawn_versions_are_not_in_the_queue(world: World) -> None:
    with transaction():
        factories.claim(world.cfacc15, factories.make_evidence(world.cfacc15, "Draft"), "1")
    _, version, _ = workflow.submit_item(world.cfacc15, "Taken back", "2")
    with transaction():
        version.submission.withdrawn_at = clock.now()
    assert titles(world) == []


def test_withdrawn_version_leaves_the_previous_one_in_the_queue(world: World) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    newer = workflow.submit_next_version(evidence)
    with transaction():
        newer.submission.withdrawn_at = clock.now()
    assert [entry.version_number for entry in list_evidence_to_assess(world.bob.id)] == [1]


def test_decided_evidence_leaves_the_queue(world: World) -> None:
    _, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    with transaction():
        factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims, Outcome.NOT_MET))
    assert titles(world) == []


def test_claim_added_to_accepted_evidence_enters_the_queue_then(world: World) -> None:
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", days_ago=9)
    workflow.accept(world.cfacc15, version, world.bob, claims)
    with transaction():
        (added,) = factories.claim(world.cfacc15, evidence, "2")
    (row,) = list_evidence_to_assess(world.bob.id)
    assert (row.claim_count, row.queued_at) == (1, added.claimed_at)


def test_queue_lists_only_open_units_allocated_to_the_assessor(world: World) -> None:
    workflow.submit_item(world.cfacc15, "Signed meanwhile", "1")
    workflow.submit_item(world.franks_attempt, "Frank's", "1")
    assert titles(world) == ["Signed meanwhile"]
    assert [each.title for each in list_evidence_to_assess(world.grace.id)] == ["Frank's"]
    with transaction():
        world.cfacc15.state = AttemptState.ASSESSED
    assert titles(world) == []


def test_reallocated_evidence_is_in_the_new_assessors_queue(world: World) -> None:
    workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        irene = factories.make_person("Irene Watt", world.northgate, Role.ASSESSOR)
        query = select(Allocation).where(Allocation.attempt_id == world.cfacc15.id, Allocation.role == Role.ASSESSOR)
        db.session.scalars(query).one().ends_at = clock.now()
        db.session.flush()
        factories.allocate(world.cfacc15, irene, Role.ASSESSOR, world.dan)
    assert titles(world) == []
    assert len(list_evidence_to_assess(irene.id)) == 1


def test_evidence_of_a_withdrawn_candidate_is_not_in_the_queue(world: World) -> None:
    workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        world.registration.withdrawn_at = clock.now()
    assert titles(world) == []


def test_queue_is_grouped_by_age(world: World) -> None:
    for days in (0, 3, 10):
        workflow.submit_item(world.cfacc15, f"{days} days", "1", days_ago=days)
    groups = group_by_age(group_by_item(list_evidence_to_assess(world.bob.id)))
    assert {name: [row.first.title for row in rows] for name, rows in groups.items()} == {
        "Older": ["10 days"],
        "This week": ["3 days"],
        "Today": ["0 days"],
    }


def test_queue_page_counts_items_and_opens_the_oldest(world: World, client: ClientFor) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1", "2", days_ago=10)
    workflow.submit_item(world.inscc004, "Letter", "1")
    page = client(world.bob).get("/queue").text
    assert "<b>2</b> items to assess" in page
    assert "<b>1</b> older than a week" in page
    assert f'data-next href="/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"' in page
    assert "Assess next" in page


def test_queue_is_filtered_by_candidate_and_unit(world: World, client: ClientFor) -> None:
    workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.submit_item(world.inscc004, "Letter", "1")
    page = client(world.bob).get(f"/queue?candidate={world.alice.id}&unit=INSCC004").text
    assert "Letter" in page
    assert "Complaint" not in page
    assert "unit=INSCC004" in page
    assert "Complaint" in client(world.bob).get("/queue?candidate=999999").text, "an unknown choice is ignored"


def test_queue_is_searched_and_assessing_keeps_the_search(world: World, client: ClientFor) -> None:
    complaint, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.submit_item(world.cfacc15, "Letter", "1")
    workflow.submit_item(world.cfacc15, "Second complaint", "1")
    bob = client(world.bob)
    page = bob.get("/queue?q=complaint").text
    assert "Letter" not in page
    address = f"/attempts/{world.cfacc15.id}/evidence/{complaint.id}/assess?q=complaint"
    assert f'href="{address}"' in page
    assert re.search(r"1 of 2\s", bob.get(address).text)
    assert "No evidence matches “zebra”." in bob.get("/queue?q=zebra").text


def test_queue_can_be_sorted_and_downloaded(world: World, client: ClientFor) -> None:
    workflow.submit_item(world.cfacc15, "Zebra crossing", "1", "2", days_ago=9)
    workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = client(world.bob)
    page = bob.get("/queue?sort=evidence").text
    assert page.index("Complaint") < page.index("Zebra crossing")
    assert "<h2>Older</h2>" not in page, "they are not in the order of their age"
    heads, *rows = bob.get("/queue?sort=-criteria&format=csv").data.decode("utf-8-sig").splitlines()
    assert heads == "Candidate,Number,Version,Evidence,Units,Criteria,In the queue"
    assert [row.split(",")[3] for row in rows] == ["Zebra crossing", "Complaint"]


def test_empty_queue_says_what_will_appear(world: World, client: ClientFor) -> None:
    page = client(world.bob).get("/queue").text
    assert "No evidence to assess." in page
    assert "Assess next" not in page


def test_queue_page_lists_units_ready_to_sign_off_and_action_points(world: World, client: ClientFor) -> None:
    workflow.meet_everything(world, world.cfacc15)
    workflow.confirm_requirements(world, world.cfacc15)
    with transaction():
        action_point = ActionPoint(
            attempt_id=world.inscc004.id,
            round=1,
            raised_by_id=world.carol.id,
            raised_at=clock.now(),
            action="Say which rule was applied.",
            due_on=clock.today(),
        )
        db.session.add(action_point)
    page = client(world.bob).get("/queue").text
    assert re.search(r"<b>1</b>\s+unit ready to sign off", page)
    assert f"/attempts/{world.cfacc15.id}/sign" in page
    assert re.search(r"<b>1</b>\s+action point to answer", page)
    assert "Say which rule was applied." in page


def test_action_points_and_units_to_sign_off_are_above_a_long_queue(world: World, client: ClientFor) -> None:
    """Bob sees what others wait for before 50 rows of evidence; beyond three the lines are folded."""
    workflow.submit_item(world.cfacc15, "Call of 5 October", "1")
    with transaction():
        for number in range(5):
            db.session.add(
                ActionPoint(
                    attempt_id=world.inscc004.id,
                    round=1,
                    raised_by_id=world.carol.id,
                    raised_at=clock.now(),
                    action=f"Say which rule was applied to call {number}.",
                    due_on=clock.today(),
                )
            )
    page = client(world.bob).get("/queue").text
    assert page.index("Assess next") < page.index("Action points to answer") < page.index("Call of 5 October")
    shown, _, folded = page.partition("<summary>2 more</summary>")
    assert (shown.count("Say which rule"), folded.count("Say which rule")) == (3, 2)


def test_unit_with_an_undecided_claim_is_not_ready_to_sign_off(world: World, client: ClientFor) -> None:
    workflow.meet_everything(world, world.cfacc15)
    workflow.submit_item(world.cfacc15, "One more", "1")
    assert "ready to sign off" not in client(world.bob).get("/queue").text


def test_long_queue_is_read_a_page_at_a_time(world: World, client: ClientFor) -> None:
    with transaction():
        for n in range(51):
            evidence = factories.make_evidence(world.cfacc15, f"Item {n:03}")
            factories.claim(world.cfacc15, evidence, "1")
            factories.submit(evidence)
    bob = client(world.bob)
    first, second = walk(bob, "/queue")
    assert first.count('<td data-label="Candidate">') == 50
    assert second.count('<td data-label="Candidate">') == 1
    assert "51–51 of 51" in second


def test_only_assessors_have_a_queue(world: World, client: ClientFor) -> None:
    for person in (world.alice, world.carol, world.dan, world.eve):
        assert client(person).get("/queue").status_code == 404
        assert client(person).get("/candidates").status_code == 404


def test_the_pages_ask_little_of_the_database_whatever_the_number_of_rows(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    clock.frozen = clock.now()  # else the session writes its time of last use once a minute
    bob, counts = client(world.bob), []
    bob.get("/queue")  # what the test itself left to be read again
    for _ in range(2):
        for n in range(6):
            workflow.submit_item(world.cfacc15, f"Item {n}", "1", "2")
        for path in ("/queue", "/candidates"):
            with count_statements() as statements:
                assert bob.get(path).status_code == 200
            counts.append(len(statements))
    assert counts[0] == counts[2]
    assert counts[1] == counts[3]
    assert max(counts) <= 14, counts
