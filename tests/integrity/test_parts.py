"""The record is checked part by part, with the same result as at once."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from tests.integrity.tampering import FAST_CHECKS, list_violations, tampering_transaction
from tests.proof import fuzzing
from tests.proof.full_record import make_full_record
from tests.proof.fuzzing import DATABASE_CHECKS, Fuzzer
from tests.proof.proof_size import choose_size
from tests.proof.test_tampering import delete_last_row, repeat_row, rewrite_and_rechain, rewrite_event
from tracker import clock
from tracker.extensions import db
from tracker.integrity import check_parts
from tracker.integrity.check_parts import check_in_parts
from tracker.integrity.event_names import PARENTS_BY_FIRST_PART
from tracker.integrity.invariants import Check, list_faults
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.owners import OWNED, PARENT_COLUMNS, get_target, join_owner
from tracker.integrity.part_snapshot import PartSnapshot
from tracker.ledger.row_seals import SEALED_TABLES

SHARED_TABLES = {
    *(
        "bank_question",
        "centre",
        "centre_evidence_rule",
        "listed_witness",
        "retention_rule",
        "signing_key",
        "visit",
        "visit_attempt",
    ),
}
"""The sealed tables whose rows belong to no person."""
CHANGES: dict[str, Callable[[], None]] = {
    "nothing": lambda: None,
    "a decision taken out": lambda: delete_last_row("decision"),
    "a signature put in": lambda: repeat_row("signature"),
    "a unit of a candidate taken out": lambda: delete_last_row("unit_attempt"),
    "an event that says it is of another act": lambda: rewrite_event(9, rehash=True),
    "the ledger written anew from the ninth event": rewrite_and_rechain,
}
PERSON_IN_A_PART = 1
RANDOM_CHANGES = choose_size(12, 120)

Faults = dict[str, set[str]]


@pytest.fixture
def list_in_parts(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Check]], Faults]:
    """List the faults that each check finds in parts of one person."""
    found: Faults = defaultdict(set)

    def collect(check: Check, part: PartSnapshot) -> Iterator[str]:
        for fault in list_faults(check, part):
            found[check.find.__name__].add(fault)
            yield fault

    monkeypatch.setattr(check_parts, "list_faults", collect)

    def run(checks: list[Check]) -> Faults:
        found.clear()
        list(check_in_parts(LedgerSnapshot(), checks, PERSON_IN_A_PART))
        return dict(found)

    return run


def list_at_once(checks: list[Check]) -> Faults:
    db.session.expire_all()
    whole = LedgerSnapshot()
    faults = {check.find.__name__: set(list_faults(check, whole)) for check in checks}
    return {name: each for name, each in faults.items() if each}


@pytest.mark.slow
def test_parts_of_one_person_have_the_faults_of_the_whole(
    demonstration: Flask, list_in_parts: Callable[[list[Check]], Faults], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is unchanged, or was changed in known or random places without an event."""
    with clock.frozen_at(make_full_record(demonstration)):
        assert list_in_parts(FAST_CHECKS) == {}
        for name, change in CHANGES.items():
            with tampering_transaction():
                change()
                assert list_in_parts(DATABASE_CHECKS) == list_at_once(DATABASE_CHECKS), name
        fuzzer, compared = Fuzzer(seed=31), []

        def compare(checks: list[Check]) -> list[str]:
            compared.append(list_in_parts(checks) == list_at_once(checks))
            return []

        monkeypatch.setattr(fuzzing, "list_violations", compare)
        different = []
        for number in range(4 * RANDOM_CHANGES):  # some of them the database refuses
            if number >= RANDOM_CHANGES and len(compared) > RANDOM_CHANGES / 2:
                break
            trial = fuzzer.try_change(number)
            if trial and not compared[-1]:
                different.append(trial.change)
        assert different == []
        assert len(compared) > RANDOM_CHANGES / 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event SET body = 'text' WHERE seq = 9",
        "UPDATE event SET at = 'never' WHERE seq = 9",
        "UPDATE event SET body = 7 WHERE seq = 9",
        "UPDATE evidence SET candidate_id = 'Alice' WHERE id = (SELECT min(id) FROM evidence)",
        "UPDATE person SET created_at = 'never'",
    ],
)
def test_a_value_of_another_type_is_a_fault_and_ends_no_check(demonstration: Flask, change: str) -> None:
    """SQLite stores any value in any column."""
    if demonstration.config["SQLALCHEMY_DATABASE_URI"].startswith("postgresql"):
        pytest.skip("PostgreSQL refuses it")
    with tampering_transaction():
        db.session.execute(text(change))
        assert list_violations() != []


@pytest.mark.one_database
class TestOwners:
    def test_every_sealed_row_belongs_to_a_person_or_is_shared(self) -> None:
        assert set(SEALED_TABLES) - OWNED == SHARED_TABLES

    def test_every_owner_is_a_person(self) -> None:
        for name in sorted(OWNED - {"person"}):
            _, owner = join_owner(db.metadata.tables[name])
            assert get_target(owner).table.name == "person", name

    def test_a_row_with_a_key_of_two_parts_belongs_to_the_row_of_the_first(self) -> None:
        tables = [db.metadata.tables[name] for name in SEALED_TABLES]
        of_two_parts = {table.name: next(iter(table.primary_key)) for table in tables if len(table.primary_key) > 1}
        assert {name: get_target(key).table.name for name, key in of_two_parts.items()} == PARENTS_BY_FIRST_PART
        for name, key in of_two_parts.items():
            assert PARENT_COLUMNS.get(name, key.name) == key.name
