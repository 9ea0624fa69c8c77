"""The job that prints the recording forms of many candidates into one ZIP file, one form a step.

A form that was issued is taken as it was issued; any other is rendered as the attempt is now. Forms of candidates who
were withdrawn or erased are left out, and the page of the job and the list in the file name them.
"""

import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from logging import getLogger
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from tracker.clock import today
from tracker.errors import FormNotRendered
from tracker.extensions import db
from tracker.job_runs.files import STEP_FILE_LOST, get_step_file, save_file
from tracker.job_runs.kinds import JobKind, RunFacts, StepFileLost, StoredResult
from tracker.job_runs.running import renew_progress
from tracker.job_runs.services import start_run
from tracker.ledger.events import Actor, record
from tracker.ledger.transactions import lock_rows, reading
from tracker.models import Centre, Erasure, JobRun, JobStep, UnitAttempt
from tracker.recording_forms.cohort_choice import CohortChoice
from tracker.recording_forms.form_steps import PlannedForm, plan_form, print_planned, store_form
from tracker.storage import file_store
from tracker.storage.zip_names import make_safe_name
from tracker.vocabulary import AttemptState, FormOutcome
from tracker.web.csv_files import write_csv
from tracker.web.permissions import Act
from tracker.web.text_direction import isolate

CONTENTS_NAME = "contents.csv"
FILES_BETWEEN_RENEWALS = 10
"""So many forms are packed before the job run notes its progress."""
logger = getLogger(__name__)


@dataclass(frozen=True)
class FormEntry:
    """A step with what the ZIP file and the page say about it."""

    step: JobStep
    candidate: str
    candidate_number: str
    unit_code: str
    unit_slug: str
    round: int

    @property
    def outcome(self) -> FormOutcome:
        """Return whether the form was printed, or why not."""
        return FormOutcome(self.step.outcome)

    @property
    def path(self) -> str:
        """Return the form's path in the ZIP: a folder for each candidate. The step's number keeps paths apart."""
        folder = make_safe_name(f"{self.candidate_number} {self.candidate}")
        return f"{folder}/{self.step.number + 1:03}-{make_safe_name(self.unit_slug)}-round-{self.round}.pdf"


class CohortPrinting(JobKind):
    """The kind of job that prints the forms of many candidates."""

    name = "form_print"
    act = Act.ADMINISTER_CENTRE
    noun = "form"
    file_lifetime = timedelta(hours=24)

    def lock(self, run: RunFacts) -> None:
        """Lock the attempt of the next step, so that its candidate is not erased while the form is stored."""
        if run.done < run.total:
            lock_rows(UnitAttempt, [run.parameters["attempts"][run.done]])

    def take_step(self, run: RunFacts, _prepared: Any) -> Callable[[JobRun], int]:
        """Print the next form, and return what stores it."""
        with reading():
            planned = plan_cohort_form(run.parameters["attempts"][run.done], run.centre_id)
        outcome, stored = _print_form(run, planned)
        return lambda stored_run: store_form(stored_run, planned, outcome, stored)

    def make_result(self, run: RunFacts) -> StoredResult | None:
        """Store the ZIP with the forms and a list of all of them; None if no form was printed."""
        with reading():
            entries = list_form_entries(run.id)
            step_ids = frozenset(entry.step.id for entry in entries)
            found = {entry.path: get_step_file(entry.step) for entry in entries}
            files = {path: sha256 for path, sha256 in found.items() if sha256}
            contents = _build_contents(entries)
        if not files:
            return None
        with tempfile.TemporaryFile() as packed:
            _pack_forms(run.id, packed, contents, files)
            renew_progress(run.id)
            stored = save_file(run, packed)
        name = f"recording-forms-{today().isoformat()}.zip"
        return StoredResult(name, stored.sha256, stored.size, step_ids)

    def list_remarks(self, run: JobRun) -> list[str]:
        """Return the forms that were left out so far, each with the reason."""
        return [
            f"{isolate(each.candidate)} ({each.candidate_number}), {each.unit_code}: {each.outcome.label.lower()}"
            for each in list_form_entries(run.id, left_out=True)
        ]

    def on_start(self, run: JobRun, actor: Actor) -> None:
        """Record whose forms a person asked for."""
        record("forms_print_started", run, actor, centre=run.centre_id, attempts=run.parameters["attempts"])

    def on_retry(self, run: JobRun, actor: Actor | None) -> None:
        """Record that a person started it again: the file will be theirs."""
        if actor:
            self.on_start(run, actor)

    def on_finish(self, run: JobRun, actor: Actor) -> None:
        """Record whose forms are in the file."""
        query = select(JobStep).where(JobStep.run_id == run.id).order_by(JobStep.number)
        steps = db.session.scalars(query).all()
        printed = [step.attempt_id for step in steps if step.outcome == FormOutcome.PRINTED]
        if not printed:
            run.message = "No form was printed, so there is no file."
        record("forms_printed", run, actor, centre=run.centre_id, attempts=printed, sha256=run.result_sha256 or "")


