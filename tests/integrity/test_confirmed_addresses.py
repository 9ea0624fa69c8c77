"""What the checks of confirmed addresses find, by the events of links, invitations and confirmations."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, DAN, NOON, build_event, build_snapshot
from tracker.integrity.confirmed_addresses import find_other_confirmations, find_untrue_statements
from tracker.integrity.ledger_events import LedgerEvent

HOUR = timedelta(hours=1)
CONFIRMED_AT = NOON + HOUR


def issue(purpose: str = "confirmation", person: int = ALICE, actor: int | None = DAN, **said: Any) -> LedgerEvent:
    return build_event("link_issued", ("person", person), actor=actor, purpose=purpose, **said)


def confirm(purpose: str = "confirmation", person: int = ALICE, actor: int = ALICE) -> LedgerEvent:
    return build_event(
        "email_confirmed", ("person", person), actor=actor, purpose=purpose, confirmed_at=CONFIRMED_AT.isoformat()
    )


def use(act: str = "invitation_accepted", at: timedelta = HOUR) -> LedgerEvent:
    return build_event(act, ("person", ALICE), actor=ALICE, at=NOON + at)


def renumber(*events: LedgerEvent) -> list[LedgerEvent]:
    return [build_event(each.act, (each.object_type, each.object_id), seq=seq, at=each.at, actor=each.actor, **each.data)
            for seq, each in enumerate(events, start=1)]  # fmt: skip


def is_confirmed(*events: LedgerEvent, at: Any = CONFIRMED_AT) -> bool:
    """Return whether Alice's address was confirmed at a time, and not at no time, according to the events."""
    faults = {
        moment: list(
            find_other_confirmations(build_snapshot(*renumber(*events), person=[{"email_confirmed_at": moment}]))
        )
        for moment in (at, None)
    }
    fault = ["person 1 did not confirm their address as the events say"]
    assert sorted(faults.values()) == [[], fault]
    return faults[at] == []


class TestConfirmations:
    def test_a_person_confirms_their_address_by_a_link_that_was_emailed(self) -> None:
        assert is_confirmed(issue(emailed=True), confirm())
        assert not is_confirmed(issue(emailed=False), confirm())
        assert not is_confirmed(confirm())
        assert not is_confirmed()

    def test_the_link_is_of_that_person_and_purpose_and_nobody_else_uses_it(self) -> None:
        assert not is_confirmed(issue(emailed=True, person=BOB), confirm())
        assert not is_confirmed(issue("invitation", emailed=True), confirm())
        assert not is_confirmed(issue(emailed=True), confirm(actor=BOB))

    def test_the_last_link_counts(self) -> None:
        assert not is_confirmed(issue(emailed=True), issue(emailed=False), confirm())

    def test_a_changed_address_is_not_confirmed(self) -> None:
        changed = build_event("email_changed", ("person", ALICE), actor=DAN)
        assert not is_confirmed(issue(emailed=True), confirm(), changed)
        assert not is_confirmed(issue(emailed=True), changed, confirm())
        assert is_confirmed(issue(emailed=True), confirm(), build_event("email_changed", ("person", BOB), actor=DAN))
        assert is_confirmed(build_event("email_changed", ("person", ALICE)), issue(emailed=True), confirm())


class TestEarlierReleases:
    """A link of which no event says whether it was emailed counts as emailed if an administrator was not shown it."""

    @pytest.mark.parametrize(("act", "purpose"), [("invitation_accepted", "invitation"), ("password_reset", "reset")])
    def test_its_use_is_its_confirmation(self, act: str, purpose: str) -> None:
        assert is_confirmed(issue(purpose), use(act))
        assert not is_confirmed(issue("another"), use(act))
        assert not is_confirmed(use(act))

    def test_one_that_was_shown_or_that_the_operator_issued_confirms_nothing(self) -> None:
        assert not is_confirmed(issue("invitation", shown_to_administrator=True), use())
        assert is_confirmed(issue("invitation", shown_to_administrator=False), use())
        assert not is_confirmed(issue("invitation", actor=None), use())

    def test_the_use_of_a_link_that_was_emailed_is_no_confirmation_by_itself(self) -> None:
        assert not is_confirmed(issue("invitation", emailed=True), use())
        assert is_confirmed(issue("invitation", emailed=True), confirm("invitation"))

    def test_the_first_confirmation_counts(self) -> None:
        assert is_confirmed(issue("reset"), use("password_reset"), use("password_reset", 2 * HOUR))

    def test_another_act_confirms_nothing(self) -> None:
        assert not is_confirmed(issue("invitation"), use("signed_in"))


class TestStatements:
    CONFIRMATION = (issue(emailed=True), confirm())

    def find_faults(self, act: str, *before: LedgerEvent, stated: bool | None, about: int = 3) -> list[str]:
        table = "evidence_version" if act == "evidence_submitted" else "signature"
        event = build_event(act, (table, about), actor=ALICE)
        rows: dict[str, list[dict[str, Any]]] = {
            "signature": [{"id": 3, "address_confirmed": stated if table == "signature" else None}],
            "submission": [{"evidence_version_id": 3, "address_confirmed": stated}],
        }
        return list(find_untrue_statements(build_snapshot(*renumber(*before, event), **rows)))

    @pytest.mark.parametrize("act", ["unit_signed", "unit_confirmed", "unit_verified", "evidence_submitted"])
    def test_what_is_signed_says_whether_the_address_was_confirmed(self, act: str) -> None:
        said_too_much = [f"event 1 ({act}) says the opposite of whether the address of its actor was confirmed"]
        said_too_little = [f"event 3 ({act}) says the opposite of whether the address of its actor was confirmed"]
        assert self.find_faults(act, stated=False) == []
        assert self.find_faults(act, stated=True) == said_too_much
        assert self.find_faults(act, *self.CONFIRMATION, stated=True) == []
        assert self.find_faults(act, *self.CONFIRMATION, stated=False) == said_too_little

    def test_earlier_releases_said_nothing(self) -> None:
        assert self.find_faults("unit_signed", *self.CONFIRMATION, stated=None) == []
        assert self.find_faults("evidence_submitted", *self.CONFIRMATION, stated=None) == []

    def test_a_missing_row_says_nothing(self) -> None:
        for act in ("unit_signed", "evidence_submitted"):
            assert self.find_faults(act, stated=True, about=9) == []

    def test_another_act_says_nothing(self) -> None:
        assert self.find_faults("attempt_voided", stated=True) == []

    def test_a_later_confirmation_does_not_count(self) -> None:
        signed = build_event("unit_signed", ("signature", 3), actor=ALICE)
        events = renumber(issue(emailed=True), signed, confirm())
        for stated, faults in ((False, 0), (True, 1)):
            record = build_snapshot(*events, signature=[{"id": 3, "address_confirmed": stated}])
            assert len(list(find_untrue_statements(record))) == faults
