"""Commands that print and verify recording forms; a blank form needs no database."""

import sys
from pathlib import Path

import click

from tracker.errors import NotFound, TrackerError
from tracker.ledger.anchor_options import anchor_options


@click.command("form")
@click.argument("code")
@click.option(
    "-o",
    "--output",
    "output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the PDF to this file.",
)
@click.option("--candidate", metavar="EMAIL", help="Print this candidate's form instead of a blank one.")
@click.option("--version", help="Version of the unit; the newest by default.")
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


@click.command("verify-form")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@anchor_options
def verify_form(file: Path, folder_of_keys: Path | None, fingerprints: tuple[str, ...]) -> None:
    """Check whether a PDF is a form that was issued here.

    With --keys it uses no database; the folder must also have the files NAME.seal.crt.

    Exit code 0: issued here and current; 3: issued here, superseded; 1: changed, or not issued here; 2: it could
    not be checked.
    """
    from flask import current_app
    from sqlalchemy.exc import SQLAlchemyError

    from tracker.ledger.trust_anchor import load_anchor
    from tracker.recording_forms.form_verification import (
        FormVerdict,
        check_file,
        load_keys_from_folder,
        load_known_keys,
    )

    try:
        if folder_of_keys:
            known = load_keys_from_folder(folder_of_keys, fingerprints)
            answer = check_file(file.read_bytes(), known, offline=True)
        else:
            with current_app.app_context():
                answer = check_file(file.read_bytes(), load_known_keys(load_anchor(fingerprints=fingerprints)))
    except (TrackerError, OSError, SQLAlchemyError) as error:
        click.echo(f"The form could not be checked: {str(error).splitlines()[0]}", err=True)
        sys.exit(2)
    click.echo(answer.sentence)
    exit_codes = {
        FormVerdict.CURRENT: 0, FormVerdict.SEALED_HERE: 0, FormVerdict.SUPERSEDED: 3, FormVerdict.KEY_NOT_TRUSTED: 2,
    }  # fmt: skip
    sys.exit(exit_codes.get(answer.verdict, 1))


def _blank(code: str, version: str | None) -> bytes:
    from tracker.recording_forms.form_content import build_blank_content
    from tracker.recording_forms.rendering import render_form_pdf
    from tracker.units.standards_folder import read_standards

    return render_form_pdf(build_blank_content(read_standards().find_unit(code, version)))


def _filled(code: str, version: str | None, email: str) -> bytes:
    from flask import current_app

    from tracker.library.queries.units import find_unit_by_code
    from tracker.recording_forms.queries import build_form_content, find_attempt_of_candidate
    from tracker.recording_forms.rendering import render_form_pdf

    with current_app.app_context():
        unit = find_unit_by_code(code, version)
        attempt = find_attempt_of_candidate(email, unit.id) if unit else None
        if attempt is None:
            raise NotFound(
                f"{email} is not registered for {code}. Nothing was printed. Check the email address and the code."
            )
        return render_form_pdf(build_form_content(attempt))
