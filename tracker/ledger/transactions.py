"""One commit per request, in one place; and how a transaction begins on each database."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger import checkpoints, events, read_only

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ALWAYS_TAKEN = frozenset(
    {
        "accounts.sign_in",
        "accounts.confirm_sign_in",
        "accounts.get_passkey_options",
        "accounts.sign_out",
        "recording_forms.verify_file",
    }
)
"""What changes nothing that is kept, and works while nothing may be changed."""
FIXED_SQLITE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first releases of each line in which WAL keeps an acknowledged commit through a power cut."""

_writing: ContextVar[bool] = ContextVar("writing", default=False)


def perform_request(dispatch: Callable[[], Response]) -> Response:
    """Run a view. An unsafe request that succeeds is committed with its events; any other is rolled back.

    The caller has looked the session up and read the whole body, so that no lock is held meanwhile.
    """
    if request.method in SAFE_METHODS:
        return dispatch()
    if request.endpoint not in ALWAYS_TAKEN and read_only.is_read_only():
        raise read_only.ReadOnly
    with writing():
        try:
            response = dispatch()
            if response.status_code < 400:
                commit()
            else:
                rollback()
        except (IntegrityError, StaleDataError) as error:  # a flush in the act lost the race
            rollback()
            raise Conflict from error
        except BaseException:
            rollback()
            raise
    return response


def commit() -> None:
    """Flush, append the queued events, commit; a lost race becomes a `Conflict` and changes nothing."""
    if events.has_queued() and read_only.is_read_only():
        rollback()
        raise read_only.ReadOnly
    try:
        db.session.flush()
        before, after = events.append_queued()
        db.session.commit()
    except (IntegrityError, StaleDataError) as error:
        rollback()
        raise Conflict from error
    for act in db.session.info.pop("after_commit", []):
        act()
    if checkpoints.is_full(before, after):
        with reading():
            checkpoints.write_due()


def rollback() -> None:
    db.session.rollback()
    events.forget_queued()
    db.session.info.pop("after_commit", None)


def after_commit(act: Callable[[], None]) -> None:
    """Have something done once the change is safe: mail is sent then, never inside the transaction."""
    db.session.info.setdefault("after_commit", []).append(act)


@contextmanager
def writing() -> Iterator[None]:
    """Transactions begun inside take SQLite's write lock at once, rather than lose a race half-way."""
    token = _writing.set(True)
    try:
        yield
    finally:
        _writing.reset(token)


@contextmanager
def reading() -> Iterator[None]:
    """Look something up inside an unsafe request without taking its write lock; ends that transaction."""
    token = _writing.set(False)
    try:
        yield
    finally:
        db.session.rollback()
        _writing.reset(token)


@contextmanager
def transaction() -> Iterator[None]:
    """A whole transaction of its own: for commands, and for what must survive a failing request."""
    with writing():
        try:
            yield
            commit()
        except BaseException:
            rollback()
            raise


def lock_rows(model: Any, ids: Iterable[int]) -> None:
    """Lock rows in the order of their ids and read them afresh. Order of kinds: grant, attempt, evidence."""
    wanted = sorted(set(ids))
    if wanted:
        db.session.execute(
            select(model).where(model.id.in_(wanted)).order_by(model.id).with_for_update(of=model),
            execution_options={"populate_existing": True},
        ).all()


def end_reading(_error: BaseException | None) -> None:
    """End what a request had open, before Flask-SQLAlchemy does.

    The answer is made already; a connection that was lost meanwhile must not take it away.
    """
    try:
        db.session.rollback()
    except DBAPIError:
        db.session().invalidate()


def init_app(app: Flask) -> None:
    app.teardown_appcontext(end_reading)
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        _teach_sqlite(engine)


def _teach_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in _pragmas(connection):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


def _pragmas(connection: Any) -> tuple[str, ...]:
    found = tuple(int(part) for part in connection.execute("select sqlite_version()").fetchone()[0].split("."))
    wal_is_safe = found >= FIXED_SQLITE[0] or any(fixed <= found < (*fixed[:2], 999) for fixed in FIXED_SQLITE)
    journal = ("WAL", "FULL") if wal_is_safe else ("DELETE", "EXTRA")
    return (
        "PRAGMA busy_timeout = 15000",
        f"PRAGMA journal_mode = {journal[0]}",
        f"PRAGMA synchronous = {journal[1]}",
        "PRAGMA foreign_keys = ON",
        # otherwise INSERT OR REPLACE slips past the append-only triggers
        "PRAGMA recursive_triggers = ON",
    )
