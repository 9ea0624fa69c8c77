"""The nightly run of all integrity checks by the background worker, and its results."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from tracker.clock import LONDON, now
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.transactions import transaction
from tracker.models import IntegrityCheckRun

RUN_HOUR = 2
"""The hour of the run, London time, when few people work."""
MAX_INTERVAL = timedelta(hours=26)
GROUPS = {
    "Ledger of events": (1, 2, 3, 4, 5, 14, 23),
    "Accounts, roles and separation of duties": (6, 7, 24, 25, 26, 29, 30, 33),
    "Assessment, signatures and verification": (8, 9, 10, 11, 12, 13, 19, 20),
    "Units and evidence": (15, 16, 17, 18, 32),
    "Issued forms": (21, 22),
    "Retention and erasure": (27,),
    "Database": (28, 31),
}
"""The numbers of the invariants under each heading of the page."""


def check_nightly() -> IntegrityCheckRun | None:
    """Run all checks if tonight's run is due, and store the results; the worker calls it every minute."""
    last = find_last_check()
    moment = now()
    if last and not _is_due(last):
        db.session.rollback()
        return None
    from tracker.integrity.verify import run_all_checks

    size, _ = events.get_head()
    results: list[dict[str, Any]] = [
        {"invariant": result.check.number, "name": result.check.name, "offences": result.count, "first": result.first}
        for result in run_all_checks()
    ]
    with transaction():
        run = IntegrityCheckRun(
            checked_at=moment,
            finished_at=now(),
            events=size,
            violated=sum(result["offences"] > 0 for result in results),
            results=results,
        )
        db.session.add(run)
    return run


def group_results(results: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the results of a run under the headings of GROUPS, without empty headings."""
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        heading = next(name for name, numbers in GROUPS.items() if result["invariant"] in numbers)
        by_group.setdefault(heading, []).append(result)
    return [(name, by_group[name]) for name in GROUPS if name in by_group]


def find_last_check() -> IntegrityCheckRun | None:
    """Return the latest run, or None before the first."""
    return db.session.scalars(select(IntegrityCheckRun).order_by(IntegrityCheckRun.id.desc()).limit(1)).first()


def _is_due(last: IntegrityCheckRun) -> bool:
    """Return whether it is the night after the last run, or more than a day since then."""
    current, before = now().astimezone(LONDON), last.checked_at.astimezone(LONDON)
    tonight = current.date() > before.date() and RUN_HOUR <= current.hour < RUN_HOUR + 3
    return tonight or now() - last.checked_at >= MAX_INTERVAL
