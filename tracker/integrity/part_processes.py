"""Processes that check parts of the record at the same time, each with a connection that sees the same moment.

On PostgreSQL they share the snapshot of the process that leads them. On SQLite each begins to read while no other
process can write, and nothing has been written since the leading process began.
"""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import sqlalchemy
from flask import Flask, current_app
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from tracker.errors import TrackerError
from tracker.extensions import db
from tracker.integrity.check_parts import NO_FAULTS, PartFaults, PartWork, check_part
from tracker.integrity.invariants import Check
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.part_snapshot import CommonReads
from tracker.ledger import events, transactions

MAX_AHEAD = 4
"""The most parts for each process that may be done before an earlier one is: their faults wait in memory."""
DATA_VERSION = "PRAGMA data_version"
HAS_ENDED = "A process that checked the record has ended. Its error is above, if it had one."
MAX_TRIES = 5
"""How often the beginning is tried on SQLite while others write."""


@dataclass(frozen=True)
class Start:
    """What a process needs before it can check parts."""

    snapshot: str | None
    """The name of PostgreSQL's snapshot; None on SQLite."""
    whole: LedgerSnapshot
    checks: list[Check]
    """In the order in which the leading process has them: faults are sent without the names of their checks."""


class PartProcesses:
    """Running processes that check parts."""

    def __init__(self, connections: list[Connection]) -> None:
        self._connections = connections

    def read_one_moment(self, make_whole: Callable[[], LedgerSnapshot], checks: list[Check]) -> LedgerSnapshot:
        """Begin to read, here and in each process, so that all see the same moment.

        Args:
            make_whole: begins the transaction of this process, and reads what is in files.
            checks: the checks that the processes run, in order.

        Raises:
            TrackerError: others write without a pause, on SQLite.
        """
        if db.session.get_bind().dialect.name == "postgresql":
            whole = make_whole()
            self._begin(Start(db.session.scalar(select(func.pg_export_snapshot())), whole, checks))
            return whole
        with db.engine.connect() as writer:
            for _ in range(MAX_TRIES):
                version = _read_data_version(writer)
                whole = make_whole()
                with _lock_writing(writer) as is_locked:
                    if is_locked and writer.exec_driver_sql(DATA_VERSION).scalar() == version:
                        self._begin(Start(None, whole, checks))
                        return whole
                db.session.rollback()  # so that whoever waits to write can do so
        raise TrackerError("The database is being written to without a pause. Try again, or use --processes 1.")

    def check(self, works: Iterable[PartWork]) -> Iterator[PartFaults]:
        """Yield the faults of each part in the order of the parts."""
        source, idle = iter(works), list(self._connections)
        running: dict[Connection, int] = {}
        done: dict[int, PartFaults] = {}
        given, place, is_exhausted = 0, 0, False
        while not is_exhausted or place < given:
            while idle and not is_exhausted and given - place < MAX_AHEAD * len(self._connections):
                try:
                    work = next(source)
                except StopIteration:
                    is_exhausted = True
                    break
                if work.is_empty:
                    done[given] = NO_FAULTS
                else:
                    connection = idle.pop()
                    _send(connection, work)
                    running[connection] = given
                given += 1
            while place in done:
                yield done.pop(place)
                place += 1
            for ready in wait(list(running)) if running else ():
                connection = next(each for each in running if each is ready)
                done[running.pop(connection)] = _receive(connection)
                idle.append(connection)

    def _begin(self, start: Start) -> None:
        for connection in self._connections:
            _send(connection, start)
        for connection in self._connections:
            _receive(connection)


@contextmanager
def run_processes(count: int) -> Iterator[PartProcesses]:
    """Start processes that check parts, and end them. Each has the app with this one's configuration."""
    context = get_context("spawn")  # a forked process would share connections and locks with this one
    started: list[tuple[BaseProcess, Connection]] = []
    try:
        for number in range(1, count + 1):
            own, others = context.Pipe()
            arguments = (current_app.extensions["create_app"], dict(current_app.config), others)
            process = context.Process(target=check_in_process, args=arguments, name=f"verify-{number}", daemon=True)
            process.start()
            others.close()
            started.append((process, own))
        for _, connection in started:
            _receive(connection)
        yield PartProcesses([connection for _, connection in started])
    finally:
        for ended, connection in started:
            connection.close()
            ended.terminate()
        for ended, _ in started:
            ended.join()


def check_in_process(create_app: Callable[..., Flask], config: dict[str, Any], connection: Connection) -> None:
    """Check parts until the leading process closes the connection. The main function of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the leading process gets it too, and ends this one
    app = create_app(config["SETTINGS"], **config)
    with app.app_context(), suppress(EOFError, BrokenPipeError):
        connection.send(None)
        try:
            for answer in _answer(connection):
                connection.send(answer)
        except EOFError:
            raise
        except Exception as error:  # noqa: BLE001 - the leading process raises it
            connection.send(error)
        finally:
            db.session.rollback()


def _answer(connection: Connection) -> Iterator[Any]:
    """Begin to read, then check what the leading process sends."""
    start: Start = connection.recv()
    if start.snapshot:
        db.session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        db.session.execute(text(f"SET TRANSACTION SNAPSHOT '{start.snapshot}'"))
    events.get_head()  # the first read, with which SQLite begins the transaction
    yield None
    common = CommonReads(start.whole)
    while True:
        work: PartWork = connection.recv()
        _, faults = check_part(start.checks, common, work)
        yield faults


def _send(connection: Connection, message: Any) -> None:
    """Send something to a process. Raises `TrackerError` if it has ended."""
    try:
        connection.send(message)
    except OSError as error:
        raise TrackerError(HAS_ENDED) from error


def _receive(connection: Connection) -> Any:
    """Return what a process sends. Raises the error that it sends, or `TrackerError` if it has ended."""
    try:
        answer = connection.recv()
    except (EOFError, OSError) as error:
        raise TrackerError(HAS_ENDED) from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def _read_data_version(connection: sqlalchemy.Connection) -> Any:
    """Return the number that changes when another connection writes to SQLite's file."""
    version = connection.exec_driver_sql(DATA_VERSION).scalar()
    connection.rollback()
    return version


@contextmanager
def _lock_writing(connection: sqlalchemy.Connection) -> Iterator[bool]:
    """Let nobody write to SQLite's file in the block. Yield False if somebody else is writing all the time.

    The transaction is rolled back: a commit, even of no change, would wait for those who read.
    """
    with transactions.writing():
        try:
            lock = connection.begin()
        except OperationalError:
            yield False
            return
    try:
        yield True
    finally:
        lock.rollback()
