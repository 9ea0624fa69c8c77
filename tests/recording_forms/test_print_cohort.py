"""Printing the forms of many candidates by a job: the choice, the steps, the file, and who gets it."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.job_runs.conftest import by_hand, reload_run
from tests.pausing import run_while_paused
from tests.stored_files import stored_path
from tracker.clock import LONDON
from tracker.errors import FormNotRendered, Invalid
from tracker.extensions import db
from tracker.job_runs import services
from tracker.job_runs.files import delete_expired_job_files, drop_files_of
from tracker.job_runs.queries import STALLED_AFTER
from tracker.job_runs.running import resume_job_runs, run_job
from tracker.ledger.transactions import lock_rows, transaction
from tracker.models import Erasure, Event, JobRun, JobStep, Person, PortfolioAccess, UnitAttempt
from tracker.privacy.export_account import list_job_runs
from tracker.recording_forms import cohort_choice, form_steps
from tracker.recording_forms.cohort_choice import choose_forms
from tracker.recording_forms.cohort_printing import start_printing
from tracker.recording_forms.form_content import FormContent
from tracker.registrations.services import withdraw_candidate
from tracker.storage import file_store
from tracker.storage.file_references import select_permanent_files
from tracker.storage.reconciliation import list_missing_files, list_orphan_files
from tracker.vocabulary import FormOutcome, JobState, PortfolioPart, Role
from tracker.web.lists import ListQuery

__all__ = ["by_hand"]

Browser = Callable[[Person], FlaskClient]
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=LONDON)
Freeze = Callable[[datetime], None]


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Render forms at once as short texts; return the names and units of those that were rendered."""
    printed: list[str] = []

    def render(content: FormContent, _person_id: int) -> bytes:
        code = "CFACC15" if "CFACC15" in content.unit_code else content.unit_code
        printed.append(f"{content.candidate_name} {code}")
        return f"%PDF {printed[-1]}".encode()

    monkeypatch.setattr(form_steps, "render_pdf", render)
    return printed


@pytest.fixture
def ana(world: World) -> Person:
    """Ana Ferreira, another candidate at Northgate, who works on CFACC15."""
    with transaction():
        person = factories.make_person("Ana Ferreira", world.northgate, Role.CANDIDATE)
        factories.make_attempt(factories.make_registration(person, world.northgate, world.dan), "CFACC15")
    return person


def get_registration_id(person: Person) -> int:
    return db.session.scalars(
        select(UnitAttempt.registration_id).where(UnitAttempt.candidate_id == person.id).limit(1)
    ).one()


def start(world: World, *people: Person, unit: str = "", who: Person | None = None) -> int:
    """Start printing for these people, or for all in the list. Return the job run's id."""
    with transaction():
        ids = [get_registration_id(person) for person in people] if people else None
        choice = choose_forms(world.northgate, ListQuery(), ids, unit)
        return start_printing(world.northgate, choice, factories.make_actor(who or world.dan)).id


def download(browser: FlaskClient, run_id: int) -> dict[str, bytes]:
    """Return the files of the ZIP that a browser gets, by their paths."""
    answer = browser.get(f"/jobs/{run_id}/file")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=recording-forms-")
    content = answer.data
    answer.close()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def read_contents(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["contents.csv"].decode("utf-8-sig"))))


def list_stored(run_id: int) -> Iterator[str]:
    """Yield the hash of every file that a job run has."""
    run = reload_run(run_id)
    yield from filter(None, [run.result_sha256])
    query = select(JobStep.sha256).where(JobStep.run_id == run_id, JobStep.sha256.is_not(None))
    yield from (sha256 for sha256 in db.session.scalars(query) if sha256)


