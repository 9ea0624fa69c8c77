"""Metrics: who may read them, and what they say of requests, forms, jobs, the ledger and storage."""

import errno
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import World, make_actor, make_evidence
from tests.hosts.conftest import close_redis, use_redis
from tests.metrics.conftest import TOKEN, Scrape, find
from tracker import clock, counters
from tracker.background import jobs
from tracker.background.worker_reports import KEPT_SECONDS, WorkerReport, delete_report, list_reports, write_report
from tracker.config import Settings
from tracker.errors import Busy, FormNotRendered
from tracker.extensions import db
from tracker.ledger import checkpoints, events
from tracker.ledger.transactions import transaction
from tracker.metrics import stored_bytes
from tracker.metrics.stored_bytes import find_stored_bytes, measure_stored_bytes
from tracker.models import Attachment, IntegrityCheckRun, Person
from tracker.recording_forms import pdf_renderer
from tracker.web.trusted_proxies import CountedProxies

ClientFor = Callable[[Person], FlaskClient]


class TestReaders:
    @pytest.mark.parametrize(
        ("token", "networks", "given", "address", "status"),
        [
            (None, "", f"Bearer {TOKEN}", "127.0.0.1", 404),
            (None, "", "Bearer ", "127.0.0.1", 404),
            (TOKEN, "", f"Bearer {TOKEN}", "203.0.113.9", 200),
            (TOKEN, "", f"Bearer {TOKEN}x", "127.0.0.1", 404),
            (TOKEN, "", "Bearer ünïcödé", "127.0.0.1", 404),
            (TOKEN, "", None, "127.0.0.1", 404),
            (None, "10.0.0.0/8", None, "10.1.2.3", 200),
            (None, "10.0.0.0/8", None, "127.0.0.1", 404),
            (TOKEN, "10.0.0.0/8", f"Bearer {TOKEN}", "10.1.2.3", 200),
            (TOKEN, "10.0.0.0/8", f"Bearer {TOKEN}", "127.0.0.1", 404),
            (TOKEN, "10.0.0.0/8", None, "10.1.2.3", 404),
        ],
    )
    def test_only_with_the_token_and_from_the_networks_that_are_configured(
        self,
        app: Flask,
        anonymous: FlaskClient,
        monkeypatch: pytest.MonkeyPatch,
        token: str | None,
        networks: str,
        given: str | None,
        address: str,
        status: int,
    ) -> None:
        settings = replace(app.config["SETTINGS"], metrics_token=token, metrics_networks=networks)
        monkeypatch.setitem(app.config, "SETTINGS", settings)
        headers = {"Authorization": given} if given is not None else {}
        answer = anonymous.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status
        assert ("tracker_requests_total" in answer.text) == (status == 200)

    def test_a_forwarded_request_is_in_no_network(
        self, app: Flask, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Behind a number of trusted proxies the address is the one in a header, which anybody may send."""
        monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], metrics_networks="10.0.0.0/8"))
        monkeypatch.setattr(app, "wsgi_app", CountedProxies(app.wsgi_app, x_for=1))
        address = {"REMOTE_ADDR": "203.0.113.9"}
        answer = anonymous.get("/metrics", headers={"X-Forwarded-For": "10.1.2.3"}, environ_base=address)
        assert answer.status_code == 404
        assert anonymous.get("/metrics", environ_base={"REMOTE_ADDR": "10.1.2.3"}).status_code == 200

    def test_a_person_who_is_signed_in_may_not_read_them(self, world: World, client: ClientFor) -> None:
        assert client(world.dan).get("/metrics").status_code == 404

    def test_an_invalid_network_stops_the_server_from_starting(self, tmp_path: Path) -> None:
        from tracker import create_app

        settings = Settings.from_environment({"INSTANCE_PATH": str(tmp_path), "METRICS_NETWORKS": "everybody"})
        with pytest.raises(ValueError, match="METRICS_NETWORKS"):
            create_app(settings).load_views()


class TestRequests:
    def test_requests_are_counted_by_page_method_and_status(
        self, world: World, client: ClientFor, scrape: Scrape
    ) -> None:
        alice = client(world.alice)
        before = scrape()
        alice.get(f"/attempts/{world.cfacc15.id}")
        alice.get(f"/attempts/{world.cfacc15.id}")
        alice.get("/nowhere/1")
        alice.get("/nowhere/2")
        after = scrape()

        def grown(name: str, **labels: str) -> float:
            return find(after, name, **labels) - find(before, name, **labels)

        page = {"endpoint": "portfolio.show_attempt", "method": "GET"}
        assert grown("tracker_requests_total", **page, status="200") == 2
        assert grown("tracker_requests_total", endpoint="none", method="GET", status="404") == 2
        assert grown("tracker_request_seconds_count", **page) == 2
        assert grown("tracker_request_seconds_sum", **page) > 0
        assert grown("tracker_sql_statements_total", endpoint="portfolio.show_attempt") > 2

    def test_no_label_comes_from_a_client(self, anonymous: FlaskClient, scrape: Scrape) -> None:
        anonymous.open("/links/secret-token", method="SECRET", headers={"X-Request-Id": "secret-id-1"})
        anonymous.get("/secret-page?secret-query", headers={"User-Agent": "secret-agent"})
        assert "secret" not in str(scrape()).lower()

    def test_pages_are_answered_while_counts_cannot_be_kept(
        self, anonymous: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def fail(_path: Path, _content: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(counters, "_folder", tmp_path / "full")
        monkeypatch.setattr(Path, "write_bytes", fail)
        counters._open_counters.cache_clear()
        assert anonymous.get("/sign-in").status_code == 200
        counters._open_counters.cache_clear()

    def test_the_files_have_room_from_the_beginning(self, anonymous: FlaskClient) -> None:
        """A file that grows on a full disk would end the process."""
        anonymous.get("/sign-in")
        assert counters._folder
        files = [counters._folder / f"{kind}_{os.getpid()}.db" for kind in counters.KINDS]
        assert [each.stat().st_size for each in files] == [counters.FILE_SIZE] * 2
        assert all(each.stat().st_blocks * 512 >= counters.FILE_SIZE for each in files)

    def test_counts_of_ended_processes_are_deleted_before_a_server_starts(self, tmp_path: Path) -> None:
        for number in (os.getpid(), 2**22 + 1):
            (tmp_path / f"counter_{number}.db").touch()
        counters.delete_files_of_ended_processes(tmp_path)
        assert [each.name for each in tmp_path.iterdir()] == [f"counter_{os.getpid()}.db"]


def test_forms_are_counted_with_their_outcome(scrape: Scrape, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scrape()
    monkeypatch.setattr(pdf_renderer._renderer, "render", lambda *_arguments: b"%PDF")
    pdf_renderer.render_pdf(None, 1)

    def fail(*_arguments: object) -> bytes:
        raise FormNotRendered("no luck")

    monkeypatch.setattr(pdf_renderer._renderer, "render", fail)
    with pytest.raises(FormNotRendered):
        pdf_renderer.render_pdf(None, 1)

    def refuse(*_arguments: object) -> bytes:
        raise Busy

    monkeypatch.setattr(pdf_renderer._renderer, "render", refuse)
    with pytest.raises(Busy):
        pdf_renderer.render_pdf(None, 1)
    after = scrape()
    for outcome in ("rendered", "failed", "refused"):
        name = "tracker_renders_total"
        assert find(after, name, outcome=outcome) - find(before, name, outcome=outcome) == 1
    assert find(after, "tracker_render_seconds_count") - find(before, "tracker_render_seconds_count") == 3


@pytest.mark.usefixtures("app")
class TestJobs:
    def test_what_workers_report_is_shown_for_each_of_them(self, scrape: Scrape) -> None:
        queue = jobs.get_jobs().queue
        for report in (
            WorkerReport("one:1", running="run_job", failed=Counter(run_job=2)),
            WorkerReport("two:1", finished=Counter(run_job=3)),
        ):
            write_report(queue, report)
        samples = scrape()
        assert find(samples, "tracker_jobs_running") == 1
        assert find(samples, "tracker_jobs_failed_total", worker="one:1", name="run_job") == 2
        assert find(samples, "tracker_jobs_finished_total", worker="two:1", name="run_job") == 3
        assert find(samples, "tracker_worker_running") == 1
        queue.storage.flush_results()

    def test_the_report_of_a_killed_worker_is_deleted_after_a_while(self, monkeypatch: pytest.MonkeyPatch) -> None:
        queue, moment = jobs.get_jobs().queue, time.time()
        monkeypatch.setattr(time, "time", lambda: moment - KEPT_SECONDS - 1)
        write_report(queue, WorkerReport("killed:1", running="run_job"))
        monkeypatch.setattr(time, "time", lambda: moment)
        assert list_reports(queue) == []
        write_report(queue, WorkerReport("other:1"))
        assert [key for key in queue.all_results() if "killed" in key] == []
        queue.storage.flush_results()

    def test_reports_of_workers_on_other_hosts_are_read_through_redis(self, app: Flask, redis_url: str) -> None:
        use_redis(app, redis_url)
        app.config["JOBS_IMMEDIATE"] = False
        queue = jobs.Jobs(app, lambda: ((), ()), lambda: None)._open_queue()
        report = WorkerReport("one:1", running="run_job", failed=Counter(run_job=2))
        write_report(queue, report)
        assert list_reports(queue) == [report]
        delete_report(queue, report)
        assert list_reports(queue) == []
        close_redis(app)

    def test_jobs_that_end_in_several_threads_are_all_counted(self) -> None:
        report = WorkerReport("one:1")

        def end_jobs() -> None:
            for _ in range(200):
                report.begin("run_job")
                report.end("run_job", report.finished)

        threads = [threading.Thread(target=end_jobs) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (report.as_plain()["finished"], report.running) == ({"run_job": 800}, None)

    def test_a_job_that_fails_is_counted_as_failed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise RuntimeError("no luck")

        running = jobs.get_jobs()
        monkeypatch.setitem(running.every_minute, "apply_due_changes", fail)
        before = running.report.failed["apply_due_changes"]
        running.perform("apply_due_changes")
        assert running.report.failed["apply_due_changes"] == before + 1
        assert running.report.running is None


def test_the_ledger_and_its_last_checkpoint(
    app_with_signing_key: Flask, world: World, scrape: Scrape, freeze_clock: Callable[..., None]
) -> None:
    with transaction():
        events.record("evidence_submitted", world.cfacc15, make_actor(world.alice))
    assert checkpoints.write_due(at_once=True)
    with transaction():
        events.record("evidence_submitted", world.cfacc15, make_actor(world.alice))
    freeze_clock(clock.now() + timedelta(minutes=7))
    samples = scrape()
    assert find(samples, "tracker_ledger_events") == events.get_head()[0]
    assert find(samples, "tracker_events_since_checkpoint") == 1
    assert 420 <= find(samples, "tracker_checkpoint_age_seconds") < 480
    assert 420 <= find(samples, "tracker_event_without_checkpoint_seconds") < 480


def test_no_event_waits_once_a_checkpoint_covers_the_last(
    app_with_signing_key: Flask, world: World, scrape: Scrape, freeze_clock: Callable[..., None]
) -> None:
    with transaction():
        events.record("evidence_submitted", world.cfacc15, make_actor(world.alice))
    assert checkpoints.write_due(at_once=True)
    freeze_clock(clock.now() + timedelta(minutes=20))
    assert find(scrape(), "tracker_event_without_checkpoint_seconds") == 0


def test_the_last_nightly_check(world: World, scrape: Scrape) -> None:
    assert ("tracker_nightly_check_failed", frozenset()) not in scrape()
    with transaction():
        db.session.add(make_check_run(clock.now() - timedelta(hours=40), violated=0))
        db.session.add(make_check_run(clock.now() - timedelta(hours=30), violated=2))
    samples = scrape()
    assert find(samples, "tracker_nightly_check_failed") == 2
    assert 30 * 3600 <= find(samples, "tracker_nightly_check_age_seconds") < 30 * 3600 + 300


def make_check_run(moment: datetime, *, violated: int) -> IntegrityCheckRun:
    return IntegrityCheckRun(checked_at=moment, finished_at=moment, events=0, violated=violated, results=[])


class TestStorage:
    def test_stored_bytes_are_measured_once_an_hour(
        self, world: World, scrape: Scrape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jobs.get_jobs().queue.delete(stored_bytes.KEY)
        evidence = make_evidence(world.cfacc15, "Call of 5 October")
        self.add(evidence.id, 3000)
        measure_stored_bytes()
        first = find_stored_bytes()
        self.add(evidence.id, 4000)
        measure_stored_bytes()
        assert first == find_stored_bytes()
        assert find(scrape(), "tracker_stored_bytes") == first.size
        monkeypatch.setattr(stored_bytes, "INTERVAL_SECONDS", 0)
        measure_stored_bytes()
        assert find_stored_bytes().size == first.size + 4000
        jobs.get_jobs().queue.delete(stored_bytes.KEY)

    def add(self, evidence_id: int, size: int) -> None:
        from tracker.extensions import db

        with transaction():
            db.session.add(
                Attachment(
                    evidence_id=evidence_id,
                    name="call.txt",
                    media_type="text/plain",
                    size=size,
                    sha256=f"{size:064d}",
                    uploaded_at=clock.now(),
                )
            )

    def test_the_disks_of_the_host(self, scrape: Scrape) -> None:
        samples = scrape()
        free = find(samples, "tracker_disk_free_bytes", folder="instance")
        assert 0 < free < find(samples, "tracker_disk_bytes", folder="instance")


def test_a_scrape_reads_a_few_rows_by_their_keys(
    world: World, scrape: Scrape, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    with count_statements() as statements:
        scrape()
    assert len(statements) == 5
    by_key = (" = (SELECT max(", "WHERE event.seq = ", " LIMIT ", "WHERE job_run.state IN")
    assert [each for each in statements if not any(key in each for key in by_key)] == []


def test_a_part_that_cannot_be_read_is_named_and_the_others_are_shown(
    scrape: Scrape, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(events, "get_head", fail)
    samples = scrape()
    assert find(samples, "tracker_metrics_readable", part="ledger") == 0
    assert find(samples, "tracker_metrics_readable", part="jobs") == 1
    assert ("tracker_ledger_events", frozenset()) not in samples
