"""Rows of job runs that somebody wrote into the database: the worker does nothing more, and pages send no other file."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update

from tests import factories
from tests.factories import World
from tests.job_runs.conftest import Counting, by_hand, reload_run
from tests.recording_forms.test_print_cohort import list_stored, rendered
from tests.recording_forms.test_print_cohort import start as start_printing
from tracker.clock import now
from tracker.extensions import db
from tracker.job_runs.files import STEP_FILE_LOST
from tracker.job_runs.running import NO_LONGER_ALLOWED, run_job
from tracker.ledger.transactions import transaction
from tracker.models import Grant, JobRun, JobStep, Person, UnitAttempt
from tracker.recording_forms import form_steps
from tracker.recording_forms.form_content import FormContent
from tracker.recording_forms.form_job import FORM_PRINTING, find_form_job
from tracker.recording_forms.issue_job import FORM_ISSUING
from tracker.recording_forms.pdf_renderer import hash_content
from tracker.recording_forms.queries import build_form_content
from tracker.storage import file_store
from tracker.vocabulary import FormOutcome, JobState, Role

__all__ = ["by_hand", "rendered"]

Browser = Callable[[Person], FlaskClient]
Start = Callable[..., int]


def write(run_id: int, **values: Any) -> None:
    """Write values into a row, as somebody with the database's password can."""
    with transaction():
        db.session.execute(update(JobRun).where(JobRun.id == run_id).values(**values))
    db.session.expire_all()


def find_grant(person: Person, role: Role) -> int:
    return db.session.scalars(select(Grant.id).where(Grant.person_id == person.id, Grant.role == role)).one()


def store(content: bytes) -> str:
    return file_store.save(io.BytesIO(content)).sha256


@pytest.mark.usefixtures("by_hand")
class TestWhoeverActs:
    """A worker does a job only in a role that lets its person start it, at its centre."""

    @pytest.mark.parametrize("name", ["alice", "bob", "carol"])
    def test_no_role_that_could_not_start_it(self, world: World, start: Start, counting: Counting, name: str) -> None:
        run_id, person = start(), getattr(world, name)
        grant = db.session.scalars(select(Grant.id).where(Grant.person_id == person.id)).first()
        write(run_id, started_by_id=person.id, grant_id=grant)
        run_job(run_id)
        run = reload_run(run_id)
        assert (run.state, run.message, counting.counted) == (JobState.FAILED, NO_LONGER_ALLOWED, [])

    def test_no_administrator_of_another_centre(self, world: World, start: Start, counting: Counting) -> None:
        run_id = start()
        write(run_id, started_by_id=world.heidi.id, grant_id=find_grant(world.heidi, Role.ADMINISTRATOR))
        run_job(run_id)
        assert (reload_run(run_id).state, counting.counted) == (JobState.FAILED, [])

    def test_no_role_that_has_not_begun(self, world: World, start: Start, counting: Counting) -> None:
        run_id = start()
        with transaction():
            grant = db.session.get_one(Grant, find_grant(world.dan, Role.ADMINISTRATOR))
            grant.starts_at = now() + timedelta(days=1)
            factories.leave_unsealed()
        run_job(run_id)
        assert (reload_run(run_id).state, counting.counted) == (JobState.FAILED, [])


@pytest.mark.usefixtures("by_hand")
class TestOtherCentres:
    """A worker prints and issues only forms of the job's centre."""

    @pytest.fixture
    def foreign(self, world: World) -> UnitAttempt:
        """An attempt at Southbank."""
        query = select(UnitAttempt).where(UnitAttempt.centre_id == world.southbank.id)
        return db.session.scalars(query.limit(1)).one()

    def test_no_form_of_another_centre_is_printed(
        self, world: World, foreign: UnitAttempt, rendered: list[str]
    ) -> None:
        run_id = start_printing(world, world.alice)
        write(run_id, parameters={"attempts": [foreign.id]}, total=1)
        run_job(run_id)
        run = reload_run(run_id)
        assert (run.state, run.done, rendered) == (JobState.FAILED, 0, [])
        assert "The centre of this job has no unit" in run.message

    @pytest.mark.parametrize("kind", [FORM_PRINTING.name, FORM_ISSUING.name])
    def test_one_form_of_another_centre_is_neither_printed_nor_issued(
        self, world: World, foreign: UnitAttempt, rendered: list[str], kind: str
    ) -> None:
        run_id = start_printing(world, world.alice)
        write(run_id, kind=kind, subject_id=foreign.id, parameters={"content": ""}, total=1)
        run_job(run_id)
        assert (reload_run(run_id).state, rendered, list(list_stored(run_id))) == (JobState.FAILED, [], [])