class TestChoice:
    def test_all_candidates_of_the_list_or_the_ticked_ones_are_chosen(self, world: World, ana: Person) -> None:
        everyone = choose_forms(world.northgate, ListQuery(), None, "")
        assert (len(everyone.attempt_ids), everyone.candidates) == (3, 2)
        assert everyone.title == "3 recording forms of 2 candidates"
        assert choose_forms(world.northgate, ListQuery(words="Ferreira"), None, "").candidates == 1
        assert choose_forms(world.northgate, ListQuery(), [get_registration_id(ana)], "").candidates == 1

    @pytest.mark.usefixtures("ana")
    def test_one_unit_can_be_chosen_by_any_of_its_codes(self, world: World) -> None:
        assert len(choose_forms(world.northgate, ListQuery(), None, " cfacc15 ").attempt_ids) == 2
        assert choose_forms(world.northgate, ListQuery(), None, "INSCC004").attempt_ids == (world.inscc004.id,)

    def test_candidates_of_another_centre_are_left_out(self, world: World) -> None:
        with pytest.raises(Invalid, match="have no units"):
            choose_forms(world.northgate, ListQuery(), [get_registration_id(world.frank)], "")

    @pytest.mark.parametrize(
        ("ids", "unit", "sentence"), [([], "", "Tick at least one"), (None, "XYZ1", "no units in unit XYZ1")]
    )
    def test_nothing_to_print_is_refused(self, world: World, ids: list[int] | None, unit: str, sentence: str) -> None:
        with pytest.raises(Invalid, match=sentence):
            choose_forms(world.northgate, ListQuery(), ids, unit)

    def test_too_many_forms_are_refused(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cohort_choice, "MAX_FORMS", 1)
        with pytest.raises(Invalid, match="more than 1 forms"):
            choose_forms(world.northgate, ListQuery(), None, "")

    def test_too_many_ticked_candidates_are_refused_before_they_are_looked_up(
        self, world: World, client: Browser, count_statements: Any
    ) -> None:
        ticked = list(range(1, cohort_choice.MAX_FORMS + 2))
        with count_statements() as statements, pytest.raises(Invalid, match="You ticked more than 500 candidates"):
            choose_forms(world.northgate, ListQuery(), ticked, "")
        assert list(statements) == []
        answer = client(world.dan).post(
            f"/centres/{world.northgate.id}/forms/print", data={"which": "ticked", "registration": ticked}
        )
        assert answer.status_code == 422
        assert "You ticked more than 500 candidates. Nothing was started." in answer.text


