"""What the checks of changed addresses and of resets of two-step verification find."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, DAN, NOON, build_event, build_snapshot
from tracker.accounts.services.account_changes import WAITING_TIME
from tracker.integrity.account_changes import (
    find_ends_without_event,
    find_hasty_account_changes,
    find_other_addresses,
)
from tracker.integrity.ledger_events import LedgerEvent

HEIDI = 5
"""Another administrator."""
TICK = timedelta(microseconds=1)
RESET = "two_step_verification_reset"


def request(seq: int = 1, actor: int | None = DAN, kind: str = "email", **others: Any) -> LedgerEvent:
    """Return the event by which a change of Alice's account was asked for."""
    facts: dict[str, Any] = {"person": ALICE, "kind": kind, "at": NOON} | others
    return build_event("account_change_requested", ("account_change", 3), seq=seq, actor=actor, **facts)


def change(
    actor: int | None = HEIDI, act: str = "email_changed", about: int = ALICE, seq: int = 5, **others: Any
) -> LedgerEvent:
    """Return the event by which it took effect."""
    return build_event(act, ("person", about), seq=seq, actor=actor, **({"change": 3} | others))


def find_faults(*events: LedgerEvent) -> list[str]:
    faults = find_hasty_account_changes(build_snapshot(*events))
    return [fault.partition(") ")[2] for fault in faults]


class TestApproval:
    def test_another_administrator_approves_it(self) -> None:
        assert find_faults(request(), change()) == []
        assert find_faults(request(kind="two_step_verification"), change(act=RESET)) == []

    def test_it_follows_from_its_own_request(self) -> None:
        fault = ["does not follow from event 1 (account_change_requested)"]
        assert find_faults(request(), change(about=BOB)) == fault
        assert find_faults(request(kind="two_step_verification"), change()) == fault
        assert find_faults(request(seq=6), change()) == ["does not follow from event 6 (account_change_requested)"]

    def test_a_change_of_an_address_has_a_request(self) -> None:
        assert find_faults(change()) == ["has no request"]
        assert find_faults(change(actor=None)) == ["has no request"]
        assert find_faults(build_event("email_changed", ("person", ALICE))) == ["has no request"]

    def test_the_operator_resets_two_step_verification_without_one(self) -> None:
        assert find_faults(build_event(RESET, ("person", ALICE))) == []
        assert find_faults(build_event(RESET, ("person", ALICE), actor=DAN)) == ["has no request"]
        assert find_faults(change(actor=None, act=RESET)) == ["has no request"]

    def test_another_event_about_the_change_is_no_request(self) -> None:
        cancelled = build_event("account_change_cancelled", ("account_change", 3), seq=2, actor=DAN)
        assert find_faults(cancelled, change()) == ["has no request"]
        assert find_faults(request(), cancelled, change()) == []

    def test_what_the_operator_asked_for_the_operator_does(self) -> None:
        assert find_faults(request(actor=None), change(actor=None)) == []
        assert find_faults(request(actor=None), change()) == [
            "was asked for by the operator, and done by somebody else"
        ]

    @pytest.mark.parametrize(
        ("waited", "is_enough"), [(WAITING_TIME, True), (WAITING_TIME - TICK, False), (WAITING_TIME + TICK, True)]
    )
    def test_without_an_approval_it_waits(self, waited: timedelta, is_enough: bool) -> None:
        faults = find_faults(request(), change(actor=None, at=NOON + waited))
        assert faults == ([] if is_enough else ["took effect before the waiting time was over"])

    def test_the_person_whose_account_it_is_does_not_approve_it(self) -> None:
        assert find_faults(request(), change(actor=ALICE)) == ["was approved by the person whose account it is"]


class TestOwnRequest:
    """Whoever asked for a change may make it where the person has never signed in."""

    SAME = ["was asked for and done by the same person"]

    def test_nobody_approves_their_own(self) -> None:
        assert find_faults(request(), change(actor=DAN)) == self.SAME
        assert find_faults(request(), change(actor=DAN, has_account=True)) == self.SAME

    @pytest.mark.parametrize(("accepted", "is_named"), [(4, True), (5, False), (6, False)])
    def test_an_address_may_be_corrected_before_the_invitation_is_accepted(
        self, accepted: int, is_named: bool
    ) -> None:
        invitation = build_event("invitation_accepted", ("person", ALICE), seq=accepted, actor=ALICE)
        corrected = change(actor=DAN, has_account=False)
        assert find_faults(request(), corrected) == []
        assert find_faults(request(), invitation, corrected) == (self.SAME if is_named else [])

    def test_an_invitation_of_somebody_else_does_not_count(self) -> None:
        invitation = build_event("invitation_accepted", ("person", BOB), seq=2, actor=BOB)
        assert find_faults(request(), invitation, change(actor=DAN, has_account=False)) == []


class TestEnds:
    FAULT = ["account change 3 did not end as its events say"]

    def find_faults(self, *events: LedgerEvent, **row: Any) -> list[str]:
        return list(find_ends_without_event(build_snapshot(*events, account_change=[{"id": 3} | row])))

    def test_a_change_that_took_effect_has_one_event(self) -> None:
        assert self.find_faults() == []
        assert self.find_faults(change(), applied_at=NOON) == []
        assert self.find_faults(applied_at=NOON) == self.FAULT
        assert self.find_faults(change()) == self.FAULT
        assert self.find_faults(change(), change(seq=6), applied_at=NOON) == self.FAULT

    def test_a_change_that_was_cancelled_has_one_event(self) -> None:
        cancelled = build_event("account_change_cancelled", ("account_change", 3))
        assert self.find_faults(cancelled, cancelled_at=NOON) == []
        assert self.find_faults(cancelled_at=NOON) == self.FAULT
        assert self.find_faults(cancelled) == self.FAULT


class TestAddresses:
    FAULT = ["person 1 has another address than it was changed to"]

    def find_faults(self, email: str, *addresses: str) -> list[str]:
        changes = [{"id": key, "person_id": ALICE, "new_email": each} for key, each in enumerate(addresses, start=1)]
        events = [change(seq=row["id"], change=row["id"]) for row in changes]  # type: ignore[call-overload]
        people = [{"id": ALICE, "email": email}]
        return list(find_other_addresses(build_snapshot(*events, account_change=changes, person=people)))

    def test_an_address_is_the_one_it_was_last_changed_to(self) -> None:
        assert self.find_faults("a@example.org") == []
        assert self.find_faults("c@example.org", "b@example.org", "c@example.org") == []
        assert self.find_faults("b@example.org", "b@example.org", "c@example.org") == self.FAULT

    def test_an_erased_one_is_not_compared(self) -> None:
        assert self.find_faults("erased-1@erased.invalid", "Erased") == []

    def test_an_event_of_no_known_change_is_left_out(self) -> None:
        people = [{"id": ALICE, "email": "a@example.org"}]
        assert list(find_other_addresses(build_snapshot(change(change=9), person=people))) == []
