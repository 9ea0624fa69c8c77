"""What the checks of numbered checkpoints find: gaps, other copies in the database, and others kept outside."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integrity.given_records import NOON, GivenSnapshot, build_event, build_rows
from tests.integrity.test_keys_and_checkpoints import HEADS, accept, build_checkpoint, build_record, sign
from tracker.integrity.checkpoint_copies import (
    find_chain_faults,
    find_copy_faults,
    find_outside_faults,
)
from tracker.integrity.keys_and_checkpoints import MAX_DELAY
from tracker.ledger import checkpoint_following
from tracker.ledger.checkpoints import NO_PREVIOUS, Checkpoint

TICK = timedelta(microseconds=1)


def chain(*numbers: int | None) -> list[Checkpoint]:
    """Return checkpoints with these numbers, each of one event more, that name the one before."""
    checkpoints: list[Checkpoint] = []
    for size, number in enumerate(numbers, start=1):
        previous = checkpoints[-1].hash if checkpoints else NO_PREVIOUS
        checkpoints.append(build_checkpoint(size, number, previous=None if number is None else previous))
    return checkpoints


def find_gaps(*checkpoints: Checkpoint | None) -> list[str]:
    return list(find_chain_faults(build_record(*checkpoints)))


class TestGaps:
    def test_checkpoints_are_numbered_one_after_the_other(self) -> None:
        assert find_gaps(*chain(1, 2, 3)) == []
        assert find_gaps() == []

    def test_a_missing_one_is_named(self) -> None:
        first, _, third, _, fifth = chain(1, 2, 3, 4, 5)
        assert find_gaps(first, third) == ["the file lacks the checkpoints 2 to 2"]
        assert find_gaps(first, fifth) == ["the file lacks the checkpoints 2 to 4"]
        assert find_gaps(third) == ["the file lacks the checkpoints 1 to 2"]

    def test_one_that_stands_twice_is_named(self) -> None:
        first, second = chain(1, 2)
        assert find_gaps(first, second, second) == ["checkpoint 2 is on line 3, where number 3 should be"]

    def test_one_that_was_replaced_is_named(self) -> None:
        first, second = chain(1, 2)
        other = sign(replace(first, at=NOON + TICK))
        fault = "does not name the one before it, which was replaced"
        assert find_gaps(other, second) == [f"checkpoint 2 {fault}"]
        assert find_gaps(sign(replace(first, previous="0a"))) == [f"checkpoint 1 {fault}"]

    def test_those_of_earlier_releases_have_no_number_and_stand_first(self) -> None:
        assert find_gaps(*chain(None, None, 3, 4)) == []
        assert find_gaps(*chain(None, None, 4)) == ["the file lacks the checkpoints 3 to 3"]
        assert find_gaps(*chain(1, None)) == [
            "the checkpoint on line 2 has no number; the one before it has number 1"
        ]

    def test_what_follows_an_unreadable_line_is_not_compared_with_it(self) -> None:
        first, _, third, fourth, _, sixth = chain(1, 2, 3, 4, 5, 6)
        assert find_gaps(first, None, third, fourth) == []
        assert find_gaps(first, None, third, sixth) == ["the file lacks the checkpoints 4 to 5"]
        assert find_gaps(None, third) == []


def copy_rows(*checkpoints: Checkpoint) -> list[dict[str, Any]]:
    return [{"number": each.number, "line": each.line} for each in checkpoints]


def build_copied(in_file: list[Checkpoint], copies: list[Checkpoint], *given: Any) -> GivenSnapshot:
    """Return a record with checkpoints in the file, and copies in the database."""
    record = build_record(*in_file, given=given)
    rows = build_rows("checkpoint_copy", copy_rows(*copies))
    copied = GivenSnapshot(record.events, {"checkpoint_copy": rows})
    copied.__dict__.update({name: value for name, value in vars(record).items() if not name.startswith("_")})
    return copied


class TestCopies:
    @pytest.fixture(autouse=True)
    def noon(self, freeze_clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch) -> None:
        freeze_clock(NOON + MAX_DELAY + TICK)
        monkeypatch.setattr(checkpoint_following, "are_shared", lambda: False)

    def find_faults(self, in_file: list[Checkpoint], copies: list[Checkpoint], *given: Any) -> list[str]:
        return list(find_copy_faults(build_copied(in_file, copies, *given)))

    def test_file_and_copies_are_the_same(self) -> None:
        assert self.find_faults(chain(1, 2), chain(1, 2)) == []
        assert self.find_faults([], []) == []
        assert self.find_faults(chain(None, 2), chain(None, 2)[1:]) == []

    def test_one_that_is_only_in_the_database_is_named(self) -> None:
        assert self.find_faults(chain(1), chain(1, 2)) == [
            "checkpoint 2 is missing from the file; the database has a copy of it"
        ]
        assert self.find_faults([], chain(1)) != []

    def test_one_that_differs_is_named(self) -> None:
        first, second = chain(1, 2)
        other = replace(second, head=HEADS[5])
        assert self.find_faults([first, second], [first, other]) == [
            "checkpoint 2 in the file differs from the database’s copy"
        ]

    def test_one_without_a_copy_is_named(self) -> None:
        first, second = chain(1, 2)
        fault = "checkpoint {} is in the file, but the database’s copy of it is missing"
        assert self.find_faults([first, second], [first]) == [fault.format(2)]
        assert self.find_faults([first], []) == [fault.format(1)]

    @pytest.mark.parametrize(("number", "is_named"), [(2, False), (1, True)])
    def test_the_newest_is_copied_within_minutes(
        self, freeze_clock: Callable[[datetime], None], number: int, is_named: bool
    ) -> None:
        freeze_clock(NOON + MAX_DELAY)
        checkpoints = chain(1, 2)
        copied = [each for each in checkpoints if each.number != number]
        assert bool(self.find_faults(checkpoints, copied)) is is_named

    def test_lost_events_need_no_copies(self) -> None:
        in_file = chain(1, 2, 3, 4)
        assert self.find_faults(in_file, in_file[:3], accept()) == []
        assert self.find_faults(in_file, in_file[:2], accept()) != []

    def test_another_host_may_have_written_one_just_now(
        self, freeze_clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checkpoint_following, "are_shared", lambda: True)
        first, second = chain(1, 2)
        freeze_clock(NOON + MAX_DELAY)
        assert self.find_faults([first], [first, second]) == []
        assert self.find_faults([], [first, second]) == []
        assert self.find_faults([second], [first, second]) == [
            "checkpoint 1 is missing from the file; the database has a copy of it"
        ]
        freeze_clock(NOON + MAX_DELAY + TICK)
        assert self.find_faults([first], [first, second]) != []

    def test_a_copy_that_is_no_checkpoint_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checkpoint_following, "are_shared", lambda: True)
        record = build_copied(chain(1), chain(1))
        for line in ("no line", build_checkpoint(2).line):
            rows = build_rows("checkpoint_copy", [*copy_rows(*chain(1)), {"number": 2, "line": line}])
            record._rows["checkpoint_copy"] = rows
            assert list(find_copy_faults(record)) == [
                "checkpoint 2 is missing from the file; the database has a copy of it"
            ]


class TestOutside:
    def find_faults(self, outside: Checkpoint | None, *in_file: Checkpoint, given: tuple[Any, ...] = ()) -> list[str]:
        record = build_record(*in_file, given=given)
        record.outside_checkpoints = [("the email of 3 November", outside)]
        return [fault.removeprefix("the email of 3 November ") for fault in find_outside_faults(record)]

    def test_file_and_ledger_agree_with_it(self) -> None:
        first, second = chain(1, 2)
        assert self.find_faults(second, first, second) == []
        assert self.find_faults(build_checkpoint(2), first) == []
        assert self.find_faults(None, first) == ["cannot be read"]

    def test_the_ledger_contradicts_it(self) -> None:
        assert self.find_faults(build_checkpoint(12)) == ["records 12 events, but the ledger has 9"]

    def test_the_file_lacks_it(self) -> None:
        first, second = chain(1, 2)
        assert self.find_faults(second, first) == ["is number 2, which is not in the file of checkpoints"]

    def test_the_file_has_another(self) -> None:
        first, second = chain(1, 2)
        other = sign(replace(second, at=NOON + TICK))
        assert self.find_faults(other, first, second) == ["differs from number 2 in the file of checkpoints"]

    def test_it_is_of_lost_events(self) -> None:
        assert self.find_faults(build_checkpoint(5, 2, head=HEADS[1]), given=(accept(),)) == []
        assert self.find_faults(build_checkpoint(5, 2, head=HEADS[1]), given=(build_event("key_made"),)) != []
