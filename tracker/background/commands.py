"""`flask jobs`: the background worker."""

import click


@click.command("jobs")
@click.option(
    "--beside",
    "parent_pid",
    type=int,
    metavar="PID",
    help="Stop when the process with this id, which started the worker, has ended.",
)
def work(parent_pid: int | None) -> None:
    """Run queued and regular jobs until stopped."""
    from tracker.background import jobs
    from tracker.errors import TrackerError

    try:
        jobs.get_jobs().work(parent_pid)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
