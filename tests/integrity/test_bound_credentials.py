"""What the checks of credentials find in the events of passwords, sign-in methods, recovery codes and sessions."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.integrity.given_records import ALICE, BOB, NOON, GivenSnapshot, build_event, build_snapshot
from tracker.accounts.credential_texts import describe_codes, describe_factor
from tracker.accounts.services.account_links import LIFETIME
from tracker.accounts.sessions import ABSOLUTE_TIMEOUT
from tracker.integrity.credentials import (
    find_planted_codes,
    find_planted_factors,
    find_planted_links,
    find_planted_passwords,
    find_planted_sessions,
)
from tracker.integrity.ledger_events import LedgerEvent
from tracker.ledger.events import hash_text
from tracker.vocabulary import LinkPurpose

Values = dict[str, Any]
SALT = "0a" * 16
TICK = timedelta(microseconds=1)


def bind(
    act: str, field: str, text: str, seq: int = 1, about: tuple[str, int] = ("person", ALICE), **others: Any
) -> LedgerEvent:
    """Return an event that holds the salted hash of a text."""
    return build_event(act, about, seq=seq, texts={field: hash_text(SALT, text)}, **others)


def build_record(*events: LedgerEvent, **tables: list[Values]) -> GivenSnapshot:
    """Return a record with the salts of the events' texts."""
    record = build_snapshot(*events, **tables)
    record.salts = {event.seq: dict.fromkeys(event.data.get("texts", ()), SALT) for event in events}
    return record


def erase(person: int = ALICE, column: str = "email", table: str = "person") -> LedgerEvent:
    return build_event("portfolio_erased", ("erasure", 1), seq=9, former={f"{table}:{person}": {column: "0a"}})


class TestLinks:
    """A link that was planted in the database sets a password by an act of the product."""

    @pytest.fixture(params=[("invitation_accepted", "invitation"), ("password_reset", "reset")])
    def link(self, request: pytest.FixtureRequest) -> tuple[str, str]:
        """The act of a use, and the purpose of the link."""
        act, purpose = request.param
        return act, purpose

    def find_faults(self, *events: LedgerEvent) -> list[str]:
        return list(find_planted_links(build_snapshot(*events, person=[{"id": ALICE}])))

    def test_a_link_that_was_issued_sets_a_password_once(self, link: tuple[str, str]) -> None:
        act, purpose = link
        issued, used = build_event("link_issued", seq=1, purpose=purpose), build_event(act, seq=2)
        assert self.find_faults(issued, used) == []
        again = build_event(act, seq=3)
        assert self.find_faults(issued, used, again) == [
            f"event 3 ({act}) used a link that no event issued, or that had ended"
        ]

    def test_a_link_without_an_event_is_named(self, link: tuple[str, str]) -> None:
        act, purpose = link
        other = build_event("link_issued", purpose="reset" if purpose == "invitation" else "invitation")
        for before in ((), (other,), (build_event("link_issued", ("person", BOB), purpose=purpose),)):
            assert self.find_faults(*before, build_event(act, seq=2)) == [
                f"event 2 ({act}) used a link that no event issued, or that had ended"
            ]

    def test_a_link_is_not_used_after_its_time(self, link: tuple[str, str]) -> None:
        act, purpose = link
        issued = build_event("link_issued", seq=1, purpose=purpose, at=NOON)
        lifetime = LIFETIME[LinkPurpose(purpose)]
        assert self.find_faults(issued, build_event(act, seq=2, at=NOON + lifetime)) == []
        assert self.find_faults(issued, build_event(act, seq=2, at=NOON + lifetime + timedelta(minutes=6))) != []

    def test_another_password_ends_the_links_before_it(self, link: tuple[str, str]) -> None:
        act, purpose = link
        issued, changed = build_event("link_issued", seq=1, purpose=purpose), build_event("password_changed", seq=2)
        assert self.find_faults(issued, changed) == []
        assert self.find_faults(issued, changed, build_event(act, seq=3)) != []

    def test_links_of_people_of_other_parts_are_not_looked_for(self, link: tuple[str, str]) -> None:
        record = build_snapshot(build_event(link[0]))
        record.others = {("person", ALICE)}
        assert list(find_planted_links(record)) == []


