"""`flask jobs`: the worker, which does what nobody should wait for."""

import click


@click.command("jobs")
@click.option("--beside", type=int, metavar="PID", help="Stop when this process, which started it, has gone.")
def work(beside: int | None) -> None:
    """Do the jobs that wait, and what falls due, until stopped."""
    from tracker.background import jobs
    from tracker.errors import TrackerError

    try:
        jobs.of_app().work(beside)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
