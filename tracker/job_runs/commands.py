"""`flask job-runs`: the long jobs that people started, for the operator."""

import click
from flask.cli import AppGroup, with_appcontext

job_runs_cli = AppGroup("job-runs", help="List long jobs that people started, and retry failed ones.")
MAX_LISTED = 200


@job_runs_cli.command("list")
@click.option("--failed", is_flag=True, help="Only failed ones.")
@with_appcontext
def list_runs(failed: bool) -> None:
    """List the newest job runs that have not finished, or those that failed: number, state, steps and title."""
    from sqlalchemy import select

    from tracker.extensions import db
    from tracker.models import JobRun
    from tracker.vocabulary import JobState
    from tracker.web.formatting import moment

    states = {JobState.FAILED} if failed else {JobState.FAILED, JobState.WAITING, JobState.RUNNING}
    query = select(JobRun).where(JobRun.state.in_(states)).order_by(JobRun.id.desc()).limit(MAX_LISTED)
    runs = list(db.session.scalars(query))
    for run in runs:
        steps = f"{run.done} of {run.total}"
        state = f"{run.state.value}  {steps}  since {moment(run.progressed_at)}"
        click.echo(f"{run.id}  {state}  {run.kind}  {run.title}")
        if run.message:
            click.echo(f"    {run.message}")
    if not runs:
        click.echo("No job run has failed." if failed else "No job run is waiting, running or failed.")


@job_runs_cli.command("retry")
@click.argument("number", type=int)
@with_appcontext
def retry(number: int) -> None:
    """Continue a failed job run at the step at which it failed."""
    from tracker.errors import Refused
    from tracker.job_runs.kinds import get_kind, read_facts
    from tracker.job_runs.queries import find_run
    from tracker.job_runs.services import retry_run
    from tracker.ledger.transactions import transaction

    try:
        with transaction():
            run = find_run(number)
            if run is None:
                raise click.ClickException(f"There is no job run {number}. Nothing was changed.")
            get_kind(run.kind).lock(read_facts(run))
            retry_run(find_run(number, lock=True) or run, None)
    except Refused as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Job run {number} is queued again.")