COHORT_PRINTING = CohortPrinting()


def start_printing(centre: Centre, choice: CohortChoice, actor: Actor) -> JobRun:
    """Start the job that prints the chosen forms. Raises what `start_run` raises."""
    return start_run(
        COHORT_PRINTING,
        actor,
        centre_id=centre.id,
        title=choice.title,
        total=len(choice.attempt_ids),
        parameters={"attempts": list(choice.attempt_ids)},
    )


def plan_cohort_form(attempt_id: int, centre_id: int) -> PlannedForm:
    """Read what is printed of an attempt now, or why it is left out."""
    return plan_form(attempt_id, centre_id, _find_reason_to_leave_out)


def list_form_entries(run_id: int, *, left_out: bool = False) -> list[FormEntry]:
    """List the steps of a job run, or those without a form, with their candidates and units, in the file's order."""
    query = (
        select(JobStep, UnitAttempt)
        .join(UnitAttempt, UnitAttempt.id == JobStep.attempt_id)
        .where(JobStep.run_id == run_id)
        .options(
            joinedload(UnitAttempt.candidate), joinedload(UnitAttempt.registration), joinedload(UnitAttempt.unit)
        )
        .order_by(JobStep.number)
    )
    if left_out:
        query = query.where(JobStep.outcome != FormOutcome.PRINTED)
    return [
        FormEntry(
            step,
            attempt.candidate.name,
            attempt.registration.candidate_number,
            attempt.unit.full_code,
            attempt.unit.slug,
            attempt.round,
        )
        for step, attempt in db.session.execute(query)
    ]


def _find_reason_to_leave_out(attempt: UnitAttempt) -> FormOutcome | None:
    registration = attempt.registration
    erased = select(Erasure.id).where(Erasure.registration_id == registration.id, Erasure.is_full)
    if db.session.scalar(erased.limit(1)):
        return FormOutcome.ERASED
    if registration.withdrawn_at:
        return FormOutcome.WITHDRAWN
    return FormOutcome.VOID if attempt.state is AttemptState.VOID else None


def _print_form(run: RunFacts, planned: PlannedForm) -> tuple[FormOutcome, file_store.StoredFile | None]:
    """Print a form, so that one that cannot be printed is left out. No transaction is open."""
    try:
        return planned.outcome, print_planned(run, planned)
    except FormNotRendered:
        return FormOutcome.FAILED, None


def _pack_forms(run_id: int, packed: IO[bytes], contents: bytes, files: Mapping[str, str]) -> None:
    """Write a ZIP with the list of contents and the files, whose hashes are given by path."""
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(CONTENTS_NAME, contents, zipfile.ZIP_DEFLATED)
        for number, (name, sha256) in enumerate(files.items()):
            if number % FILES_BETWEEN_RENEWALS == 0:
                renew_progress(run_id)
            try:
                with file_store.local(sha256) as path:
                    archive.write(path, name, zipfile.ZIP_STORED)  # PDFs are compressed already
            except (FileNotFoundError, file_store.DamagedFile) as error:
                raise StepFileLost(STEP_FILE_LOST) from error


def _build_contents(entries: Sequence[FormEntry]) -> bytes:
    """Return the list of all forms as CSV: those in the ZIP with their path, the others with the reason."""
    rows: list[tuple[object, ...]] = [("Candidate", "Number", "Unit", "File", "Left out")]
    for each in entries:
        is_printed = each.step.sha256 is not None
        rows.append(
            (
                each.candidate,
                each.candidate_number,
                each.unit_code,
                each.path if is_printed else None,
                None if is_printed else each.outcome.label,
            )
        )
    return write_csv(rows)
