"""`flask reviews release`: for a timer, where no request may come for a while."""

import click
from flask.cli import AppGroup

reviews_cli = AppGroup("reviews", help="Assessors' decisions that wait to be released.")


@reviews_cli.command("release")
def release_reviews() -> None:
    """Release every decision that can no longer be undone."""
    from tracker.assessment.services.assessments import release_due

    click.echo(f"{release_due()} released.")
