"""`flask assessments release`: for a timer, where no request may come for a while."""

import click
from flask.cli import AppGroup

assessments_cli = AppGroup("assessments", help="Assessors' decisions that wait to be released.")


@assessments_cli.command("release")
def release_assessments() -> None:
    """Release every decision that can no longer be undone."""
    from tracker.assessment.services.assessments import release_due_assessments

    click.echo(f"{release_due_assessments()} released.")
