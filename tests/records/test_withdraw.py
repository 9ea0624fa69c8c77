"""Withdrawal of a record by its author, what leaves the lists with it, and what a page offers to whom."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.records.observations import agree, begin, decide, object_to, observe, withdraw
from tests.records.test_finish import list_claims
from tests.records.test_pages import Browser, read_fields
from tests.records.test_readers import sign, write_again
from tracker import clock
from tracker.assessment.services.claims import remove_claim
from tracker.assessment.services.sign_off_checks import list_sign_off_blockers
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.home.queries import list_own_items
from tracker.ledger.transactions import transaction
from tracker.matrix import load_matrix
from tracker.models import Claim, Evidence, RecordWithdrawal
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.queries.records import list_objections, list_unsettled_records
from tracker.records.services.withdrawing import withdraw_record
from tracker.registrations.services import withdraw_candidate
from tracker.vocabulary import RecordStanding, Role


def list_asked(world: World) -> list[int]:
    """Return the records that Alice is asked to answer."""
    return [item.evidence_id for item in list_own_items(world.alice.id, (world.northgate.id,)) if item.author]


def list_waiting(world: World) -> list[tuple[int, RecordStanding | None]]:
    return [(line.record_id, line.standing) for line in list_unsettled_records(world.bob.id)]


@pytest.mark.parametrize("objects", [False, True])
def test_an_author_withdraws_a_record_that_was_not_agreed_to(world: World, objects: bool) -> None:
    record = observe(world.cfacc15, world.bob)
    if objects:
        object_to(record)
    withdrawal = withdraw(record, " Alice has left the team. ")
    assert withdrawal.reason == "Alice has left the team."
    assert list_claims(record) == {}
    assert load_matrix(world.cfacc15).rows == ()
    assert find_version_in(world.cfacc15, record.id) is None
    assert list_sign_off_blockers(world.cfacc15, load_matrix(world.cfacc15))[0].text.find("of a record") == -1
    assert (list_asked(world), list_objections(world.carol.id)) == ([], [])
    reasons = set(db.session.scalars(select(Claim.removed_reason).where(Claim.evidence_id == record.id)))
    assert reasons == {"Alice has left the team."}


def test_withdrawing_a_new_version_leaves_the_version_that_counts(world: World) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5]")
    agree(record)
    write_again(record, "She said why. [10:11 g]")
    withdraw(record)
    assert list_claims(record) == {"5": "10:09"}
    assert [row.standing for row in load_matrix(world.cfacc15).rows] == [RecordStanding.AGREED]
    assert list_asked(world) == []


def test_a_withdrawal_is_recorded(world: World, recorded_acts: Callable[[], list[str]]) -> None:
    withdraw(observe(world.cfacc15, world.bob))
    assert recorded_acts()[-2:] == ["record_finished", "record_withdrawn"]


@pytest.mark.parametrize("settle", [agree, withdraw])
def test_a_record_that_counts_or_is_out_of_use_is_not_withdrawn(
    world: World, settle: Callable[[Evidence], object]
) -> None:
    record = observe(world.cfacc15, world.bob)
    settle(record)
    with pytest.raises(Refused):
        withdraw(record)


def test_a_dismissed_or_upheld_objection_ends_the_choice(world: World) -> None:
    for is_upheld in (False, True):
        record = observe(world.cfacc15, world.bob)
        object_to(record)
        decide(record, world.carol, is_upheld=is_upheld)
        with pytest.raises(Refused):
            withdraw(record)


def test_a_withdrawal_needs_a_reason(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with pytest.raises(Invalid, match="Enter the reason"):
        withdraw(record, " ")
    assert db.session.scalar(select(RecordWithdrawal.id)) is None


def test_only_the_author_withdraws_and_only_the_version_that_they_saw(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with pytest.raises(Refused, match="Only its author"), transaction():
        withdraw_record(record, "No.", factories.make_actor(world.carol), 1)
    with pytest.raises(Conflict), transaction():
        withdraw_record(record, "No.", factories.make_actor(world.bob), 2)


def test_a_record_with_which_a_unit_was_signed_off_is_not_withdrawn(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    sign(world)
    with pytest.raises(Refused, match="CFACC15 was signed off with this record"):
        withdraw(record)
    assert list_claims(record)


def test_a_record_without_claims_is_not_listed(world: World) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5]")
    claim = db.session.scalars(select(Claim).where(Claim.evidence_id == record.id)).one()
    with transaction():
        remove_claim(world.cfacc15, record.id, claim.id, "No answer.", factories.make_actor(world.bob))
    assert (list_asked(world), list_waiting(world)) == ([], [])


def test_a_record_of_a_withdrawn_candidate_is_not_listed(world: World) -> None:
    observe(world.cfacc15, world.bob)
    with transaction():
        withdraw_candidate(world.registration, "Moved away.", factories.make_actor(world.dan))
    assert list_waiting(world) == []


def test_an_upheld_record_leaves_the_list_after_30_days(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    decide(record, world.carol, is_upheld=True)
    assert list_waiting(world) == [(record.id, RecordStanding.UPHELD)]
    with clock.frozen_at(clock.now() + timedelta(days=31)):
        assert list_waiting(world) == []


@pytest.mark.parametrize("objects", [False, True])
def test_a_withdrawn_record_leaves_the_list_of_its_author_after_30_days(world: World, objects: bool) -> None:
    record = observe(world.cfacc15, world.bob)
    if objects:
        object_to(record)
    withdraw(record)
    assert list_waiting(world) == [(record.id, RecordStanding.WITHDRAWN)]
    with clock.frozen_at(clock.now() + timedelta(days=31)):
        assert list_waiting(world) == []


def test_a_draft_stays_in_the_list_until_it_is_finished_or_discarded(world: World) -> None:
    draft = begin(world.cfacc15, world.bob)
    with clock.frozen_at(clock.now() + timedelta(days=400)):
        assert list_waiting(world) == [(draft.id, None)]


def test_the_author_withdraws_on_the_page_and_the_candidate_reads_why(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    bob, alice, path = client(world.bob), client(world.alice), f"/records/{record.id}"
    page = bob.get(path).text
    assert "Withdraw this record" in page
    assert "Withdraw this record" not in alice.get(path).text
    fields = read_fields(page)
    refused = bob.post(f"{path}/withdraw", data={**fields, "reason": " "})
    assert refused.status_code == 422
    assert "Enter the reason." in refused.text
    answer = bob.post(f"{path}/withdraw", data={**fields, "reason": "Alice is on leave."}, follow_redirects=True)
    assert "The record is withdrawn." in answer.text
    assert "Withdraw this record" not in answer.text
    assert "Write a new version" in answer.text
    page = alice.get(path).text
    assert "Withdrawn by its author" in page
    assert "Alice is on leave." in page
    assert "Send my answer" not in page
    queue = bob.get("/queue").text
    assert f'href="{path}"' in queue
    assert "Withdrawn by its author" in queue


def test_the_author_reads_before_they_withdraw_what_becomes_of_the_record(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5]")
    bob, path = client(world.bob), f"/records/{record.id}"
    write_again(record, "She took a call. [10:09 5]")
    assert "The record will not count, and its claims end." in bob.get(path).text
    agree(record)
    write_again(record, "She said why. [10:11 g]")
    page = bob.get(path).text
    assert "This version will not count. Its claims go back to those of version 2." in page
    data = {**read_fields(page), "reason": "Wrong day."}
    page = bob.post(f"{path}/withdraw", data=data, follow_redirects=True).text
    assert "Version 3 is withdrawn. Its candidate can read the reason. Version 2 still counts." in page


@pytest.mark.parametrize("is_upheld", [False, True])
def test_the_page_of_a_version_out_of_use_shows_the_criteria_that_it_names(
    world: World, client: Browser, is_upheld: bool
) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5]")
    agree(record)
    write_again(record, "She said why. [10:11 g]")
    if is_upheld:
        object_to(record)
        decide(record, world.carol, is_upheld=True)
    else:
        withdraw(record)
    page = client(world.alice).get(f"/records/{record.id}").text
    named = page.partition("Criteria named in version 2")[2]
    assert "10:11" in named
    assert "10:09" not in named
    assert "<h2>Claims</h2>" not in page


def test_a_version_that_can_no_longer_be_answered_awaits_no_answer(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5]")
    alice, path = client(world.alice), f"/records/{record.id}"
    assert "Not yet agreed by" in alice.get(path).text
    write_again(record, "She said why. [10:11 g]")
    first = alice.get(f"{path}?version=1").text
    assert first.index("Not agreed by") < first.index("Version 2")
    assert "has not answered yet" not in first
    assert first.count("Not yet agreed by") == 1, "in the list of versions, of version 2"


def test_an_answer_to_a_version_that_was_withdrawn_says_so(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    write_again(record, "She said why. [10:11 g]")
    withdraw(record)
    with pytest.raises(Conflict, match="Version 2 of this record was withdrawn"):
        agree(record)


def test_a_decision_on_a_version_that_was_withdrawn_says_so(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5]")
    agree(record)
    write_again(record, "She said why. [10:09 5]")
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{record.id}/assess"
    fields = read_fields(bob.get(address).text)
    withdraw(record)
    answer = bob.post(address, data={**fields, "feedback": "Clear.", "act": "save"})
    assert answer.status_code == 409
    assert "was withdrawn or is out of use. This page now shows version 1" in answer.text
    assert "Clear." in answer.text


def test_the_author_decides_in_each_of_their_units_in_progress(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She took the call. [10:09 5] [10:12 INSCC004 1]")
    bob, path = client(world.bob), f"/records/{record.id}"
    addresses = [
        f'href="/attempts/{attempt.id}/evidence/{record.id}/assess"' for attempt in (world.cfacc15, world.inscc004)
    ]
    page = bob.get(path).text
    assert all(address in page for address in addresses)
    sign(world)
    page = bob.get(path).text
    assert [address in page for address in addresses] == [False, True]


def test_others_do_not_withdraw_a_record(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    for person in (world.alice, world.carol, world.dan, world.grace):
        assert client(person).post(f"/records/{record.id}/withdraw", data={"reason": "No."}).status_code in {403, 404}
    assert list_claims(record)


def test_a_new_version_after_a_withdrawal_is_answered_anew(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    withdraw(record)
    write_again(record, "She said why. [10:11 g]")
    assert list_asked(world) == [record.id]
    agree(record)
    assert list_claims(record) == {"g": "10:11"}


def test_an_author_who_is_no_longer_allocated_is_offered_nothing_that_they_cannot_do(
    world: World, client: Browser
) -> None:
    record = observe(world.cfacc15, world.bob)
    path = f"/records/{record.id}"
    assert "Write a new version" in client(world.bob).get(path).text
    with transaction():
        factories.end_allocation(world.cfacc15, Role.ASSESSOR)
        factories.grant(world.bob, world.northgate, Role.INTERNAL_VERIFIER)
        factories.end_allocation(world.cfacc15, Role.INTERNAL_VERIFIER)
        factories.allocate(world.cfacc15, world.bob, Role.INTERNAL_VERIFIER, world.dan)
    page = client(world.bob).get(path).text
    assert "Write a new version" not in page
    assert "Withdraw this record" not in page


def test_the_reason_of_a_decision_is_kept_where_the_author_wrote_a_new_version_meanwhile(
    world: World, client: Browser
) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    carol = client(world.carol)
    fields = read_fields(carol.get(f"/records/{record.id}").text)
    write_again(record, "She said why. [10:11 g]")
    data = {**fields, "answer": "upheld", "reason": "The rota says that she was away."}
    answer = carol.post(f"/records/{record.id}/objection", data=data)
    assert answer.status_code == 422
    assert "The rota says that she was away." in answer.text
    assert "is not the one that your page showed" in answer.text


def test_the_reason_of_a_decision_is_kept_where_it_was_decided_meanwhile(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    carol = client(world.carol)
    fields = read_fields(carol.get(f"/records/{record.id}").text)
    decide(record, world.carol, is_upheld=False)
    data = {**fields, "answer": "upheld", "reason": "The rota says that she was away."}
    answer = carol.post(f"/records/{record.id}/objection", data=data)
    assert answer.status_code == 422
    assert "The rota says that she was away." in answer.text
    assert "decided already" in answer.text


@pytest.mark.parametrize("has_earlier", [False, True])
def test_the_reason_of_an_objection_is_kept_where_the_author_withdrew_the_record_meanwhile(
    world: World, client: Browser, has_earlier: bool
) -> None:
    record = observe(world.cfacc15, world.bob)
    if has_earlier:
        agree(record)
        write_again(record, "She said why. [10:11 g]")
    alice, path = client(world.alice), f"/records/{record.id}"
    fields = read_fields(alice.get(path).text)
    withdraw(record)
    data = {**fields, "answer": "objected", "reason": "I was at lunch then."}
    answer = alice.post(f"{path}/acknowledge", data=data)
    assert answer.status_code == 422
    assert "Your reason, which is not saved:" in answer.text
    assert "I was at lunch then." in answer.text
    assert "Nothing was changed." in answer.text
    assert "Send my answer" not in answer.text


def test_an_earlier_version_shows_the_criteria_that_it_names(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob, "She hung up. [10:09 5]")
    write_again(record, "She said why. [10:11 g]")
    alice, path = client(world.alice), f"/records/{record.id}"
    earlier = alice.get(f"{path}?version=1").text
    assert "Criteria named in version 1" in earlier
    assert "10:09" in earlier.partition("Criteria named in version 1")[2]
    assert "10:11" not in earlier
    assert "<h2>Claims</h2>" not in earlier
    assert "<h2>Claims</h2>" in alice.get(path).text


def test_the_page_of_a_record_takes_few_statements(
    world: World, client: Browser, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    record = observe(world.cfacc15, world.bob)
    write_again(record, "She said why. [10:11 g]")
    bob = client(world.bob)
    bob.get(f"/records/{record.id}")
    for path in (f"/records/{record.id}", f"/records/{record.id}?version=1"):
        with count_statements() as statements:
            bob.get(path)
        assert len(statements) <= 9, statements
