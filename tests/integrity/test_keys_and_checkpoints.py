"""What the checks of signing keys and checkpoints find, and which losses of events were accepted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.integrity.given_records import NOON, GivenSnapshot, build_event, build_snapshot
from tracker.integrity.keys_and_checkpoints import (
    MAX_DELAY,
    AcceptedLoss,
    find_checkpoint_faults,
    find_key_faults,
    list_accepted_losses,
)
from tracker.integrity.ledger_events import EventPass, LedgerEvent
from tracker.ledger import events, read_only
from tracker.ledger.checkpoints import EVENTS_PER_CHECKPOINT, Checkpoint
from tracker.ledger.trust_anchor import KeyCheck, TrustAnchor
from tracker.models import SigningKey

PRIVATE = Ed25519PrivateKey.generate()
KEY: Any = SimpleNamespace(name="k", public_key=PRIVATE.public_key().public_bytes_raw().hex())
TICK = timedelta(microseconds=1)
HEADS = {size: f"{size:064x}" for size in range(20)}


def sign(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, signature=PRIVATE.sign(checkpoint.body).hex())


def build_checkpoint(size: int, number: int | None = None, **changes: Any) -> Checkpoint:
    """Return a signed checkpoint of the ledger when it had so many events."""
    values = {"head": HEADS[size], "at": NOON, "key": "k", "previous": None if number is None else "0" * 64}
    return sign(Checkpoint("https://example.org", size, number=number, **(values | changes)))


def build_record(
    *checkpoints: Checkpoint | None, size: int = 9, given: tuple[LedgerEvent, ...] = ()
) -> GivenSnapshot:
    """Return a record of so many events with these checkpoints, each on a line of the file."""
    record = build_snapshot(*given)
    record.checkpoints = list(enumerate(checkpoints, start=1))
    record.event_pass = EventPass(size=size)
    record.trusted_keys = {"k": KEY}
    record.key_checks = [KeyCheck(KEY, is_trusted=True, faults=())]
    record.hashes = {key: head for key, head in HEADS.items() if key}
    return record


def find_faults(*checkpoints: Checkpoint | None, **others: Any) -> list[str]:
    return list(find_checkpoint_faults(build_record(*checkpoints, **others)))


class TestKeys:
    def find_faults(self, *checks: tuple[str, ...], fingerprints: tuple[str, ...] = ("0a",)) -> list[str]:
        record = build_snapshot()
        record.anchor = TrustAnchor("in /keys", frozenset(fingerprints), faults=("a file is no key",))
        record.key_checks = [KeyCheck(SigningKey(name="k"), is_trusted=False, faults=faults) for faults in checks]
        return list(find_key_faults(record))

    def test_what_is_wrong_with_files_and_keys_is_named(self) -> None:
        assert self.find_faults(("key k is new",), ()) == ["a file is no key", "key k is new"]

    def test_a_key_that_is_trusted_is_in_the_database(self) -> None:
        assert self.find_faults() == ["a file is no key", "the database has no key, but there is one in /keys"]
        assert self.find_faults(fingerprints=()) == ["a file is no key"]


class TestCheckpoints:
    def test_the_ledger_agrees_with_each(self) -> None:
        assert find_faults() == []
        assert find_faults(build_checkpoint(3), build_checkpoint(3), build_checkpoint(9, 3)) == []

    def test_one_that_cannot_be_read_is_named_by_its_line(self) -> None:
        assert find_faults(build_checkpoint(3, 4), None) == ["checkpoint 2 cannot be read"]

    def test_one_that_has_a_number_is_named_by_it(self) -> None:
        other = replace(build_checkpoint(3, 7), head=HEADS[4])
        assert find_faults(build_checkpoint(3), other) == ["checkpoint 7 was changed: its signature is not valid"]
        assert find_faults(replace(other, number=None)) == ["checkpoint 1 was changed: its signature is not valid"]

    def test_it_is_signed_with_a_trusted_key(self) -> None:
        assert find_faults(build_checkpoint(3, key="x")) == [
            "checkpoint 1 is signed with key x, which is not a trusted key of this installation"
        ]

    def test_the_ledger_has_its_events(self) -> None:
        assert find_faults(build_checkpoint(10)) == ["checkpoint 1 records 10 events, but the ledger has 9"]
        assert find_faults(build_checkpoint(3, head=HEADS[4])) == [
            "checkpoint 1 has another hash of event 3 than the ledger"
        ]
        assert find_faults(build_checkpoint(1)) == []
        assert find_faults(build_checkpoint(0)) == ["checkpoint 1 has another hash of event 0 than the ledger"]

    def test_each_records_as_many_events_as_the_one_before(self) -> None:
        fewer = build_checkpoint(3), build_checkpoint(2), build_checkpoint(2)
        assert find_faults(*fewer) == ["checkpoint 2 records fewer events than the checkpoint before it"]


class TestMissingCheckpoints:
    """The last hundred events are covered a quarter of an hour after they came."""

    FAULT = "no checkpoint covers the last 100 events"

    def find_faults(self, after: datetime, uncovered: int = EVENTS_PER_CHECKPOINT, **changes: Any) -> list[str]:
        record = build_record(build_checkpoint(3), size=3 + uncovered)
        record.events = [build_event("data_exported", seq=3), build_event("data_exported", seq=4, at=after)]
        for name, value in changes.items():
            setattr(record, name, value)
        return list(find_checkpoint_faults(record))

    @pytest.fixture(autouse=True)
    def noon(self, freeze_clock: Callable[[datetime], None]) -> None:
        freeze_clock(NOON)

    def test_a_missing_one_is_named(self) -> None:
        assert self.find_faults(NOON - MAX_DELAY - TICK) == [self.FAULT]
        assert self.find_faults(NOON - MAX_DELAY) == []

    def test_fewer_events_need_none(self) -> None:
        assert self.find_faults(NOON - 2 * MAX_DELAY, EVENTS_PER_CHECKPOINT - 1) == []

    def test_without_a_key_there_is_none(self) -> None:
        assert self.find_faults(NOON - 2 * MAX_DELAY, key_checks=[]) == []

    def test_events_that_cannot_be_read_need_none(self) -> None:
        assert self.find_faults(NOON - 2 * MAX_DELAY, events=[]) == []


def accept(seq: int = 4, **changes: Any) -> LedgerEvent:
    """Return the event by which a person accepted the loss of events 4 to 6, with the fields as they were signed."""
    facts: dict[str, Any] = {
        "size": 3,
        "head": HEADS[3],
        "checkpoint_size": 6,
        "accepted_at": events.format_time(NOON),
    }
    facts |= {name: changes.pop(name) for name in list(changes) if name in facts}
    body = read_only.build_acceptance_statement(*facts.values())
    if facts["accepted_at"] is None:
        del facts["accepted_at"]
    signed = {"key": "k", "signed": PRIVATE.sign(body).hex()}
    return build_event("restore_accepted", ("signing_key", 1), seq=seq, **(facts | signed | changes))


def list_losses(event: LedgerEvent) -> list[AcceptedLoss]:
    return list(list_accepted_losses(build_record(given=(event,))))


class TestAcceptedLosses:
    def test_a_loss_is_signed_for_its_place_in_the_ledger(self) -> None:
        assert list_losses(accept()) == [AcceptedLoss(3, 6, NOON)]
        assert list_losses(accept(seq=5)) == []
        assert list_losses(accept(head=HEADS[4])) == []

    def test_everything_may_be_lost(self) -> None:
        assert list_losses(accept(seq=1, size=0, head="")) == [AcceptedLoss(0, 6, NOON)]

    def test_the_first_event_kept_is_compared(self) -> None:
        assert list_losses(accept(seq=2, size=1, head=HEADS[1])) == [AcceptedLoss(1, 6, NOON)]
        assert list_losses(accept(seq=2, size=1, head=HEADS[2])) == []

    def test_another_key_or_signature_accepts_nothing(self) -> None:
        assert list_losses(accept(key="x")) == []
        assert list_losses(accept(signed="00" * 64)) == []

    def test_earlier_releases_did_not_sign_the_time(self) -> None:
        assert list_losses(accept(accepted_at=None, at=NOON + TICK)) == [AcceptedLoss(3, 6, NOON + TICK)]

    @pytest.mark.parametrize(
        ("size", "at", "is_covered"),
        [
            (3, NOON, False), (4, NOON, True), (6, NOON, True), (7, NOON, False), (5, NOON + TICK, False),
        ],
    )  # fmt: skip
    def test_checkpoints_of_lost_events_are_covered(self, size: int, at: datetime, is_covered: bool) -> None:
        assert AcceptedLoss(3, 6, NOON).covers(build_checkpoint(size, at=at)) is is_covered

    def test_they_are_not_compared_with_the_ledger(self) -> None:
        lost = build_checkpoint(6, head=HEADS[1])
        later = build_checkpoint(4, at=NOON + TICK)
        assert find_faults(build_checkpoint(3), lost, later, given=(accept(),)) == []
        assert find_faults(build_checkpoint(3), lost, later) != []