class TestPasswords:
    def find_faults(self, password: str | None, *events: LedgerEvent) -> list[str]:
        return list(find_planted_passwords(build_record(*events, person=[{"id": ALICE, "password_hash": password}])))

    @pytest.mark.parametrize("act", ["invitation_accepted", "password_changed", "password_reset"])
    def test_a_password_is_the_one_that_was_set(self, act: str) -> None:
        event = bind(act, "password", "own")
        assert self.find_faults("own", event) == []
        for password in ("planted", None):
            assert self.find_faults(password, event) == [f"person 1 has another password than event 1 ({act}) says"]

    def test_the_last_event_counts(self) -> None:
        reset, changed = bind("password_reset", "password", "new", seq=5), bind("password_changed", "password", "old")
        assert self.find_faults("new", changed, reset) == []
        assert self.find_faults("old", changed, reset) == [
            "person 1 has another password than event 5 (password_reset) says"
        ]
        later = bind("password_changed", "password", "newest", seq=6)
        assert self.find_faults("newest", later, reset) == []

    def test_somebody_set_it(self) -> None:
        assert self.find_faults(None) == []
        assert self.find_faults("planted") == ["person 1 has a password, and no event says that they set one"]
        other = bind("password_changed", "password", "planted", about=("person", BOB))
        assert self.find_faults("planted", other) != []

    def test_earlier_releases_did_not_say_which(self) -> None:
        assert self.find_faults("any", build_event("password_changed")) == []

    def test_a_text_without_its_salt_is_not_bound(self) -> None:
        record = build_record(bind("password_changed", "password", "own"), person=[{"password_hash": "own"}])
        salts: list[dict[int, dict[str, str]]] = [{}, {1: {}}, {2: {"password": SALT}}]
        for record.salts in salts:
            assert list(find_planted_passwords(record)) != []

    def test_an_erased_person_has_none(self) -> None:
        event = bind("password_changed", "password", "own")
        assert self.find_faults(None, event, erase()) == []
        assert self.find_faults("own", event, erase()) == ["person 1 has a password although they were erased"]

    @pytest.mark.parametrize("erasure", [erase(BOB), erase(column="name"), erase(table="registration")])
    def test_an_erasure_of_something_else_leaves_it(self, erasure: LedgerEvent) -> None:
        assert self.find_faults("own", bind("password_changed", "password", "own"), erasure) == []

    def test_an_erasure_that_changed_nothing_leaves_it(self) -> None:
        erasure = build_event("portfolio_erased", ("erasure", 1), seq=9)
        assert self.find_faults("own", bind("password_changed", "password", "own"), erasure) == []


class TestFactors:
    ROW: Values = {"id": 5, "person_id": ALICE, "kind": "app", "secret": "own", "credential_id": b"\x01"}
    GONE = ["sign-in method 5 is gone, and no event says so"]

    def add(self, seq: int = 1) -> LedgerEvent:
        row = build_snapshot(second_factor=[self.ROW]).rows("second_factor")[5]
        return bind("second_factor_added", "factor", describe_factor(row), seq, factor=5)

    def find_faults(self, row: Values | None, *events: LedgerEvent) -> list[str]:
        rows = [] if row is None else [self.ROW | row]
        return list(find_planted_factors(build_record(*events, second_factor=rows)))

    def test_a_sign_in_method_is_the_one_that_was_set_up(self) -> None:
        assert self.find_faults({}, self.add()) == []
        assert self.find_faults({"secret": "planted"}, self.add()) == [
            "sign-in method 5 is not the one that event 1 (second_factor_added) says"
        ]
        assert self.find_faults({}) == ["sign-in method 5 was set up by no event"]

    @pytest.mark.parametrize(
        "removal",
        [
            build_event("second_factor_removed", seq=2, factor=5),
            build_event("second_factor_removed", seq=2, factors=[4, 5]),
            build_event("two_step_verification_reset", seq=2, factors=[5]),
        ],
    )
    def test_one_that_was_removed_is_gone(self, removal: LedgerEvent) -> None:
        assert self.find_faults(None, self.add(), removal) == []
        assert self.find_faults({}, self.add(), removal) == ["sign-in method 5 was set up by no event"]

    def test_one_that_is_gone_was_removed(self) -> None:
        assert self.find_faults(None, self.add()) == self.GONE
        assert self.find_faults(None, self.add(), build_event("second_factor_removed", seq=2, factor=6)) == self.GONE
        assert self.find_faults(None, self.add(), build_event("signed_in", seq=2, factors=[5])) == self.GONE

    def test_those_of_an_erased_person_are_gone(self) -> None:
        assert self.find_faults(None, self.add(), erase()) == []
        assert self.find_faults(None, self.add(), erase(BOB)) == self.GONE