@pytest.mark.usefixtures("rendered")
class TestOtherFiles:
    """A page sends only the file that the product made for this job."""

    def test_the_file_of_a_job_is_sent(self, world: World, client: Browser) -> None:
        run_id = start_printing(world, world.alice)
        answer = client(world.dan).get(f"/jobs/{run_id}/file")
        assert answer.status_code == 200
        answer.close()

    @pytest.mark.parametrize("has_its_note", [True, False])
    def test_no_other_stored_file_is_sent(self, world: World, client: Browser, has_its_note: bool) -> None:
        run_id = start_printing(world, world.alice)
        note = reload_run(run_id).parameters if has_its_note else {"attempts": []}
        write(run_id, result_sha256=store(b"another candidate's letter"), parameters=note)
        browser = client(world.dan)
        assert browser.get(f"/jobs/{run_id}/file").status_code == 404
        assert f"/jobs/{run_id}/file" not in browser.get(f"/jobs/{run_id}").text

    def test_no_file_of_another_job_is_sent(self, world: World, client: Browser) -> None:
        """Not even if its row is copied, with its note."""
        first, second = start_printing(world, world.alice), start_printing(world, world.alice, unit="INSCC004")
        other = reload_run(first)
        write(second, result_sha256=other.result_sha256, parameters=other.parameters)
        assert client(world.dan).get(f"/jobs/{second}/file").status_code == 404

    def test_no_other_file_is_sent_as_a_form(self, world: World) -> None:
        content = build_form_content(world.cfacc15)
        run_id = start_printing(world, world.alice)
        write(run_id, kind=FORM_PRINTING.name, subject_id=world.cfacc15.id)
        forged = {"content": hash_content(content).hex(), "result": reload_run(run_id).parameters["result"]}
        write(run_id, parameters=forged, result_sha256=store(b"%PDF forged"))
        assert find_form_job(world.cfacc15.id, content) is None


def replace_file(step: JobStep) -> None:
    """Put another stored file in the place of the one that the step made."""
    letter = store(b"another candidate's letter")
    db.session.execute(update(JobStep).where(JobStep.id == step.id).values(sha256=letter))


def replace_file_and_note(step: JobStep) -> None:
    """Say that the product noted no file."""
    letter = store(b"another candidate's letter")
    db.session.execute(update(JobStep).where(JobStep.id == step.id).values(sha256=letter, file_note=None))


def add_step(step: JobStep) -> None:
    """Add a step with another stored file, and the note of a true one."""
    copied = {
        name: getattr(step, name) for name in ("run_id", "candidate_id", "attempt_id", "outcome", "size", "file_note")
    }
    letter = store(b"another candidate's letter")
    db.session.execute(insert(JobStep).values(**copied, number=step.number + 5, sha256=letter))


def copy_step(step: JobStep) -> None:
    """Add a step with the file of a true one, so that one form stands under two names."""
    copied = {name: getattr(step, name) for name in ("run_id", "candidate_id", "attempt_id", "outcome", "size")}
    values = {**copied, "number": step.number + 5, "sha256": step.sha256, "file_note": step.file_note}
    db.session.execute(insert(JobStep).values(**values))


@pytest.mark.usefixtures("by_hand")
class TestOtherStepFiles:
    """A job puts together only the files that the product made in its steps."""

    @pytest.mark.parametrize("plant", [replace_file, replace_file_and_note, add_step, copy_step])
    def test_no_other_file_is_packed(
        self, world: World, monkeypatch: pytest.MonkeyPatch, plant: Callable[[JobStep], None]
    ) -> None:
        run_id = start_printing(world, world.alice)
        printed: list[str] = []

        def render_and_plant(content: FormContent, _person_id: int) -> bytes:
            if len(printed) == 1:
                with transaction():
                    plant(db.session.scalars(select(JobStep).where(JobStep.run_id == run_id)).one())
                db.session.expire_all()
            printed.append(content.unit_code)
            return f"%PDF {content.unit_code}".encode()

        monkeypatch.setattr(form_steps, "render_pdf", render_and_plant)
        run_job(run_id)
        run = reload_run(run_id)
        assert len(printed) == 2, "the steps continue, and the file is refused when it is put together"
        assert (run.state, run.message, run.result_sha256) == (JobState.FAILED, STEP_FILE_LOST, None)

    def test_no_other_file_is_made_the_form_of_one_unit(self, world: World) -> None:
        letter = store(b"another candidate's letter")
        run_id = start_printing(world, world.alice)
        write(run_id, kind=FORM_PRINTING.name, subject_id=world.cfacc15.id, total=1, done=1)
        with transaction():
            step = JobStep(run_id=run_id, number=0, candidate_id=world.alice.id, attempt_id=world.cfacc15.id)
            step.outcome, step.sha256, step.size = FormOutcome.PRINTED.value, letter, 26
            db.session.add(step)
            factories.leave_unsealed()
        run_job(run_id)
        assert (reload_run(run_id).state, reload_run(run_id).message) == (JobState.FAILED, STEP_FILE_LOST)