class TestPrinting:
    @pytest.mark.usefixtures("ana")
    def test_every_form_is_in_one_file_with_a_list(self, world: World, rendered: list[str], client: Browser) -> None:
        run_id = start(world)
        run = reload_run(run_id)
        assert (run.state, run.done, run.total) == (JobState.FINISHED, 3, 3)
        assert [each.split()[0] for each in rendered] == ["Alice", "Alice", "Ana"]
        files = download(client(world.dan), run_id)
        rows = read_contents(files)
        assert [(row["Candidate"], row["Left out"]) for row in rows] == [
            ("Alice Moran", ""), ("Alice Moran", ""), ("Ana Ferreira", ""),
        ]  # fmt: skip
        assert {row["File"] for row in rows} | {"contents.csv"} == set(files)
        assert all(files[row["File"]].startswith(b"%PDF " + row["Candidate"].encode()) for row in rows)

    @pytest.mark.one_database
    def test_a_form_is_a_pdf_as_it_is_printed_alone(self, world: World, client: Browser) -> None:
        run_id = start(world, world.alice, unit="CFACC15")
        dan = client(world.dan)
        (name,) = set(files := download(dan, run_id)) - {"contents.csv"}
        assert files[name] == dan.get(f"/attempts/{world.cfacc15.id}/form.pdf").data

    @pytest.mark.usefixtures("ana", "rendered")
    def test_the_ledger_says_whose_forms_were_printed_by_whom(self, world: World) -> None:
        run_id = start(world, world.alice)
        query = select(Event).where(Event.act.in_(["forms_print_started", "forms_printed"])).order_by(Event.seq)
        started, printed = db.session.scalars(query)
        assert (started.object_id, started.actor_id) == (run_id, world.dan.id)
        assert f'"attempts":[{world.cfacc15.id},{world.inscc004.id}]' in printed.body.decode()

    @pytest.mark.usefixtures("ana")
    def test_forms_of_withdrawn_and_erased_candidates_are_left_out_and_named(
        self, world: World, rendered: list[str], client: Browser
    ) -> None:
        with transaction():
            withdraw_candidate(world.registration, "Left the employer.", factories.make_actor(world.dan))
            chloe = factories.make_person("Chloe Reid", world.northgate, Role.CANDIDATE)
            registration = factories.make_registration(chloe, world.northgate, world.dan)
            factories.make_attempt(registration, "CFACC15")
            mark_erased(registration.id, world.dan)
        run_id = start(world, unit="CFACC15")
        assert rendered == ["Ana Ferreira CFACC15"]
        dan = client(world.dan)
        page = dan.get(f"/jobs/{run_id}").text
        assert "Left out" in page
        assert "CFACC15): candidate withdrawn" in page
        assert "CFACC15): records erased" in page
        rows = read_contents(download(dan, run_id))
        assert [row["Left out"] for row in rows] == ["Candidate withdrawn", "", "Records erased"]

    def test_a_form_that_cannot_be_rendered_does_not_stop_the_others(
        self, world: World, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail_once(content: FormContent, _person_id: int) -> bytes:
            if "CFACC15" in content.unit_code:
                raise FormNotRendered("no memory")
            return b"%PDF"

        monkeypatch.setattr(form_steps, "render_pdf", fail_once)
        run_id = start(world, world.alice)
        assert reload_run(run_id).state is JobState.FINISHED
        assert "CFACC15): could not be printed" in client(world.dan).get(f"/jobs/{run_id}").text

    @pytest.mark.usefixtures("rendered")
    def test_without_any_form_there_is_no_file(self, world: World, client: Browser) -> None:
        with transaction():
            withdraw_candidate(world.registration, "Left the employer.", factories.make_actor(world.dan))
        run_id = start(world, world.alice)
        assert "No form was printed, so there is no file." in client(world.dan).get(f"/jobs/{run_id}").text
        assert list(list_stored(run_id)) == []

    @pytest.mark.usefixtures("rendered")
    def test_too_large_a_file_fails_with_what_to_do(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(form_steps, "MAX_BYTES", 40)
        run = reload_run(start(world, world.alice))
        assert (run.state, run.done) == (JobState.FAILED, 1)
        assert "Cancel this job, and print fewer candidates" in run.message

    def test_a_killed_worker_leaves_the_forms_that_were_printed(
        self,
        world: World,
        by_hand: list[int],
        rendered: list[str],
        freeze_clock: Freeze,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        freeze_clock(NOON)
        run_id, save = start(world, world.alice), file_store.save
        saved: list[Any] = []

        def save_and_die(stream: Any) -> Any:
            saved.append(save(stream))
            if len(saved) == 2:
                raise KeyboardInterrupt
            return saved[-1]

        monkeypatch.setattr(file_store, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            run_job(run_id)
        assert reload_run(run_id).done == 1
        monkeypatch.setattr(file_store, "save", save)
        freeze_clock(NOON + STALLED_AFTER)
        by_hand.clear()
        resume_job_runs()
        assert by_hand == [run_id]
        run_job(run_id)
        assert reload_run(run_id).state is JobState.FINISHED
        assert [each.split()[-1] for each in rendered] == ["CFACC15", "INSCC004", "INSCC004"], (
            "its step is done again"
        )
        steps = db.session.scalars(select(JobStep).where(JobStep.run_id == run_id).order_by(JobStep.number)).all()
        assert [(step.number, step.outcome) for step in steps] == [(0, FormOutcome.PRINTED), (1, FormOutcome.PRINTED)]


def mark_erased(registration_id: int, by: Person) -> None:
    from tracker.clock import now

    erasure = Erasure(
        registration_id=registration_id, is_full=True, erased_at=now(), erased_by_id=by.id, is_open=True
    )
    db.session.add(erasure)
    db.session.flush()
    erasure.is_open = False
    factories.leave_unsealed()


class TestFiles:
    @pytest.mark.usefixtures("rendered")
    def test_the_file_is_deleted_after_24_hours(self, world: World, client: Browser, freeze_clock: Freeze) -> None:
        freeze_clock(NOON)
        run_id = start(world, world.alice)
        (result,) = list_stored(run_id)
        freeze_clock(NOON + timedelta(hours=23, minutes=59))
        delete_expired_job_files()
        assert stored_path(result).exists()
        freeze_clock(NOON + timedelta(hours=24))
        delete_expired_job_files()
        assert not stored_path(result).exists()
        assert db.session.query(JobStep).count() == 0
        dan = client(world.dan)
        assert "The file was deleted" in dan.get(f"/jobs/{run_id}").text
        assert dan.get(f"/jobs/{run_id}/file").status_code == 404

    @pytest.mark.usefixtures("by_hand", "rendered")
    def test_a_cancelled_job_keeps_no_file(self, world: World) -> None:
        run_id = start(world, world.alice)
        print_one_step(run_id)
        (form,) = list_stored(run_id)
        with transaction():
            services.cancel_run(reload_run(run_id), factories.make_actor(world.dan))
        assert not stored_path(form).exists()
        assert list(list_stored(run_id)) == []

    def test_a_failed_job_whose_files_have_expired_begins_again(
        self, world: World, rendered: list[str], freeze_clock: Freeze, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        freeze_clock(NOON)
        monkeypatch.setattr(form_steps, "MAX_BYTES", 40)
        run_id = start(world, world.alice)
        freeze_clock(NOON + timedelta(hours=24))
        delete_expired_job_files()
        assert reload_run(run_id).done == 0
        monkeypatch.setattr(form_steps, "MAX_BYTES", 4000)
        with transaction():
            services.retry_run(reload_run(run_id), factories.make_actor(world.dan))
        assert (reload_run(run_id).state, len(rendered)) == (JobState.FINISHED, 4)

    @pytest.mark.usefixtures("rendered")
    def test_who_prints_the_forms_again_is_in_the_ledger_with_the_time(
        self, world: World, freeze_clock: Freeze, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        freeze_clock(NOON)
        monkeypatch.setattr(form_steps, "MAX_BYTES", 40)
        run_id = start(world, world.alice)
        monkeypatch.setattr(form_steps, "MAX_BYTES", 4000)
        with transaction():
            nora = factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)
        freeze_clock(NOON + timedelta(hours=1))
        with transaction():
            services.retry_run(reload_run(run_id), factories.make_actor(nora))
        started = select(Event.actor_id, Event.at).where(Event.act == "forms_print_started").order_by(Event.seq)
        assert [row[0] for row in db.session.execute(started)] == [world.dan.id, nora.id]
        assert reload_run(run_id).started_at == NOON + timedelta(hours=1)

    @pytest.mark.usefixtures("rendered")
    def test_files_that_a_killed_process_did_not_delete_are_deleted_by_the_worker(
        self, world: World, client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remove = file_store.remove

        def fail(_sha256: str) -> None:
            raise OSError("the store cannot be reached")

        monkeypatch.setattr(file_store, "remove", fail)
        run_id = start(world, world.alice)
        run = reload_run(run_id)
        assert run.state is JobState.FINISHED
        removed = run.files_to_delete or []
        assert [stored_path(each).exists() for each in removed] == [True, True]
        assert client(world.dan).get(f"/jobs/{run_id}").status_code == 200
        monkeypatch.setattr(file_store, "remove", remove)
        delete_expired_job_files()
        assert [stored_path(each).exists() for each in removed] == [False, False]
        assert reload_run(run_id).files_to_delete is None

    @pytest.mark.usefixtures("rendered")
    def test_erasing_a_candidate_deletes_the_file_with_their_forms(
        self, world: World, ana: Person, client: Browser
    ) -> None:
        both, only_ana = start(world), start(world, ana)
        (result,), (other,) = list_stored(both), list_stored(only_ana)
        with transaction():
            drop_files_of(world.alice.id, world.northgate.id)
        assert not stored_path(result).exists()
        assert stored_path(other).exists()
        page = client(world.dan).get(f"/jobs/{both}").text
        assert "the records of a candidate whose form is in it were erased" in page
        assert db.session.query(JobStep).filter_by(candidate_id=world.alice.id).count() == 0

    @pytest.mark.usefixtures("ana", "by_hand", "rendered")
    def test_a_candidate_who_is_erased_meanwhile_is_left_out(self, world: World, client: Browser) -> None:
        run_id = start(world)
        print_one_step(run_id)
        (form,) = list_stored(run_id)
        with transaction():
            mark_erased(world.registration.id, world.dan)
            drop_files_of(world.alice.id, world.northgate.id)
        assert not stored_path(form).exists()
        run_job(run_id)
        files = download(client(world.dan), run_id)
        assert [row["Candidate"] for row in read_contents(files) if row["File"]] == ["Ana Ferreira"]

    @pytest.mark.usefixtures("by_hand")
    def test_a_form_that_was_rendered_before_an_erasure_is_not_stored_after_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_id, form = start(world, world.alice, unit="CFACC15"), b"%PDF with evidence"

        def render(_content: FormContent, _person_id: int) -> bytes:
            with transaction():
                mark_erased(world.registration.id, world.dan)
            return form

        monkeypatch.setattr(form_steps, "render_pdf", render)
        run_job(run_id)
        assert list(list_stored(run_id)) == []
        assert not stored_path(hashlib.sha256(form).hexdigest()).exists()
        assert db.session.scalars(select(JobStep.outcome)).all() == [FormOutcome.ERASED]

    @pytest.mark.usefixtures("by_hand", "rendered")
    @pytest.mark.parametrize("place", ["_measure_steps", "find_current_form"], ids=["stored", "read"])
    def test_a_form_that_is_stored_or_read_during_an_erasure_is_not_kept(
        self, app: Flask, world: World, place: str
    ) -> None:
        """While it is stored, the erasure waits. It does not wait for the reading, which has no lock."""
        run_id, alices = start(world, world.alice), [world.cfacc15.id, world.inscc004.id]
        candidate_id, centre_id, registration_id = world.alice.id, world.northgate.id, world.registration.id
        dan = world.dan

        def erase() -> None:
            with transaction():
                lock_rows(UnitAttempt, alices)  # as an erasure does first
                mark_erased(registration_id, db.session.merge(dan))
                drop_files_of(candidate_id, centre_id)

        run_while_paused(app, (form_steps, place), lambda: run_job(run_id), erase)
        assert list(list_stored(run_id)) == []
        outcomes = db.session.scalars(select(JobStep.outcome).where(JobStep.run_id == run_id)).all()
        assert set(outcomes) <= {FormOutcome.ERASED}

    @pytest.mark.usefixtures("by_hand", "rendered")
    def test_the_comparison_of_files_knows_them_and_a_backup_leaves_them_out(self, world: World) -> None:
        run_id = start(world, world.alice)
        print_one_step(run_id)
        stored = set(list_stored(run_id))
        assert stored.isdisjoint(db.session.scalars(select_permanent_files()))
        assert list(list_orphan_files()) == []
        stored_path(stored.pop()).unlink()
        assert list(list_missing_files()) == []


def print_one_step(run_id: int) -> None:
    from tracker.background import jobs

    queue = jobs.get_jobs()
    queue.stopping.set()
    try:
        run_job(run_id)
    finally:
        queue.stopping.clear()


class TestOnScreen:
    def test_an_administrator_ticks_candidates_and_follows_the_job(
        self, world: World, ana: Person, rendered: list[str], client: Browser
    ) -> None:
        dan, at = client(world.dan), f"/centres/{world.northgate.id}"
        assert f"{at}/forms/print" in dan.get(f"{at}/registrations").text
        page = dan.get(f"{at}/forms/print").text
        assert "Ana Ferreira" in page
        assert "All 2 candidates in this list" in page
        answer = dan.post(f"{at}/forms/print", data={"which": "ticked", "registration": get_registration_id(ana)})
        assert answer.status_code == 303
        page = dan.get(answer.location).text
        assert "1 recording form of 1 candidate" in page
        assert "Download the file" in page
        assert rendered == ["Ana Ferreira CFACC15"]

    @pytest.mark.usefixtures("ana")
    def test_the_search_of_the_list_limits_all_candidates(
        self, world: World, rendered: list[str], client: Browser
    ) -> None:
        client(world.dan).post(f"/centres/{world.northgate.id}/forms/print?q=Ferreira", data={"which": "all"})
        assert rendered == ["Ana Ferreira CFACC15"]

    def test_a_refused_choice_says_why_and_keeps_the_ticks(self, world: World, ana: Person, client: Browser) -> None:
        dan, address = client(world.dan), f"/centres/{world.northgate.id}/forms/print"
        answer = dan.post(address, data={"which": "ticked"})
        assert answer.status_code == 422
        assert "Tick at least one candidate" in answer.text
        ticked = get_registration_id(ana)
        answer = dan.post(address, data={"which": "ticked", "registration": ticked, "unit": "XYZ1"})
        assert "have no units in unit XYZ1" in answer.text
        assert f'id="registration-{ticked}" name="registration" value="{ticked}" checked' in answer.text
        assert dan.get(f"{address}?tick=all").text.count(" checked") == 3

    @pytest.mark.usefixtures("ana")
    def test_the_page_lists_candidates_in_few_statements(
        self, world: World, client: Browser, count_statements: Any
    ) -> None:
        dan = client(world.dan)
        with count_statements() as statements:
            dan.get(f"/centres/{world.northgate.id}/forms/print")
        assert len(statements) <= 9

    @pytest.mark.usefixtures("rendered")
    def test_only_who_started_it_downloads_and_each_candidate_sees_it_in_the_access_log(
        self, world: World, ana: Person, client: Browser
    ) -> None:
        run_id = start(world)
        with transaction():
            nora = factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)
        other = client(nora)
        assert "Only" in other.get(f"/jobs/{run_id}").text
        assert other.get(f"/jobs/{run_id}/file").status_code == 404
        assert db.session.query(PortfolioAccess).count() == 0
        download(client(world.dan), run_id)
        db.session.rollback()
        rows = db.session.scalars(select(PortfolioAccess).order_by(PortfolioAccess.candidate_id)).all()
        assert [(row.candidate_id, row.person_id, row.part, row.role) for row in rows] == [
            (world.alice.id, world.dan.id, PortfolioPart.UNITS, Role.ADMINISTRATOR),
            (ana.id, world.dan.id, PortfolioPart.UNITS, Role.ADMINISTRATOR),
        ]
        assert "Dan Price" in client(world.alice).get("/account/access-log").text

    @pytest.mark.usefixtures("by_hand")
    def test_an_administrator_who_retries_the_job_of_another_is_the_one_who_downloads(
        self, world: World, rendered: list[str], client: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with transaction():
            nora = factories.make_person("Nora Bell", world.northgate, Role.ADMINISTRATOR)
        with monkeypatch.context() as limited:
            limited.setattr(form_steps, "MAX_BYTES", 1)
            run_id = start(world)
            run_job(run_id)
        dan, browser = client(world.dan), client(nora)
        sentence = "If you retry the job, it continues in your name, and only you can download its file."
        assert sentence in browser.get(f"/jobs/{run_id}").text
        assert sentence not in dan.get(f"/jobs/{run_id}").text
        browser.post(f"/jobs/{run_id}/retry")
        run_job(run_id)
        assert rendered
        assert dan.get(f"/jobs/{run_id}/file").status_code == 404
        assert "contents.csv" in download(browser, run_id)
        readers = {each.person_id for each in db.session.scalars(select(PortfolioAccess))}
        assert readers == {nora.id}
        events = db.session.scalars(select(Event).where(Event.act.startswith("forms_print")).order_by(Event.seq))
        assert [(each.act, each.actor_id) for each in events] == [
            ("forms_print_started", world.dan.id), ("forms_print_started", nora.id), ("forms_printed", nora.id),
        ]  # fmt: skip

    @pytest.mark.usefixtures("rendered")
    def test_a_candidate_whose_form_was_left_out_has_no_entry_in_the_access_log(
        self, world: World, ana: Person, client: Browser
    ) -> None:
        with transaction():
            withdraw_candidate(world.registration, "Left the employer.", factories.make_actor(world.dan))
        run_id = start(world)
        download(client(world.dan), run_id)
        db.session.rollback()
        assert [row.candidate_id for row in db.session.scalars(select(PortfolioAccess))] == [ana.id]

    @pytest.mark.usefixtures("rendered")
    def test_the_own_data_of_who_started_it_lists_the_job(self, world: World) -> None:
        start(world, world.alice)
        (job,) = list_job_runs(world.dan)
        assert (job["title"], job["state"], job["done"]) == ("2 recording forms of 1 candidate", "Finished", 2)
        assert list_job_runs(world.alice) == []

    @pytest.mark.usefixtures("rendered")
    def test_people_of_other_roles_and_centres_see_nothing_of_it(self, world: World, client: Browser) -> None:
        run_id = start(world, world.alice)
        for person in (world.alice, world.bob, world.carol, world.eve, world.heidi):
            browser = client(person)
            for path in ("", "/progress", "/file"):
                assert browser.get(f"/jobs/{run_id}{path}").status_code == 404
            for path in ("/cancel", "/retry"):
                assert browser.post(f"/jobs/{run_id}{path}").status_code == 404
            assert browser.get(f"/centres/{world.northgate.id}/forms/print").status_code == 404
        assert db.session.query(JobRun).one().state is JobState.FINISHED
