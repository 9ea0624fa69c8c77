"""A form that is not ready in time: a job prints it, and its page offers it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.job_runs.conftest import by_hand, reload_run
from tests.recording_forms.test_print_cohort import NOON, list_stored, mark_erased
from tests.stored_files import stored_path
from tracker.background.jobs import Jobs
from tracker.errors import FormNotRendered
from tracker.extensions import db
from tracker.job_runs.files import delete_expired_job_files, drop_files_of
from tracker.job_runs.running import run_job
from tracker.ledger import read_only
from tracker.ledger.transactions import transaction
from tracker.models import Event, JobRun, Person, UnitAttempt
from tracker.recording_forms import form_cache, form_steps
from tracker.recording_forms.form_job import start_form_job
from tracker.recording_forms.pdf_renderer import hash_content
from tracker.recording_forms.queries import build_form_content
from tracker.vocabulary import JobState

__all__ = ["by_hand"]

Client = Callable[[Person], FlaskClient]
Freeze = Callable[[datetime], None]


@pytest.fixture(autouse=True)
def rendered(full_queue: None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Jobs print at once, while a page waits in vain. Return who printed."""
    people: list[int] = []

    def render(_content: object, person_id: int) -> bytes:
        people.append(person_id)
        return b"%%PDF %d" % len(people)

    monkeypatch.setattr(form_steps, "render_pdf", render)
    return people


def get_path(attempt: UnitAttempt) -> str:
    return f"/attempts/{attempt.id}/form.pdf"


def list_runs() -> list[JobRun]:
    db.session.rollback()
    return list(db.session.scalars(select(JobRun).order_by(JobRun.id)))


def change(attempt: UnitAttempt) -> None:
    """Change what the form prints."""
    with transaction():
        call = factories.make_evidence(attempt, "Another call")
        factories.claim(attempt, call, "4")
        factories.submit(call)