class TestRecoveryCodes:
    def find_faults(self, *events: LedgerEvent) -> list[str]:
        codes = [{"person_id": ALICE, "code_hash": each} for each in ("a", "b")]
        return list(find_planted_codes(build_record(*events, recovery_code=codes)))

    def test_they_are_those_that_were_made(self) -> None:
        assert self.find_faults(bind("recovery_codes_made", "codes", describe_codes(["b", "a"]))) == []
        assert self.find_faults(bind("recovery_codes_made", "codes", describe_codes(["a", "c"]))) == [
            "the recovery codes of person 1 are not those that event 1 (recovery_codes_made) says"
        ]

    def test_somebody_made_them(self) -> None:
        fault = ["person 1 has recovery codes that no event made"]
        assert self.find_faults() == fault
        others = bind("recovery_codes_made", "codes", describe_codes(["a", "b"]), about=("person", BOB))
        assert self.find_faults(others) == fault

    def test_a_person_without_codes_needs_no_event(self) -> None:
        record = build_record()
        record._indices["recovery_code", "person_id"] = {ALICE: []}
        assert list(find_planted_codes(record)) == []


class TestSessions:
    FAULT = ["session 3 of person 1 is open, and no event says that they signed in with it"]

    @pytest.fixture(autouse=True)
    def noon(self, freeze_clock: Callable[[datetime], None]) -> None:
        freeze_clock(NOON)

    def find_faults(
        self, *events: LedgerEvent, factors: int = 0, is_recorded: bool = True, **changes: Any
    ) -> list[str]:
        row = {"id": 3, "person_id": ALICE, "token_hash": "own", "created_at": NOON}
        factor = [{"person_id": ALICE}] * factors
        record = build_record(*events, user_session=[row | changes], second_factor=factor)
        asked: list[datetime] = []

        def has_signed_in_before(at: datetime) -> bool:
            asked.append(at)
            return is_recorded

        record.first_events = SimpleNamespace(has_signed_in_before=has_signed_in_before)  # type: ignore[assignment]
        faults = list(find_planted_sessions(record))
        assert asked in ([], [(row | changes)["created_at"]])
        return faults

    def sign_in(self, text: str = "own", session: int = 3, **others: Any) -> LedgerEvent:
        return bind("signed_in", "session", text, about=("user_session", session), **({"actor": ALICE} | others))

    def test_an_open_session_has_its_sign_in(self) -> None:
        assert self.find_faults(self.sign_in()) == []
        assert self.find_faults() == self.FAULT
        assert self.find_faults(self.sign_in(session=4)) == self.FAULT
        assert self.find_faults(self.sign_in("planted")) == self.FAULT
        assert self.find_faults(self.sign_in(actor=BOB)) == self.FAULT
        assert self.find_faults(self.sign_in("planted"), self.sign_in(seq=2)) == []

    def test_before_the_first_recorded_sign_in_none_is_needed(self) -> None:
        assert self.find_faults(is_recorded=False) == []
        assert self.find_faults(self.sign_in("planted"), is_recorded=False) == self.FAULT

    def test_a_session_that_is_over_is_not_compared(self) -> None:
        assert self.find_faults(ended_at=NOON) == []
        assert self.find_faults(created_at=NOON - ABSOLUTE_TIMEOUT) == []
        assert self.find_faults(created_at=NOON - ABSOLUTE_TIMEOUT + TICK) == self.FAULT

    def test_one_that_waits_for_the_second_step_is_not_compared(self) -> None:
        assert self.find_faults(factors=1) == []
        assert self.find_faults(factors=1, verified_at=NOON) == self.FAULT
        assert self.find_faults(verified_at=NOON) == self.FAULT
