"""The job that issues a form which was not ready while its page waited."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from sqlalchemy import or_, select

from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.job_runs.files import keep_file, save_file
from tracker.job_runs.kinds import JobKind, RunFacts, read_facts
from tracker.job_runs.progress import OPEN_STATES
from tracker.job_runs.queries import find_run_about
from tracker.job_runs.services import start_run
from tracker.ledger.events import Actor
from tracker.ledger.transactions import lock_rows, reading
from tracker.models import Allocation, Grant, JobRun, UnitAttempt
from tracker.recording_forms.form_steps import load_attempt
from tracker.recording_forms.issuing import (
    RenderedIssue,
    find_current_form,
    plan_issue,
    record_issue,
    seal_issue,
)
from tracker.vocabulary import Role
from tracker.web.permissions import PERMISSIONS, Act

NOT_ALLOCATED = (
    "The unit is no longer allocated to the person who started this job. Nothing was issued. Whoever it is allocated "
    "to, or an administrator of the centre, can issue the form on its page."
)


class FormIssuing(JobKind):
    """The kind of job that issues the form of one attempt, as it is when the form's turn comes."""

    name = "form_issue"
    act = Act.ISSUE_FORM
    noun = "form"
    cancel_warning = "The form is not issued."
    subject_page = ("recording_forms.show_form", "attempt_id", "Open the form")

    def lock(self, run: RunFacts) -> None:
        """Lock the attempt."""
        lock_rows(UnitAttempt, [get_attempt_id(run)])

    def take_step(self, run: RunFacts, _prepared: Any) -> Callable[[JobRun], int]:
        """Render and seal the form, and return what records it; nothing if somebody has issued it meanwhile."""
        with reading():
            attempt = load_attempt(get_attempt_id(run), run.centre_id)
            plan = None if find_current_form(attempt) else plan_issue(attempt)
        if plan is None:
            return lambda _run: 1
        person_id = run.actor.person_id
        assert person_id is not None  # noqa: S101 - people start job runs
        stored = save_file(run, BytesIO(seal_issue(plan, person_id)))

        def store(stored_run: JobRun) -> int:
            attempt = load_attempt(get_attempt_id(run), run.centre_id)
            if run.actor.grant_id not in list_issuing_grants(attempt, person_id):
                raise Refused(NOT_ALLOCATED)
            form = record_issue(attempt, RenderedIssue(plan, stored), run.actor)
            if form.sha256 == stored.sha256:
                keep_file(stored_run, stored.sha256)
            return 1

        return store

    def on_retry(self, run: JobRun, actor: Actor | None) -> None:  # noqa: ARG002 - the kind's signature
        """Note the role in which the person whose job it is now may issue the form. Raises `Refused` if none."""
        grants = list_issuing_grants(load_attempt(get_attempt_id(read_facts(run)), run.centre_id), run.started_by_id)
        if not grants:
            raise Refused(NOT_ALLOCATED)
        if run.grant_id not in grants:
            run.grant_id = grants[0]

    def on_finish(self, run: JobRun, actor: Actor) -> None:  # noqa: ARG002 - the kind's signature
        """Say what was done; the event is recorded with the form."""
        run.message = "The form is issued and sealed."


FORM_ISSUING = FormIssuing()


def get_attempt_id(run: RunFacts) -> int:
    """Return the id of the attempt that a job run is about."""
    assert run.subject_id is not None  # noqa: S101 - start_issue_job sets it
    return run.subject_id


def list_issuing_grants(attempt: UnitAttempt, person_id: int) -> list[int]:
    """List the grants under which a person may issue the form of an attempt now, as `is_allowed` of a request.

    They are those of administrators of the centre, and those of the roles in which the attempt is allocated to them.
    """
    is_allocated = (
        select(Allocation.id)
        .where(
            Allocation.attempt_id == attempt.id,
            Allocation.person_id == person_id,
            Allocation.role == Grant.role,
            Allocation.ends_at.is_(None),
        )
        .exists()
    )
    query = select(Grant.id).where(
        Grant.person_id == person_id,
        Grant.centre_id == attempt.centre_id,
        Grant.role.in_(PERMISSIONS[Act.ISSUE_FORM]),
        Grant.starts_at <= now(),
        or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
        or_(Grant.role == Role.ADMINISTRATOR, is_allocated),
    )
    return list(db.session.scalars(query.order_by(Grant.id)))


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
