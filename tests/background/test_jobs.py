"""The job queue and its worker: jobs run after the commit, in transactions of their own, and the worker stops cleanly."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask, current_app
from huey.signals import SIGNAL_ERROR

from tracker import clock, create_app
from tracker.assessment.services.releasing import release_due_assessments
from tracker.background import jobs, outbox
from tracker.config import MIN_CONNECTIONS, Settings
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Centre

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DONE: list[str] = []
MakeQueue = Callable[..., jobs.Jobs]


def note(word: str) -> None:
    DONE.append(f"{word} in {current_app.import_name}")


def create_centre(name: str) -> None:
    from tracker.clock import now

    with transaction():
        db.session.add(Centre(name=name, number=name, created_at=now()))


def fail() -> None:
    with transaction():
        db.session.add(Centre(name="Half", number="H"))
        message = "no luck"
        raise RuntimeError(message)


@pytest.fixture(autouse=True)
def sample_jobs(app: Flask) -> Iterator[None]:
    before = app.extensions["jobs"]
    jobs.init_app(app, lambda: ((note, create_centre, fail), ()))
    DONE.clear()
    yield
    app.extensions["jobs"] = before


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings.from_environment(
        {"INSTANCE_PATH": str(tmp_path), "DATABASE_URL": database_url, "SECRET_KEY": "test"}
    )


@pytest.fixture
def make_queue() -> Iterator[MakeQueue]:
    """`make_queue(settings)` returns a queue that runs no job at once, as in a served app.

    It knows the product's jobs, or those passed. Each call makes an app, whose connections close after the test.
    """
    apps: list[Flask] = []

    def make(settings: Settings, *known_jobs: jobs.Job) -> jobs.Jobs:
        app = create_app(settings)
        apps.append(app)
        if known_jobs:
            jobs.init_app(app, lambda: (known_jobs, ()))
        queue: jobs.Jobs = app.extensions["jobs"]
        return queue

    yield make
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def wait_until(is_met: Callable[[], bool], seconds: float = 40) -> bool:
    end = time.monotonic() + seconds
    while not is_met():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


class TestQueueing:
    def test_a_job_runs_after_the_commit(self) -> None:
        with transaction():
            jobs.enqueue(note, "sent")
            assert DONE == []
        assert DONE == ["sent in tracker"]

    def test_a_delayed_job_runs_when_its_delay_is_over(self, settings: Settings, make_queue: MakeQueue) -> None:
        queue = make_queue(settings, note)
        queue.put(note, "later", delay=timedelta(seconds=10))
        task = queue.queue.dequeue()
        queue.queue.execute(task)
        assert DONE == []
        assert [each.args for each in queue.queue.scheduled()] == [("later",)]
        queue.queue.execute(task, timestamp=task.eta)
        assert DONE == ["later in tracker"]

    def test_a_job_of_a_rolled_back_change_never_runs(self) -> None:
        with suppress(RuntimeError), transaction():
            jobs.enqueue(note, "sent")
            raise RuntimeError
        with transaction():
            pass
        assert DONE == []

    def test_a_job_has_transactions_of_its_own(self) -> None:
        with transaction():
            jobs.enqueue(create_centre, "Eastgate")
        assert db.session.query(Centre).one().name == "Eastgate"

    def test_a_failed_job_is_logged_and_rolled_back(self, caplog: pytest.LogCaptureFixture) -> None:
        with transaction():
            jobs.enqueue(fail)
        assert "The job fail failed" in caplog.text
        assert "no luck" in caplog.text
        assert db.session.query(Centre).count() == 0

    def test_an_unreachable_queue_does_not_roll_back_the_change(
        self, settings: Settings, caplog: pytest.LogCaptureFixture, make_queue: MakeQueue
    ) -> None:
        queue = make_queue(settings, note)
        (settings.instance_path / "jobs.sqlite").mkdir()
        with queue.app.app_context(), transaction():
            jobs.enqueue(note, "sent")
        assert "The job note could not be queued" in caplog.text
        assert not queue.has_worker()

    def test_the_queue_knows_which_jobs_wait(self, settings: Settings, make_queue: MakeQueue) -> None:
        queue = make_queue(settings, note)
        assert not queue.has_waiting(note, "sent")
        queue.put(note, "sent")
        assert queue.has_waiting(note, "sent")
        assert not queue.has_waiting(note, "other")
        assert DONE == []
        queue.queue.execute(queue.queue.dequeue())
        assert DONE == ["sent in tracker"]


class TestEveryMinute:
    def test_the_periodic_jobs_run_without_an_error(self, settings: Settings, make_queue: MakeQueue) -> None:
        queue = make_queue(settings)
        names = {task.name for task in queue.queue.read_periodic(None)}
        assert {release_due_assessments.__name__, outbox.send_waiting_emails.__name__} <= names
        failed: list[object] = []

        def note_failure(*details: object) -> None:
            failed.append(details)

        queue.queue.signal(SIGNAL_ERROR)(note_failure)
        for task in queue.queue.read_periodic(None):
            queue.queue.execute(task)
        assert failed == []

    def test_email_that_is_on_its_way_is_not_sent_twice(
        self, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app.config["OUTBOX_PATH"] = tmp_path
        names: list[str] = []
        monkeypatch.setattr(outbox, "uses_smtp", lambda: True)
        monkeypatch.setattr(outbox, "send_from_outbox", lambda email: names.append(email.name) or True)
        for name, age in (("20261123T120000000000-new.eml", 0), ("20261123T115800000000-old.eml", 120)):
            (tmp_path / name).touch()
            modified_at = NOON.timestamp() - age
            os.utime(tmp_path / name, (modified_at, modified_at))
        with clock.frozen_at(NOON):
            assert outbox.send_waiting_emails() == [True]
        assert names == ["20261123T115800000000-old"]


@pytest.mark.slow
class TestWorker:
    def start(self, settings: Settings, *arguments: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "INSTANCE_PATH": str(settings.instance_path),
            "DATABASE_URL": settings.database_url,
            "SECRET_KEY": "test",
            "REDIS_URL": settings.redis_url or "",
            "FLASK_APP": "wsgi:app",
        }
        environment.pop("DEMO", None)
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "jobs", *arguments],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    @pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
    def test_a_running_worker_is_known_and_stops_cleanly(
        self, settings: Settings, stop_signal: signal.Signals, make_queue: MakeQueue
    ) -> None:
        queue = make_queue(settings, note)
        assert not queue.has_worker()
        worker = self.start(settings)
        assert wait_until(queue.has_worker)
        worker.send_signal(stop_signal)
        _, errors = worker.communicate(timeout=20)
        assert (worker.returncode, errors) == (0, "")
        assert not queue.has_worker()

    def test_the_worker_stops_when_its_server_has_ended(self, settings: Settings) -> None:
        worker = self.start(settings, "--beside", "1")
        _, errors = worker.communicate(timeout=40)
        assert (worker.returncode, errors) == (0, "")


def test_the_worker_names_what_other_accounts_can_open(
    settings: Settings, make_queue: MakeQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tracker.background.worker.JobWorker.run", lambda worker: worker.stop_flag.set())
    with TemporaryDirectory() as name:  # pytest's own folders are private, so that nothing in them is exposed
        Path(name).chmod(0o755)
        make_queue(replace(settings, instance_path=Path(name))).work()
    assert f"Other accounts of this machine can open {name}. To keep it private: chmod go= {name}" in caplog.messages


class TestRedis:
    @pytest.fixture
    def on_redis(self, settings: Settings, redis_url: str) -> Settings:
        """The settings, with a Redis server that is empty."""
        return replace(settings, redis_url=redis_url)

    def test_jobs_in_redis_are_signed(self, on_redis: Settings, make_queue: MakeQueue) -> None:
        queue = make_queue(on_redis, note)
        queue.put(note, "sent")
        assert not (on_redis.instance_path / "jobs.sqlite").exists()
        queue.queue.execute(queue.queue.dequeue())
        assert DONE == ["sent in tracker"]
        forged_message = queue.queue.serializer.serialize(["no task"])[:-1] + b"0"
        queue.queue.storage.enqueue(forged_message)
        with pytest.raises(ValueError, match="mismatch"):
            queue.queue.dequeue()

    def test_without_a_secret_key_no_worker_starts(self, settings: Settings, make_queue: MakeQueue) -> None:
        queue = make_queue(replace(settings, redis_url="redis://127.0.0.1:1/0", secret_key=None), note)
        with pytest.raises(Refused, match="SECRET_KEY"):
            queue.work()


@pytest.mark.one_database
def test_a_worker_has_a_database_connection_for_each_job_on_a_machine_with_many_processors() -> None:
    assert MIN_CONNECTIONS > jobs.MAX_THREADS
