"""The memory of `flask verify` does not grow with the record: rows and events in memory are counted, not bytes."""

import pytest
from flask import Flask

from tests.bulk.loading import load_in_bulk
from tests.bulk.sizes import Size
from tests.integrity.tampering import FAST_CHECKS
from tracker.extensions import db
from tracker.integrity.check_parts import Progress, check_in_parts
from tracker.integrity.ledger_snapshot import LedgerSnapshot

pytestmark = pytest.mark.slow

PART_SIZE = 40


def test_rows_and_events_in_memory_do_not_grow_with_the_record(bulk_app: Flask) -> None:
    """Nine times as many candidates make at least five times as many parts, each of about the same size."""
    held: dict[int, list[int]] = {}
    checks = [check for check in FAST_CHECKS if not check.once]
    for candidates in (20, 180):
        size = Size(candidates=candidates, items=8, claims=3, events=20)
        load_in_bulk(bulk_app.config["SQLALCHEMY_DATABASE_URI"], size)
        with bulk_app.app_context():
            counts: list[int] = []

            def count(progress: Progress, counts: list[int] = counts) -> None:
                counts.append(progress.part.count_held())

            list(check_in_parts(LedgerSnapshot(), checks, PART_SIZE, count))
            held[candidates] = counts
            db.session.remove()
    few, many = held.values()
    assert len(many) > 5 * len(few)
    assert max(many) < 1.5 * max(few)
    assert sum(many) > 5 * sum(few), "everything is read nonetheless"
