"""The nightly run of all integrity checks by the background worker, and its results."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import select

from tracker.clock import LONDON, now
from tracker.extensions import db
from tracker.ledger import events, keys
from tracker.ledger.canonical_json import canonical_json
from tracker.ledger.transactions import transaction
from tracker.models import IntegrityCheckRun

DOMAIN = b"tracker.check.v1\0"
RUN_HOUR = 2
"""The hour of the run, London time, when few people work."""
MAX_INTERVAL = timedelta(hours=26)
MAX_CLOCK_DIFFERENCE = timedelta(hours=1)
"""How far in the future a run may be, by another host's clock."""
SMALL_LEDGER = 20_000
"""The most events with which the check reads everything every night."""
WHOLE_INTERVAL = timedelta(days=6, hours=12)
"""The time after which a check reads everything in a larger ledger too: once a week, with some margin."""
MAX_RUNS_SINCE_WHOLE = 20
"""The runs among which the last one of everything is looked for; there is one each night."""
GROUPS = {
    "Ledger of events": (1, 2, 3, 4, 5, 14, 23),
    "Accounts, roles and separation of duties": (6, 7, 24, 25, 26, 29, 30, 33, 37, 41),
    "Assessment, signatures and verification": (8, 9, 10, 11, 12, 13, 19, 20, 39, 43, 44),
    "Units and evidence": (15, 16, 17, 18, 32, 34, 35, 36, 40, 42),
    "Issued forms": (21, 22),
    "Retention and erasure": (27,),
    "Database": (28, 31, 38),
}
"""The numbers of the invariants under each heading of the page."""


def check_nightly() -> IntegrityCheckRun | None:
    """Run all checks if tonight's run is due, and store the results; the worker calls it every minute."""
    last = find_last_check()
    moment = now()
    if last and not _is_due(last):
        db.session.rollback()
        return None
    size, _ = events.get_head()
    results = _run_checks(size)
    with transaction():
        run = IntegrityCheckRun(
            checked_at=moment,
            finished_at=now(),
            events=size,
            violated=sum(result["offences"] > 0 for result in results),
            results=results,
        )
        run.signature = _sign(run)
        db.session.add(run)
    return run


def _run_checks(size: int) -> list[dict[str, Any]]:
    """Run all checks over everything if the ledger is small or a week has passed, otherwise over what is new."""
    from tracker.integrity.check_parts import Extent, Progress
    from tracker.integrity.verify import run_all_checks

    whole = _find_last_whole_check()
    is_recent = whole is not None and timedelta(0) <= now() - whole.checked_at < WHOLE_INTERVAL
    is_whole = size <= SMALL_LEDGER or not is_recent
    bases: list[int | None] = []

    def note(progress: Progress) -> None:
        bases.append(progress.base.size if progress.base and progress.base.until is None else None)

    results = run_all_checks(
        observe=note,
        extent=Extent.REST if is_whole else Extent.SINCE_LAST,
        saves=True,
        processes=current_app.config["SETTINGS"].verify_processes,
    )
    found = [
        {"invariant": result.check.number, "name": result.check.name, "offences": result.count, "first": result.first}
        for result in results
    ]
    return [{**each, "since": bases[0]} for each in found]


def group_results(results: Iterable[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the results of a run under the headings of GROUPS, without empty headings."""
    by_group: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        heading = next(name for name, numbers in GROUPS.items() if result["invariant"] in numbers)
        by_group.setdefault(heading, []).append(result)
    return [(name, by_group[name]) for name in GROUPS if name in by_group]


def find_last_check() -> IntegrityCheckRun | None:
    """Return the latest run, or None before the first."""
    return next(_list_last_checks(), None)


def _find_last_whole_check() -> IntegrityCheckRun | None:
    """Return the latest of the last runs that read everything, or None."""
    runs = _list_last_checks()
    return next((run for run in runs if all(each.get("since") is None for each in run.results)), None)


def _list_last_checks() -> Iterator[IntegrityCheckRun]:
    """Yield the last runs, the latest first.

    Where this host has a signing key, they are those that it or another host signed with it. So nobody can delay the
    next check, or the next one of everything, or hide its result, by a row in the database.
    """
    latest = select(IntegrityCheckRun.id).order_by(IntegrityCheckRun.id.desc()).limit(MAX_RUNS_SINCE_WHOLE)
    needs_signature = bool(keys.list_private_keys())
    for run_id in db.session.scalars(latest).all():
        run = _read_run(run_id)
        if run and (not needs_signature or _is_signed(run)):
            yield run


def _read_run(run_id: int) -> IntegrityCheckRun | None:
    """Return a run, or None where SQLite has a value that its column cannot have."""
    try:
        return db.session.get(IntegrityCheckRun, run_id)
    except (ValueError, TypeError):
        return None


def _is_signed(run: IntegrityCheckRun) -> bool:
    name, _, signature = (run.signature or "").partition(":")
    try:
        return keys.is_signed_here(name, signature, _build_signed_body(run))
    except (ValueError, TypeError):  # what no run of the product has, such as a number with a fraction
        return False


def _sign(run: IntegrityCheckRun) -> str | None:
    """Return the signature of a run, or None where this host has no key."""
    name = next(iter(keys.list_private_keys()), None)
    return f"{name}:{keys.sign(name, _build_signed_body(run))}" if name else None


def _build_signed_body(run: IntegrityCheckRun) -> bytes:
    """Return the bytes that are signed of a run: all that its row says."""
    moments = (run.checked_at, run.finished_at)
    times = [moment.astimezone(UTC).isoformat(timespec="microseconds") for moment in moments]
    return DOMAIN + canonical_json([*times, run.events, run.violated, run.results])


def _is_due(last: IntegrityCheckRun) -> bool:
    """Return whether it is the night after the last run, more than a day since then, or the clock was set back."""
    current, before = now().astimezone(LONDON), last.checked_at.astimezone(LONDON)
    tonight = current.date() > before.date() and RUN_HOUR <= current.hour < RUN_HOUR + 3
    return tonight or not -MAX_CLOCK_DIFFERENCE <= now() - last.checked_at < MAX_INTERVAL