class TestPages:
    def test_the_page_of_the_job_shows_progress_and_then_offers_the_form(
        self, client: Client, world: World, assessed: UnitAttempt, by_hand: list[int]
    ) -> None:
        alice = client(world.alice)
        answer = alice.get(get_path(assessed))
        (run_id,) = by_hand
        assert (answer.status_code, answer.location) == (303, f"/jobs/{run_id}")
        page = alice.get(answer.location).text
        assert "0 of 1 form" in page
        assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
        run_job(run_id)
        page = alice.get(answer.location).text
        assert f'href="{get_path(assessed)}"' in page
        assert "PDF, " in page
        answer = alice.get(get_path(assessed))
        assert (answer.mimetype, answer.data) == ("application/pdf", b"%PDF 1")

    def test_a_second_request_finds_the_job_that_runs_and_then_its_form(
        self, client: Client, world: World, assessed: UnitAttempt, by_hand: list[int], rendered: list[int]
    ) -> None:
        alice, bob = client(world.alice), client(world.bob)
        first, second = alice.get(get_path(assessed)), alice.get(get_path(assessed))
        assert first.location == second.location
        answer = bob.get(get_path(assessed))
        assert (answer.status_code, answer.headers["Refresh"]) == (503, "5"), "the job is Alice's, so his page waits"
        assert len(by_hand) == 1
        run_job(by_hand[0])
        assert alice.get(get_path(assessed)).data == bob.get(get_path(assessed)).data == b"%PDF 1"
        assert rendered == [world.alice.id]

    def test_a_form_that_changed_is_printed_again(
        self, client: Client, world: World, assessed: UnitAttempt, rendered: list[int]
    ) -> None:
        alice = client(world.alice)
        alice.get(get_path(assessed))
        change(assessed)
        assert alice.get(get_path(assessed)).status_code == 303
        assert alice.get(get_path(assessed)).data == b"%PDF 2"
        assert len(rendered) == 2

    def test_a_form_that_changed_while_it_waited_is_printed_as_it_is_then(
        self, client: Client, world: World, assessed: UnitAttempt, by_hand: list[int]
    ) -> None:
        alice = client(world.alice)
        alice.get(get_path(assessed))
        change(assessed)
        run_job(by_hand[0])
        assert alice.get(get_path(assessed)).data == b"%PDF 1"
        assert len(list_runs()) == 1

    def test_two_requests_at_the_same_moment_start_one_job(
        self, world: World, assessed: UnitAttempt, by_hand: list[int]
    ) -> None:
        runs = []
        for person in (world.alice, world.bob):
            with transaction():
                content = build_form_content(assessed)
                runs.append(start_form_job(assessed.id, content, factories.make_actor(person)).id)
        assert len(set(runs)) == len(by_hand) == 1

    def test_who_may_not_read_the_unit_gets_nothing_of_a_form_that_a_job_printed(
        self, client: Client, world: World, assessed: UnitAttempt
    ) -> None:
        client(world.alice).get(get_path(assessed))
        (run,) = list_runs()
        for person in (world.frank, world.grace, world.heidi):
            assert client(person).get(get_path(assessed)).status_code == 404
            assert client(person).get(f"/jobs/{run.id}/file").status_code == 404
        answer = client(world.alice).get(f"/jobs/{run.id}/file")
        assert answer.location == get_path(assessed), "the page of the form checks again who may read it"

    def test_a_form_that_cannot_be_printed_says_so_and_can_be_retried(
        self, client: Client, world: World, assessed: UnitAttempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_content: object, _person_id: int) -> bytes:
            raise FormNotRendered("no memory")

        with monkeypatch.context() as broken:
            broken.setattr(form_steps, "render_pdf", fail)
            answer = client(world.alice).get(get_path(assessed))
        page = client(world.alice).get(answer.location or "").text
        assert "Everything on it is saved" in page
        assert "Retry" in page
        client(world.alice).post(f"{answer.location}/retry")
        assert client(world.alice).get(get_path(assessed)).data == b"%PDF 1"

    def test_a_person_has_three_such_jobs_at_most(
        self, client: Client, world: World, assessed: UnitAttempt, by_hand: list[int]
    ) -> None:
        alice = client(world.alice)
        for _ in range(3):
            assert alice.get(get_path(assessed)).status_code == 303
            change(assessed)
        answer = alice.get(get_path(assessed))
        assert (answer.status_code, len(by_hand)) == (409, 3)
        assert "Wait until one has finished, or cancel one." in answer.text

    @pytest.mark.parametrize("reason", ["no worker", "read-only"])
    def test_without_a_worker_to_print_it_the_page_tries_again(
        self, client: Client, world: World, assessed: UnitAttempt, reason: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alice = client(world.alice)
        if reason == "no worker":
            monkeypatch.setattr(Jobs, "has_worker", lambda _self: False)
        else:
            monkeypatch.setattr(read_only, "is_read_only", lambda: True)
        assert alice.get(get_path(assessed)).headers["Refresh"] == "5"
        assert list_runs() == []

    @pytest.mark.usefixtures("by_hand")
    def test_a_form_whose_job_waits_is_printed_by_its_page_while_the_worker_is_down(
        self, client: Client, world: World, assessed: UnitAttempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alice = client(world.alice)
        alice.get(get_path(assessed))
        monkeypatch.setattr(Jobs, "has_worker", lambda _self: False)
        assert alice.get(get_path(assessed)).headers["Refresh"] == "5"
        monkeypatch.setattr(form_cache, "render_pdf", lambda *_arguments: b"%PDF of the page")
        assert alice.get(get_path(assessed)).data == b"%PDF of the page"

    @pytest.mark.usefixtures("by_hand")
    def test_a_form_that_was_rendered_meanwhile_does_not_wait_for_its_job(
        self, client: Client, world: World, assessed: UnitAttempt
    ) -> None:
        alice, bob = client(world.alice), client(world.bob)
        alice.get(get_path(assessed))
        form_cache._get_cache().keep(hash_content(build_form_content(assessed)), b"%PDF that was kept")
        assert bob.get(get_path(assessed)).data == b"%PDF that was kept"

    def test_printing_one_form_adds_nothing_to_the_ledger(
        self, client: Client, world: World, assessed: UnitAttempt
    ) -> None:
        before = db.session.query(Event).count()
        client(world.alice).get(get_path(assessed))
        db.session.rollback()
        assert (len(list_runs()), db.session.query(Event).count()) == (1, before)


class TestFiles:
    def test_the_form_is_kept_for_24_hours(
        self, client: Client, world: World, assessed: UnitAttempt, freeze_clock: Freeze
    ) -> None:
        freeze_clock(NOON)
        client(world.alice).get(get_path(assessed))
        (run,) = list_runs()
        (form,) = set(list_stored(run.id))
        freeze_clock(NOON + timedelta(hours=24))
        delete_expired_job_files()
        assert not stored_path(form).exists()
        assert client(world.alice).get(get_path(assessed)).status_code == 303, "it is printed again"

    def test_an_erasure_deletes_the_form(self, client: Client, world: World, assessed: UnitAttempt) -> None:
        client(world.alice).get(get_path(assessed))
        (run,) = list_runs()
        (form,) = set(list_stored(run.id))
        with transaction():
            drop_files_of(world.alice.id, world.northgate.id)
        assert not stored_path(form).exists()
        assert list(list_stored(run.id)) == []

    def test_a_form_that_is_erased_while_it_is_printed_is_printed_again_as_it_is_then(
        self,
        client: Client,
        world: World,
        assessed: UnitAttempt,
        by_hand: list[int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        printed: list[str] = []

        def render(content: Any, _person_id: int) -> bytes:
            printed.append(content.candidate_name)
            if len(printed) == 1:
                with transaction():
                    mark_erased(world.registration.id, world.dan)
            return b"%PDF"

        monkeypatch.setattr(form_steps, "render_pdf", render)
        client(world.alice).get(get_path(assessed))
        run_job(by_hand[0])
        assert (len(printed), reload_run(by_hand[0]).state) == (2, JobState.FINISHED)

    def test_a_missing_file_is_printed_again(self, client: Client, world: World, assessed: UnitAttempt) -> None:
        client(world.alice).get(get_path(assessed))
        (run,) = list_runs()
        (form,) = set(list_stored(run.id))
        stored_path(form).unlink()
        assert client(world.alice).get(get_path(assessed)).status_code == 303
        assert client(world.alice).get(get_path(assessed)).data == b"%PDF 2"

    def test_a_damaged_file_is_printed_again(
        self, client: Client, world: World, assessed: UnitAttempt, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alice = client(world.alice)
        alice.get(get_path(assessed))
        (run,) = list_runs()
        (form,) = set(list_stored(run.id))
        stored_path(form).write_bytes(b"%PDX 1")
        assert alice.get(get_path(assessed)).headers["Refresh"] == "5", "its job is finished, so the page tries again"
        monkeypatch.setattr(form_cache, "render_pdf", lambda *_arguments: b"%PDF of the page")
        assert alice.get(get_path(assessed)).data == b"%PDF of the page"

    def test_the_page_of_a_job_whose_form_was_erased_says_how_to_print_what_is_left(
        self, client: Client, world: World, assessed: UnitAttempt
    ) -> None:
        alice = client(world.alice)
        address = alice.get(get_path(assessed)).location or ""
        with transaction():
            drop_files_of(world.alice.id, world.northgate.id)
        page = alice.get(address).text
        assert "Print the form again for what is left." in page


def test_the_own_data_of_who_printed_lists_the_job_without_the_candidates_name(
    client: Client, world: World, assessed: UnitAttempt
) -> None:
    client(world.bob).get(get_path(assessed))
    (run,) = list_runs()
    assert reload_run(run.id).state is JobState.FINISHED
    assert run.title == f"Recording form {assessed.unit.full_code}"
