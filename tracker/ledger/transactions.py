"""Transactions: one commit per request, in one place, and how a transaction begins on each database."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from tracker import security_log
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger import checkpoints, events, read_only

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ALLOWED_WHILE_READ_ONLY = frozenset(
    {
        "accounts.sign_in",
        "accounts.confirm_sign_in",
        "accounts.get_passkey_options",
        "accounts.sign_out",
        "recording_forms.verify_file",
    }
)
"""Endpoints that work while the installation is read-only, since they change no records."""
SAFE_WAL_VERSIONS = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first releases of SQLite in which WAL keeps a commit through a power cut, the newest first.

See docs/decisions/0003-sqlite-journal-mode.md.
"""
DEADLOCK_DETECTED = "40P01"
"""PostgreSQL's code for transactions that waited for each other, of which it ended this one."""

_writing: ContextVar[bool] = ContextVar("writing", default=False)


def perform_request(dispatch: Callable[[], Response]) -> Response:
    """Run a view; commit an unsafe request that succeeds together with its events, and roll back any other.

    The caller has looked up the session and read the whole body, so that no lock is held during either.

    Raises:
        Conflict: another transaction changed the same rows first.
        ReadOnly: a restore is waiting to be accepted.
    """
    if request.method in SAFE_METHODS:
        return dispatch()
    if request.endpoint not in ALLOWED_WHILE_READ_ONLY and read_only.is_read_only():
        raise read_only.ReadOnly
    with writing():
        try:
            response = dispatch()
            if response.status_code < 400:
                commit()
            else:
                rollback()
        except (DBAPIError, StaleDataError) as error:
            rollback()
            if is_conflict(error):
                raise Conflict from error
            raise
        except BaseException:
            rollback()
            raise
    return response


def commit() -> None:
    """Flush, append the queued events and commit, then run what `after_commit` queued.

    Raises:
        Conflict: another transaction changed the same rows first; nothing was changed.
        ReadOnly: a restore is waiting to be accepted.
    """
    if events.has_queued() and read_only.is_read_only():
        rollback()
        raise read_only.ReadOnly
    try:
        db.session.flush()
        before, after = events.append_queued()
        logged = events.pop_logged()
        db.session.commit()
    except (DBAPIError, StaleDataError) as error:
        rollback()
        if is_conflict(error):
            raise Conflict from error
        raise
    for facts in logged:
        security_log.write(**facts)
    for function in db.session.info.pop("after_commit", []):
        function()
    if checkpoints.reaches_next_checkpoint(before, after):
        with reading():
            checkpoints.write_due()


def is_conflict(error: DBAPIError | StaleDataError) -> bool:
    """Return whether another transaction changed the same rows first, or this one was ended in a deadlock."""
    if isinstance(error, IntegrityError | StaleDataError):
        return True
    return getattr(error.orig, "sqlstate", None) == DEADLOCK_DETECTED


def rollback() -> None:
    """Roll back, and drop the queued events and the functions of `after_commit`."""
    db.session.rollback()
    events.discard_queued()
    db.session.info.pop("after_commit", None)


def after_commit(function: Callable[[], None]) -> None:
    """Call a function after the commit; it is dropped if the transaction is rolled back. Emails are sent this way."""
    db.session.info.setdefault("after_commit", []).append(function)


@contextmanager
def writing() -> Iterator[None]:
    """Begin transactions with SQLite's write lock, so that none fails half-way because another wrote first."""
    token = _writing.set(True)
    try:
        yield
    finally:
        _writing.reset(token)


@contextmanager
def reading() -> Iterator[None]:
    """Read without SQLite's write lock inside an unsafe request, and end the transaction afterwards."""
    token = _writing.set(False)
    try:
        yield
    finally:
        db.session.rollback()
        _writing.reset(token)


@contextmanager
def rehearsal() -> Iterator[None]:
    """Run acts for a preview: whatever they write, record or would send is rolled back at the end.

    So a preview asks the same services as the act. The request must have changed nothing before.
    """
    try:
        yield
    finally:
        rollback()


@contextmanager
def transaction() -> Iterator[None]:
    """Run a transaction of its own: for commands, and for changes that must survive a failing request."""
    with writing():
        try:
            yield
            commit()
        except BaseException:
            rollback()
            raise


def lock_rows(model: Any, ids: Iterable[int]) -> None:
    """Lock rows in the order of their ids and read them again.

    Locks on several tables are taken in the order grant, attempt, evidence, so that two requests never wait for
    each other.
    """
    row_ids = sorted(set(ids))
    if row_ids:
        db.session.execute(
            select(model).where(model.id.in_(row_ids)).order_by(model.id).with_for_update(of=model),
            execution_options={"populate_existing": True},
        ).all()


def end_transaction(_error: BaseException | None) -> None:
    """End the transaction of a request before Flask-SQLAlchemy does.

    The response is complete by then, so an error of a lost connection must not replace it.
    """
    try:
        db.session.rollback()
    except DBAPIError:
        db.session().invalidate()


def init_app(app: Flask) -> None:
    """Set up how the app's database begins and ends transactions."""
    app.teardown_appcontext(end_transaction)
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        _set_up_sqlite(engine)
    else:
        _set_up_postgresql(engine)


def _set_up_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        # Compiling a statement to machine code took 1.3 s of one that ran 0.2 s. Sent as a statement, since a pool
        # such as PgBouncer refuses it among the options of a connection.
        connection.execute("SET jit = off")
        connection.commit()


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the listener below sends BEGIN
        for pragma in _list_pragmas(connection):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writing.get() else "BEGIN")


def _list_pragmas(connection: Any) -> tuple[str, ...]:
    version = tuple(int(part) for part in connection.execute("select sqlite_version()").fetchone()[0].split("."))
    newest, *older = SAFE_WAL_VERSIONS
    wal_is_safe = version >= newest or any(version >= first and version[:2] == first[:2] for first in older)
    journal = ("WAL", "FULL") if wal_is_safe else ("DELETE", "EXTRA")
    return (
        "PRAGMA busy_timeout = 15000",
        f"PRAGMA journal_mode = {journal[0]}",
        f"PRAGMA synchronous = {journal[1]}",
        "PRAGMA foreign_keys = ON",
        # otherwise INSERT OR REPLACE would get past the append-only triggers
        "PRAGMA recursive_triggers = ON",
    )
