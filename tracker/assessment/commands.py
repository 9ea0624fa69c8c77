"""The command `flask assessments release`, for an installation whose worker has stopped."""

import click
from flask.cli import AppGroup

assessments_cli = AppGroup("assessments", help="Release assessments that can no longer be undone.")


@assessments_cli.command("release")
def release_assessments() -> None:
    """Release every assessment that can no longer be undone."""
    from tracker.assessment.services.releasing import release_due_assessments

    click.echo(f"{release_due_assessments()} released.")
