"""How the checks run: in order, with the first fault of each, and none of them ends the others."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integrity.given_records import build_snapshot
from tracker.integrity import invariants
from tracker.integrity.invariants import CHECKS, Check, invariant, list_faults, run_checks


def build_check(number: int, *faults: str) -> Check:
    return Check(number, f"check {number}", lambda _: faults)


def test_each_check_gives_its_first_fault_and_how_many_there_are() -> None:
    checks = [build_check(2), build_check(1, "a", "b")]
    results = list(run_checks(build_snapshot(), checks))
    assert [(each.check.number, each.count, each.first, each.holds) for each in results] == [
        (1, 2, "a", False),
        (2, 0, None, True),
    ]


def test_a_check_stops_after_so_many_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "MAX_COUNTED", 2)
    (result,) = run_checks(build_snapshot(), [build_check(1, "a", "b", "c")])
    assert result.count == 2


@pytest.mark.parametrize(
    "error", [KeyError("x"), IndexError("x"), TypeError("x"), ValueError("x"), AttributeError("x")]
)
def test_a_damaged_row_is_a_fault(error: Exception) -> None:
    def find(_: Any) -> Iterator[str]:
        yield "a"
        raise error

    assert list(list_faults(Check(1, "a check", find), build_snapshot())) == [
        "a",
        f"the check could not read what it needs: {type(error).__name__} {error}",
    ]


def test_a_function_is_registered_as_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "CHECKS", checks := [])

    @invariant(1, "nothing is wrong")
    def find_nothing(_: Any) -> Iterator[str]:
        yield from ()

    @invariant(2, "nothing is wrong with names", {"person": ("name",)}, once=True)
    def find_no_names(_: Any) -> Iterator[str]:
        yield from ()

    assert checks == [
        Check(1, "nothing is wrong", find_nothing, {}, once=False),
        Check(2, "nothing is wrong with names", find_no_names, {"person": ("name",)}, once=True),
    ]
    assert CHECKS is not checks
