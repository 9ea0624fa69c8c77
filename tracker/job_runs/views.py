"""The pages of job runs: the list, the progress and the result of one, and the acts to cancel and retry it."""

from functools import partial
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from tracker.errors import NotFound
from tracker.extensions import db
from tracker.job_runs import services
from tracker.job_runs.files import find_result
from tracker.job_runs.job_list import JOBS, STATES, WHOSE, list_jobs
from tracker.job_runs.kinds import get_kind, get_roles, list_kinds, read_facts
from tracker.job_runs.progress import build_progress
from tracker.job_runs.queries import find_run
from tracker.ledger.transactions import SAFE_METHODS
from tracker.models import JobRun, JobStep
from tracker.storage import file_store
from tracker.storage.downloads import send_stored
from tracker.vocabulary import PortfolioPart, Role
from tracker.web.authorise import OpenedPortfolio, note_opened
from tracker.web.current_user import CurrentGrant, me
from tracker.web.fair_shares import EXPORTING, in_turn
from tracker.web.idempotency import idempotent
from tracker.web.list_views import send_list
from tracker.web.route_rules import signed_in

job_runs = Blueprint("job_runs", __name__)

MAX_REMARKS = 100
"""What a page lists of what was left out."""


@job_runs.get("/jobs")
@signed_in
def list_own_jobs() -> ResponseReturnValue:
    """List the person's job runs; an administrator can choose those of their centres."""
    administered = {grant.centre_id for grant in me().grants if grant.role is Role.ADMINISTRATOR}
    centres = {
        kind.name: {grant.centre_id for grant in me().grants if grant.role in get_roles(kind)}
        for kind in list_kinds()
    }
    filters = [WHOSE, STATES] if administered else [STATES]
    load = partial(list_jobs, me().person_id, centres, administered)
    return send_list(JOBS, load, "job_runs/list_own_jobs.html", filters)


@job_runs.get("/jobs/<int:job_run_id>")
@signed_in
def show_job(job_run_id: int) -> ResponseReturnValue:
    """Show a job run: its progress, why it failed, or its result. A kind with a page of its own has it there."""
    run, _ = get_run(job_run_id)
    kind = get_kind(run.kind)
    if page := build_subject_url(run, kind.page):
        return redirect(page)
    return render_template(
        "job_runs/show_job.html",
        run=run,
        progress=build_progress(run),
        remarks=kind.list_remarks(run),
        max_remarks=MAX_REMARKS,
        cancel_warning=kind.cancel_warning,
        may_cancel=services.may_cancel(run),
        is_own=run.started_by_id == me().person_id,
        can_download=find_result(run) is not None and run.started_by_id == me().person_id,
        subject_url=build_subject_url(run, kind.subject_page[:2] if kind.subject_page else None),
        subject_words=kind.subject_page[2] if kind.subject_page else "",
        file_url=build_subject_url(run, kind.file_page) or url_for(".download_result", job_run_id=run.id),
    )


def build_subject_url(run: JobRun, page: tuple[str, str] | None) -> str | None:
    """Return the address of a page of the kind's own about what the job run is about; None if there is none."""
    if page is None or run.subject_id is None:
        return None
    endpoint, argument = page
    arguments: dict[str, Any] = {argument: run.subject_id}
    return url_for(endpoint, **arguments)


@job_runs.get("/jobs/<int:job_run_id>/progress")
@signed_in
def get_job_progress(job_run_id: int) -> ResponseReturnValue:
    """Return the progress as JSON for the page's script."""
    progress = build_progress(get_run(job_run_id)[0])
    return jsonify(
        state=progress.state.value, done=progress.done, total=progress.total, text=progress.text,
        is_open=progress.is_open, is_stuck=progress.is_stuck,
    )  # fmt: skip


@job_runs.get("/jobs/<int:job_run_id>/file")
@signed_in
@in_turn(EXPORTING)
def download_result(job_run_id: int) -> ResponseReturnValue:
    """Send the result to the person who started the job, and note whose portfolios they opened with it."""
    run, grant = get_run(job_run_id)
    sha256 = find_result(run)
    if run.started_by_id != me().person_id or sha256 is None:
        raise NotFound("This file does not exist, or it was deleted. Start the job again to make it.")
    if page := build_subject_url(run, get_kind(run.kind).file_page):
        return redirect(page)
    entry = file_store.find(sha256)
    if entry is None:
        raise NotFound("This file is no longer stored. Start the job again to make it.")
    candidates = select(JobStep.candidate_id).where(JobStep.run_id == run.id, JobStep.size > 0).distinct()
    note_opened(
        OpenedPortfolio(candidate_id, run.centre_id, PortfolioPart.UNITS, grant.role)
        for candidate_id in db.session.scalars(candidates)
    )
    return send_stored(entry, "application/zip", run.result_name)


@job_runs.post("/jobs/<int:job_run_id>/cancel")
@signed_in
@idempotent
def cancel_job(job_run_id: int) -> ResponseReturnValue:
    """Cancel a job run."""
    run, grant = get_run(job_run_id)
    services.cancel_run(run, me().as_actor(grant))
    flash("The job is cancelled.")
    return redirect(url_for(".show_job", job_run_id=run.id), 303)


@job_runs.post("/jobs/<int:job_run_id>/retry")
@signed_in
@idempotent
def retry_job(job_run_id: int) -> ResponseReturnValue:
    """Continue a failed job run."""
    run, grant = get_run(job_run_id)
    services.retry_run(run, me().as_actor(grant))
    return redirect(url_for(".show_job", job_run_id=run.id), 303)


def get_run(job_run_id: int) -> tuple[JobRun, CurrentGrant]:
    """Return a job run and the grant under which this person may see it; lock it if the request may change something.

    The person who started it may, as long as they could start it again, and so may administrators of the centre.

    Raises:
        NotFound: the person may not see it.
    """
    run = find_run(job_run_id)
    if run is None:
        raise NotFound
    is_own = run.started_by_id == me().person_id
    roles = get_roles(get_kind(run.kind)) if is_own else frozenset({Role.ADMINISTRATOR})
    grant = next((found for role in roles if (found := me().find_grant(role, run.centre_id))), None)
    if grant is None:
        raise NotFound
    if request.method not in SAFE_METHODS:
        get_kind(run.kind).lock(read_facts(run))
        run = find_run(job_run_id, lock=True)
        if run is None:
            raise NotFound
    return run, grant
