"""Random changes of a full record: `flask verify` names each that no permitted event made.

An event that its act permits, on a row of its object, is a new act by whoever can write to the database: it is counted,
and no check can tell it from a real one (docs/security.md, What a database writer can do).
"""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.integrity.tampering import list_violations
from tests.proof.full_record import make_full_record
from tests.proof.fuzzing import Fuzzer, Trial, remembered_hashes
from tests.proof.proof_size import FULL_SIZE, choose_size, record_figures
from tracker import clock
from tracker.extensions import db
from tracker.integrity.coverage import list_covered_columns
from tracker.integrity.verify import CHECKS

SEED = int(os.environ.get("FUZZ_SEED") or (int.from_bytes(os.urandom(4)) if FULL_SIZE else 12))
CHANGE = os.environ.get("FUZZ_CHANGE")
"""The number of one change to repeat, as a failure prints it with the seed."""


@pytest.fixture
def full_record(demonstration: Flask) -> Iterator[None]:
    with clock.frozen_at(make_full_record(demonstration)), remembered_hashes():
        yield


@pytest.mark.usefixtures("full_record")
def test_every_change_is_named_unless_its_act_permits_it() -> None:
    assert list_violations(ignore_triggers=False) == []
    empty = [name for name in list_covered_columns(CHECKS) if not count_rows(name)]
    assert empty == []
    trials = make_changes(choose_size(200, 2_000))
    unnamed = [trial for trial in trials if trial.reason and not trial.named]
    assert unnamed == [], f"Repeat one with FUZZ_SEED={SEED} FUZZ_CHANGE=its number"
    kinds = Counter("without_event" if each.reason == "no event" else each.reason or "permitted" for each in trials)
    record_figures(
        changes=len(trials),
        without_event=kinds["without_event"],
        forbidden_events=len(trials) - kinds["without_event"] - kinds["permitted"],
        unnamed=0,
        permitted_events=kinds["permitted"],
        named_nevertheless=sum(bool(trial.named) for trial in trials if not trial.reason),
    )
    if CHANGE is None:
        assert {"without_event", "column", "object", "entered before", "act", "permitted"} <= set(kinds)


def make_changes(number: int) -> list[Trial]:
    """Make this many changes that the database accepts, or only the one that is to be repeated."""
    fuzzer, trials = Fuzzer(SEED), list[Trial]()
    for each in count() if CHANGE is None else [int(CHANGE)]:
        if trial := fuzzer.try_change(each):
            trials.append(trial)
        if len(trials) == number:
            break
    return trials


def count_rows(name: str) -> int:
    return db.session.scalar(select(func.count()).select_from(db.metadata.tables[name])) or 0
