"""A set of hashes in runs: the same answers as a set of Python."""

import hashlib

import pytest

from tracker.integrity import sorted_hashes
from tracker.integrity.sorted_hashes import SortedHashes


def hash_numbers(numbers: range) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 8, 9, 50])
def test_it_has_what_it_was_given_and_nothing_else(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(sorted_hashes, "RUN_LENGTH", 4)
    given, others = hash_numbers(range(size)), hash_numbers(range(size, size + 50))
    hashes = SortedHashes(given)
    assert sorted(hashes) == sorted(given)
    assert len(hashes) == size
    assert [each for each in given if each not in hashes] == []
    assert [each for each in others if each in hashes] == []


def test_each_run_has_the_length_and_is_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_hashes, "RUN_LENGTH", 4)
    given = hash_numbers(range(10))
    runs = [given[:4], given[4:8], given[8:]]
    assert list(SortedHashes(given)) == [each for run in runs for each in sorted(run)]


def test_the_first_and_the_last_of_a_run_are_found() -> None:
    lowest, between, highest = "00" * 32, "7f" * 32, "ff" * 32
    hashes = SortedHashes([highest, lowest])
    assert lowest in hashes
    assert highest in hashes
    assert between not in hashes


def test_the_same_hash_twice_is_one() -> None:
    assert len(SortedHashes(["0a" * 32, "0a" * 32])) == 1
