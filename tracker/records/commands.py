"""The commands `flask questions load` and `retire`, by which the operator keeps the shared question bank."""

from pathlib import Path

import click
from flask.cli import AppGroup

questions_cli = AppGroup("questions", help="Keep the questions that all centres share.")


@questions_cli.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load_questions(file: Path) -> None:
    """Add the questions of a YAML file to the shared bank; those that it has already are left as they are."""
    from tracker.errors import TrackerError
    from tracker.ledger.transactions import transaction
    from tracker.records.services.shared_questions import load_shared_questions

    try:
        with transaction():
            added, known = load_shared_questions(file.read_text(encoding="utf-8"))
    except (TrackerError, UnicodeDecodeError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{added} added, {known} known already.")


@questions_cli.command("retire")
@click.argument("number", type=int)
def retire_question(number: int) -> None:
    """Retire a shared question by its number, the last part of the address of its page."""
    from tracker.errors import TrackerError
    from tracker.ledger.transactions import transaction
    from tracker.records.services.shared_questions import retire_shared_question

    try:
        with transaction():
            retire_shared_question(number)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo("Retired.")
