"""The job that issues a form which was not ready while its page waited."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from tracker.job_runs.files import keep_file, save_file
from tracker.job_runs.kinds import JobKind, RunFacts
from tracker.job_runs.progress import OPEN_STATES
from tracker.job_runs.queries import find_run_about
from tracker.job_runs.services import start_run
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows, reading
from tracker.models import JobRun, UnitAttempt
from tracker.recording_forms.form_steps import load_attempt
from tracker.recording_forms.issuing import (
    RenderedIssue,
    find_current_form,
    plan_issue,
    record_issue,
    seal_issue,
)
from tracker.web.permissions import Act


class FormIssuing(JobKind):
    """The kind of job that issues the form of one attempt, as it is when the form's turn comes."""

    name = "form_issue"
    act = Act.ISSUE_FORM
    noun = "form"
    subject_page = ("recording_forms.show_form", "attempt_id", "Open the form")

    def lock(self, run: RunFacts) -> None:
        """Lock the attempt."""
        lock_rows(UnitAttempt, [get_attempt_id(run)])

    def take_step(self, run: RunFacts, _prepared: Any) -> Callable[[JobRun], int]:
        """Render and seal the form, and return what records it; nothing if somebody has issued it meanwhile."""
        with reading():
            attempt = load_attempt(get_attempt_id(run))
            plan = None if find_current_form(attempt) else plan_issue(attempt)
        if plan is None:
            return lambda _run: 1
        assert run.actor.person_id is not None  # noqa: S101 - people start job runs
        stored = save_file(run, BytesIO(seal_issue(plan, run.actor.person_id)))

        def store(stored_run: JobRun) -> int:
            form = record_issue(load_attempt(get_attempt_id(run)), RenderedIssue(plan, stored), run.actor)
            if form.sha256 == stored.sha256:
                keep_file(stored_run, stored.sha256)
            return 1

        return store

    def on_finish(self, run: JobRun, actor: Actor) -> None:  # noqa: ARG002 - the kind's signature
        """Say what was done; the event is recorded with the form."""
        run.message = "The form is issued and sealed."


FORM_ISSUING = FormIssuing()


def get_attempt_id(run: RunFacts) -> int:
    """Return the id of the attempt that a job run is about."""
    assert run.subject_id is not None  # noqa: S101 - start_issue_job sets it
    return run.subject_id


def start_issue_job(attempt: UnitAttempt, actor: Actor) -> JobRun:
    """Start the job that issues an attempt's form, unless one is doing it already: then return that one.

    The caller has locked the attempt. Raises what `start_run` raises.
    """
    run = find_run_about(FORM_ISSUING.name, attempt.id)
    if run and run.state in OPEN_STATES:
        return run
    return start_run(
        FORM_ISSUING,
        actor,
        centre_id=attempt.centre_id,
        subject_id=attempt.id,
        title=f"Issue of the form {attempt.unit.full_code}",
        total=1,
    )
