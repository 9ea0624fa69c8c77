"""The job that prints one form which was not ready while its page waited.

Its file is the PDF. It is kept as the files of other jobs are. The page that prints the form sends it, and checks
first who may read the unit and that nothing on the form has changed.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tracker.extensions import db
from tracker.job_runs.files import find_result, get_step_file, list_step_files
from tracker.job_runs.kinds import JobKind, RunFacts, StoredResult
from tracker.job_runs.progress import OPEN_STATES
from tracker.job_runs.queries import find_run_about
from tracker.job_runs.services import start_run
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows, reading
from tracker.models import JobRun, UnitAttempt
from tracker.recording_forms.form_content import FormContent
from tracker.recording_forms.form_steps import plan_form, print_planned, store_form
from tracker.recording_forms.pdf_renderer import hash_content
from tracker.storage import file_store
from tracker.web.permissions import Act


class FormPrinting(JobKind):
    """The kind of job that prints one form, as its attempt is when the form's turn comes."""

    name = "one_form"
    act = Act.READ_ATTEMPT
    noun = "form"
    file_lifetime = timedelta(hours=24)
    erased_message = (
        "The file was deleted, because the records of the candidate were erased. "
        "Print the form again for what is left."
    )
    file_page = ("recording_forms.print_form", "attempt_id")

    def lock(self, run: RunFacts) -> None:
        """Lock the attempt, so that its candidate is not erased while the form is stored."""
        assert run.subject_id is not None  # noqa: S101 - the attempt
        lock_rows(UnitAttempt, [run.subject_id])

    def take_step(self, run: RunFacts, _prepared: Any) -> Callable[[JobRun], int]:
        """Print the form, and return what stores it with the hash of its content."""
        assert run.subject_id is not None  # noqa: S101 - the attempt
        with reading():
            planned = plan_form(run.subject_id, run.centre_id)
        stored = print_planned(run, planned)

        def store(stored_run: JobRun) -> int:
            stored_run.parameters = {"content": hash_content(planned.content).hex() if planned.content else ""}
            return store_form(stored_run, planned, planned.outcome, stored)

        return store

    def make_result(self, run: RunFacts) -> StoredResult | None:
        """Return the file of the only step; None if the candidate's records were erased meanwhile."""
        with reading():
            return next(
                (
                    StoredResult("recording-form.pdf", sha256, each.size, frozenset({each.id}))
                    for each in list_step_files(run.id)
                    if (sha256 := get_step_file(each))
                ),
                None,
            )


FORM_PRINTING = FormPrinting()


def find_form_job(attempt_id: int, content: FormContent) -> JobRun | None:
    """Return the job that is printing an attempt's form with this content, or has printed it and kept the file."""
    run = find_run_about(FORM_PRINTING.name, attempt_id)
    if run is None or run.parameters["content"] != hash_content(content).hex():
        return None
    result = find_result(run)
    is_kept = result is not None and file_store.exists(result)
    return run if run.state in OPEN_STATES or is_kept else None


def start_form_job(attempt_id: int, content: FormContent, actor: Actor) -> JobRun:
    """Start the job that prints an attempt's form, unless one is doing it already: then return that one.

    Raises what `start_run` raises.
    """
    lock_rows(UnitAttempt, [attempt_id])
    if run := find_form_job(attempt_id, content):
        return run
    attempt = db.session.get_one(UnitAttempt, attempt_id, populate_existing=True)
    return start_run(
        FORM_PRINTING,
        actor,
        centre_id=attempt.centre_id,
        subject_id=attempt_id,
        title=f"Recording form {attempt.unit.full_code}",
        total=1,
        parameters={"content": hash_content(content).hex()},
    )
