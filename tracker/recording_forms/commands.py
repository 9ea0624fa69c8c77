"""`flask form CODE -o FILE.pdf`: the blank form needs no database; a candidate's own does."""

from pathlib import Path

import click

from tracker.errors import NotFound, TrackerError


@click.command("form")
@click.argument("code")
@click.option("-o", "--output", "output", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--candidate", metavar="EMAIL", help="Print this candidate's filled form.")
@click.option("--version", help="Another version than the newest.")
def form(code: str, output: Path, candidate: str | None, version: str | None) -> None:
    """Print a candidate recording form."""
    try:
        pdf = _filled(code, version, candidate) if candidate else _blank(code, version)
        output.write_bytes(pdf)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{output} could not be written: {error.strerror}.") from error
    click.echo(f"{output}: {len(pdf) // 1024} KB")


def _blank(code: str, version: str | None) -> bytes:
    from tracker.recording_forms.facts import blank_facts
    from tracker.recording_forms.rendering import render_form
    from tracker.standards.files import read_library

    return render_form(blank_facts(read_library().find_unit(code, version)))


def _filled(code: str, version: str | None, email: str) -> bytes:
    from flask import current_app

    from tracker.recording_forms.queries import facts_of, find_attempt_of_candidate
    from tracker.recording_forms.rendering import render_form
    from tracker.standards.queries.units import find_unit_by_code

    with current_app.app_context():
        unit = find_unit_by_code(code, version)
        attempt = find_attempt_of_candidate(email, unit.id) if unit else None
        if attempt is None:
            raise NotFound(f"{email} has no attempt at {code}. Nothing was printed; check the address and the code.")
        return render_form(facts_of(attempt))
