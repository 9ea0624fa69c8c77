"""The pages of job runs: progress, the acts, the list, and the operator's commands and metrics."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.job_runs.conftest import Counting, end_role, reload_run
from tracker.background import jobs
from tracker.clock import now
from tracker.errors import Refused
from tracker.job_runs.running import run_job
from tracker.ledger.transactions import transaction
from tracker.metrics.installation import measure_jobs
from tracker.models import Person
from tracker.vocabulary import JobState, Role

Browser = Callable[[Person], FlaskClient]
Start = Callable[..., int]


def refuse(_number: int) -> None:
    raise Refused("The disk is full. Tell your system operator.")


class TestProgress:
    @pytest.mark.usefixtures("by_hand")
    def test_a_waiting_job_shows_a_bar_that_refreshes_without_a_script(
        self, world: World, start: Start, client: Browser
    ) -> None:
        page = client(world.dan).get(f"/jobs/{start()}").text
        assert "Counting to three" in page
        assert '<progress id="job-bar" value="0" max="3">' in page
        assert "0 of 3 numbers, waiting for other jobs" in page
        assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
        assert "You can leave this page and come back to it." in page

    @pytest.mark.usefixtures("by_hand")
    def test_the_script_gets_the_progress(
        self, world: World, start: Start, counting: Counting, client: Browser
    ) -> None:
        dan, run_id = client(world.dan), start()
        seen: list[Any] = []
        counting.before_step = lambda _number: seen.append(dan.get(f"/jobs/{run_id}/progress").get_json())
        run_job(run_id)
        assert [(each["state"], each["done"], each["text"]) for each in seen] == [
            ("running", 0, "0 of 3 numbers"), ("running", 1, "1 of 3 numbers"), ("running", 2, "2 of 3 numbers"),
        ]  # fmt: skip
        assert dan.get(f"/jobs/{run_id}/progress").get_json() == {
            "state": "finished", "done": 3, "total": 3, "text": "3 of 3 numbers", "is_open": False, "is_stuck": False,
        }  # fmt: skip

    @pytest.mark.usefixtures("by_hand")
    def test_without_a_worker_the_page_says_that_the_job_is_stored(
        self, world: World, start: Start, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id = start()
        monkeypatch.setattr(jobs.Jobs, "has_worker", lambda _self: False)
        page = client(world.dan).get(f"/jobs/{run_id}").text
        assert "0 of 3 numbers, waiting for the background worker" in page
        assert '<p class="muted" data-job-stuck>' in page

    @pytest.mark.usefixtures("by_hand")
    def test_a_job_is_cancelled_on_its_page(self, world: World, start: Start, client: Browser) -> None:
        dan, run_id = client(world.dan), start()
        assert "Nothing more is done, and no file is made." in dan.get(f"/jobs/{run_id}").text
        assert dan.post(f"/jobs/{run_id}/cancel").location == f"/jobs/{run_id}"
        assert "Cancelled" in dan.get(f"/jobs/{run_id}").text
        run_job(run_id)
        assert (reload_run(run_id).state, reload_run(run_id).done) == (JobState.CANCELLED, 0)

    def test_a_failed_job_says_why_and_is_retried(
        self, world: World, start: Start, counting: Counting, client: Browser
    ) -> None:
        counting.before_step = refuse
        dan, run_id = client(world.dan), start()
        page = dan.get(f"/jobs/{run_id}").text
        assert 'role="alert"' in page
        assert "The disk is full. Tell your system operator." in page
        counting.before_step = lambda _number: None
        form = {"idempotency_key": "one"}
        assert [dan.post(f"/jobs/{run_id}/retry", data=form).location for _ in range(2)] == [f"/jobs/{run_id}"] * 2
        assert counting.counted == [0, 1, 2]
        assert "Finished" in dan.get(f"/jobs/{run_id}").text

    @pytest.mark.usefixtures("by_hand")
    def test_the_page_takes_few_statements(
        self, world: World, start: Start, client: Browser, count_statements: Any
    ) -> None:
        dan, run_id = client(world.dan), start()
        for address in (f"/jobs/{run_id}", f"/jobs/{run_id}/progress", "/jobs", "/jobs?whose=centre"):
            dan.get(address)
            with count_statements() as statements:
                dan.get(address)
            assert len(statements) <= 5, address


class TestWhoSeesIt:
    def test_another_administrator_of_the_centre_sees_it(self, world: World, start: Start, client: Browser) -> None:
        with transaction():
            nora = factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)
        run_id, browser = start(), client(nora)
        assert browser.get(f"/jobs/{run_id}").status_code == 200
        assert "Counting to three" not in browser.get("/jobs").text
        assert "Counting to three" in browser.get("/jobs?whose=centre").text

    def test_nobody_else_sees_it(self, world: World, start: Start, client: Browser) -> None:
        run_id = start()
        for person in (world.alice, world.bob, world.carol, world.heidi):
            browser = client(person)
            assert browser.get(f"/jobs/{run_id}").status_code == 404
            for address in ("/jobs", "/jobs?whose=centre"):
                assert "Counting to three" not in browser.get(address).text

    def test_a_person_without_the_role_any_more_does_not_see_their_own(
        self, world: World, start: Start, client: Browser
    ) -> None:
        with transaction():
            nora = factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)
        run_id, browser = start(nora), client(nora)
        assert browser.get(f"/jobs/{run_id}").status_code == 200
        assert "Counting to three" in browser.get("/jobs").text
        with transaction():
            nora.grants[0].ends_at = now()
            factories.leave_unsealed()
        assert browser.get(f"/jobs/{run_id}").status_code == 404
        assert "Counting to three" not in browser.get("/jobs").text

    def test_a_role_at_another_centre_does_not_show_the_jobs_of_an_ended_role(
        self, world: World, start: Start, client: Browser
    ) -> None:
        with transaction():
            nora = factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)
            factories.grant(nora, world.southbank, Role.ADMINISTRATOR)
        start(nora)
        browser = client(nora)
        with transaction():
            nora.grants[0].ends_at = now()
            factories.leave_unsealed()
        for address in ("/jobs", "/jobs?whose=centre"):
            assert "Counting to three" not in browser.get(address).text

    def test_my_account_leads_to_my_jobs(self, world: World, client: Browser) -> None:
        assert 'href="/jobs"' in client(world.bob).get("/account").text
        assert "No jobs." in client(world.bob).get("/jobs").text


class TestOperator:
    def test_failed_jobs_are_listed_and_retried_at_the_command_line(
        self, app: Flask, start: Start, counting: Counting
    ) -> None:
        runner = app.test_cli_runner()
        assert runner.invoke(args=["job-runs", "list"]).output == "No job run is waiting, running or failed.\n"
        counting.before_step = refuse
        run_id = start()
        listed = runner.invoke(args=["job-runs", "list", "--failed"]).output
        assert f"{run_id}  failed  0 of 3" in listed
        assert "    The disk is full." in listed
        counting.before_step = lambda _number: None
        assert runner.invoke(args=["job-runs", "retry", str(run_id)]).output == f"Job run {run_id} is queued again.\n"
        assert reload_run(run_id).state is JobState.FINISHED
        refusal = runner.invoke(args=["job-runs", "retry", str(run_id)])
        assert (refusal.exit_code, "This job is finished. Nothing was changed." in refusal.output) == (1, True)

    def test_a_job_of_a_person_whose_role_has_ended_is_not_retried_at_the_command_line(
        self, app: Flask, world: World, start: Start, by_hand: list[int]
    ) -> None:
        run_id = start()
        assert by_hand == [run_id]
        end_role(world)
        run_job(run_id)
        refusal = app.test_cli_runner().invoke(args=["job-runs", "retry", str(run_id)])
        assert refusal.exit_code == 1
        assert "The person who started this job no longer has the role for it" in refusal.output
        assert reload_run(run_id).state is JobState.FAILED

    def test_metrics_count_failed_and_waiting_job_runs(self, start: Start, counting: Counting) -> None:
        counting.before_step = refuse
        start()
        samples = {
            sample.labels["state"]: sample.value
            for metric in measure_jobs()
            if metric.name == "tracker_job_runs"
            for sample in metric.samples
        }
        assert samples == {"waiting": 0, "running": 0, "failed": 1}
