"""One commit for each request that succeeds, and none for any other; what a transaction locks, logs and runs afterwards."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from tests import factories
from tests.factories import World
from tracker import create_app, security_log
from tracker.config import Settings
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger import checkpoints, events, read_only, transactions
from tracker.ledger.events import record
from tracker.ledger.read_only import ReadOnly
from tracker.ledger.transactions import transaction
from tracker.models import Person
from tracker.web.route_rules import signed_in


@pytest.mark.parametrize("status", [200, 422])
def test_a_request_is_committed_only_if_it_succeeds(
    status: int, app: Flask, world: World, client: Callable[[Person], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice_id, browser = world.alice.id, client(world.alice)

    def rename() -> tuple[dict[str, int], int]:
        db.session.get_one(Person, alice_id).name = "Alice Renamed"
        return {"status": status}, status

    app.load_views()  # type: ignore[attr-defined]  # the app is a Tracker
    monkeypatch.setitem(app.view_functions, "accounts.sign_out", signed_in(rename))
    assert browser.post("/sign-out").status_code == status
    db.session.expire_all()
    assert (db.session.get_one(Person, alice_id).name == "Alice Renamed") is (status == 200)


@pytest.fixture
def waiting(app: Flask) -> Iterator[None]:
    """Let a restore wait to be accepted."""
    marker = read_only.get_marker_path()
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text('{"size": 3}')
    yield
    marker.unlink()


class Failure(Exception):
    """What a view or a database driver raises in these tests."""

    sqlstate: str | None = None


class Deadlock(Failure):
    sqlstate = "40P01"


def perform(app: Flask, world: World, method: str, answer: int | Exception, endpoint: str = "/no-such-page") -> str:
    """Let a request rename Alice, then answer or fail; return her name afterwards."""

    def rename() -> Response:
        world.alice.name = "Alice Renamed"
        if isinstance(answer, Exception):
            record("data_exported", world.alice, factories.make_actor(world.dan))
            transactions.after_commit(bool)
            raise answer
        return Response(status=answer)

    try:
        with app.test_request_context(endpoint, method=method):
            transactions.perform_request(rename)
    finally:
        db.session.rollback()
    return world.alice.name


class TestRequest:
    @pytest.mark.parametrize(
        ("status", "is_kept"), [(200, True), (303, True), (399, True), (400, False), (500, False)]
    )
    def test_an_answer_below_400_commits(self, app: Flask, world: World, status: int, is_kept: bool) -> None:
        assert perform(app, world, "POST", status) == ("Alice Renamed" if is_kept else "Alice Moran")

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    def test_a_safe_request_commits_nothing(self, app: Flask, world: World, method: str) -> None:
        assert perform(app, world, method, 200) == "Alice Moran"

    @pytest.mark.parametrize(
        ("raised", "expected"),
        [
            (IntegrityError("", {}, Failure()), Conflict),
            (StaleDataError(), Conflict),
            (DBAPIError("", {}, Deadlock()), Conflict),
            (DBAPIError("", {}, Failure()), DBAPIError),
            (Failure(), Failure),
        ],
    )
    def test_an_error_commits_nothing_and_another_s_change_is_a_conflict(
        self, app: Flask, world: World, raised: Exception, expected: type[Exception]
    ) -> None:
        with pytest.raises(expected):
            perform(app, world, "POST", raised)
        assert world.alice.name == "Alice Moran"
        assert not events.has_queued()
        assert "after_commit" not in db.session.info

    @pytest.mark.usefixtures("waiting")
    def test_while_a_restore_waits_only_sign_in_may_write(self, app: Flask, world: World) -> None:
        with pytest.raises(ReadOnly):
            perform(app, world, "POST", 200)
        assert perform(app, world, "GET", 200) == "Alice Moran"
        app.load_views()  # type: ignore[attr-defined]  # the app is a Tracker
        assert perform(app, world, "POST", 200, "/sign-in") == "Alice Renamed"


class TestCommit:
    @pytest.mark.parametrize(
        ("raised", "expected"), [(StaleDataError(), Conflict), (DBAPIError("", {}, Failure()), DBAPIError)]
    )
    def test_a_commit_that_fails_is_rolled_back(
        self, world: World, monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: type[Exception]
    ) -> None:
        def fail() -> None:
            raise raised

        record("data_exported", world.dan, factories.make_actor(world.dan))
        transactions.after_commit(pytest.fail)
        monkeypatch.setattr(db.session, "commit", fail)
        with pytest.raises(expected):
            transactions.commit()
        assert not events.has_queued()
        assert "after_commit" not in db.session.info

    @pytest.mark.usefixtures("waiting")
    def test_no_event_is_committed_while_a_restore_waits(self, world: World) -> None:
        dan = factories.make_actor(world.dan)
        record("data_exported", world.dan, dan)
        with pytest.raises(ReadOnly):
            transactions.commit()
        assert not events.has_queued()
        transactions.commit()
        with read_only.accepting():
            record("data_exported", world.dan, dan)
            transactions.commit()
        assert events.get_head()[0] == 1

    def test_what_waits_for_the_commit_runs_once_after_it_and_is_dropped_with_it(self, world: World) -> None:
        ran: list[bool] = []
        for raised in (None, Failure()):
            try:
                with transaction():
                    transactions.after_commit(lambda: ran.append(db.session().in_transaction()))
                    record("data_exported", world.dan, factories.make_actor(world.dan))
                    assert ran in ([], [False])
                    if raised:
                        raise raised
            except Failure:
                assert raised
        with transaction():
            pass
        assert ran == [False]

    def test_the_security_log_has_the_acts_of_a_commit_only(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines: list[dict[str, Any]] = []
        monkeypatch.setattr(security_log, "write", lambda **facts: lines.append(facts))
        dan = factories.make_actor(world.dan)
        with transaction():
            record("data_exported", world.alice, dan)
            record("claim_added", world.alice, dan)
        record("data_exported", world.alice, dan)
        transactions.rollback()
        assert lines == [
            {"event": "data_exported", "number": 1, "by": world.dan.id, "about": f"person {world.alice.id}"}
        ]

    def test_a_checkpoint_is_written_with_the_hundredth_event(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written = []
        monkeypatch.setattr(checkpoints, "EVENTS_PER_CHECKPOINT", 3)
        monkeypatch.setattr(checkpoints, "write_due", lambda: written.append(transactions._writing.get()))
        for count in (1, 1, 1, 2, 2):
            with transaction():
                for _ in range(count):
                    record("data_exported", world.dan, factories.make_actor(world.dan))
        assert written == [False, False]

    def test_a_rehearsal_keeps_nothing(self, world: World) -> None:
        with transactions.rehearsal():
            world.alice.name = "Alice Renamed"
            record("data_exported", world.dan, factories.make_actor(world.dan))
            db.session.flush()
        assert world.alice.name == "Alice Moran"
        assert not events.has_queued()


@pytest.mark.usefixtures("app")
class TestBegin:
    def test_only_a_transaction_that_may_write_takes_the_write_lock_of_sqlite(self) -> None:
        if db.engine.dialect.name != "sqlite":
            pytest.skip("PostgreSQL has no such lock")
        sent: list[str] = []
        listener = lambda _connection, _cursor, statement, *_rest: sent.append(statement)  # noqa: E731
        event.listen(db.engine, "before_cursor_execute", listener)
        try:
            for block in (transactions.writing, transactions.reading, transactions.writing):
                with block():
                    db.session.execute(db.text("SELECT 1"))
                    if block is transactions.writing:
                        db.session.rollback()
                assert not db.session().in_transaction()
            db.session.execute(db.text("SELECT 1"))
            db.session.rollback()
        finally:
            event.remove(db.engine, "before_cursor_execute", listener)
        assert [each for each in sent if each.startswith("BEGIN")] == [
            "BEGIN IMMEDIATE",
            "BEGIN",
            "BEGIN IMMEDIATE",
            "BEGIN",
        ]

    @pytest.mark.parametrize(
        ("version", "is_safe"),
        [
            ("3.51.3", True), ("3.52.0", True), ("4.0.0", True), ("3.51.2", False), ("3.50.7", True), ("3.50.8", True),
            ("3.50.6", False), ("3.44.6", True), ("3.44.5", False), ("3.45.9", False), ("3.49.9", False),
        ],
    )  # fmt: skip
    def test_sqlite_uses_wal_only_where_it_keeps_a_commit_through_a_power_cut(
        self, version: str, is_safe: bool
    ) -> None:
        connection = SimpleNamespace(execute=lambda _query: SimpleNamespace(fetchone=lambda: (version, "other")))
        journal, synchronous = ("WAL", "FULL") if is_safe else ("DELETE", "EXTRA")
        assert transactions._list_pragmas(connection) == (
            "PRAGMA busy_timeout = 15000",
            f"PRAGMA journal_mode = {journal}",
            f"PRAGMA synchronous = {synchronous}",
            "PRAGMA foreign_keys = ON",
            "PRAGMA recursive_triggers = ON",
        )

    def test_what_only_reads_inside_a_transaction_that_may_write_leaves_it_as_it_was(self) -> None:
        with transactions.writing():
            with transactions.reading():
                assert not transactions._writing.get()
            assert transactions._writing.get()
        assert not transactions._writing.get()

    def test_an_error_at_the_end_of_a_request_is_that_of_a_lost_connection(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            raise DBAPIError("", {}, Failure())

        lost: list[bool] = []
        monkeypatch.setattr(db.session, "rollback", fail)
        monkeypatch.setattr(db.session(), "invalidate", lambda: lost.append(True))
        transactions.end_transaction(None)
        monkeypatch.undo()
        assert lost == [True]
        db.session.execute(db.text("SELECT 1"))
        transactions.end_transaction(None)
        assert not db.session().in_transaction()


class TestSettingUp:
    """Each app sets up its own database, whichever the others have."""

    def make_app(self, folder: Path, url: str) -> Flask:
        return create_app(
            Settings.from_environment({"INSTANCE_PATH": str(folder), "DATABASE_URL": url, "SECRET_KEY": "test"})
        )

    def test_sqlite_begins_no_transaction_itself_and_each_connection_has_its_pragmas(self, tmp_path: Path) -> None:
        app = self.make_app(tmp_path, f"sqlite:///{tmp_path}/tracker.sqlite")
        with app.app_context():
            assert transactions.end_transaction in app.teardown_appcontext_funcs
            with db.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                assert driver.isolation_level is None
                for pragma in ("foreign_keys", "recursive_triggers"):
                    assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == 1
            db.engine.dispose()

    def test_postgresql_compiles_no_statement_to_machine_code(self, tmp_path: Path) -> None:
        app = self.make_app(tmp_path, "postgresql+psycopg://nobody@127.0.0.1:1/none")
        connection = MagicMock()
        with app.app_context():
            *_, set_up = db.engine.pool.dispatch.connect
            set_up(connection, None)
        connection.execute.assert_any_call("SET jit = off")
        connection.commit.assert_called()


class TestLock:
    def test_rows_are_locked_once_each_in_the_order_of_their_ids_and_read_again(self, world: World) -> None:
        alice, bob = world.alice, world.bob
        assert alice.id < bob.id
        db.session.execute(db.update(Person).where(Person.id == bob.id).values(name="Bob Renamed"), {}, execution_options={"synchronize_session": False})  # fmt: skip
        assert bob.name == "Bob Archer"
        seen: list[Any] = []
        listener = lambda state: seen.append(state.statement)  # noqa: E731
        event.listen(db.session, "do_orm_execute", listener)
        try:
            transactions.lock_rows(Person, [bob.id, alice.id, bob.id])
            transactions.lock_rows(Person, [])
        finally:
            event.remove(db.session, "do_orm_execute", listener)
        assert bob.name == "Bob Renamed"
        [statement] = seen
        assert statement._for_update_arg is not None
        compiled = str(statement.compile(compile_kwargs={"literal_binds": True}))
        assert f"WHERE person.id IN ({alice.id}, {bob.id}) ORDER BY person.id FOR UPDATE" in compiled
