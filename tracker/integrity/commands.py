"""The commands `flask verify`, `flask export-ledger` and `flask confine`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

from tracker.ledger.anchor_options import anchor_options
from tracker.web.formatting import counted

if TYPE_CHECKING:
    from tracker.integrity.check_parts import Progress
    from tracker.integrity.invariants import Result
    from tracker.integrity.verified import Verified


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--covered", "show_covered", is_flag=True, help="List what the checks protect, and what they do not.")
@click.option(
    "--checkpoints",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare the ledger with the checkpoints in this file too: a copy, or a saved email. May be repeated.",
)
@click.option("--resume", is_flag=True, help="Continue a check of everything that was interrupted in the last day.")
@click.option(
    "--since-last",
    is_flag=True,
    help="Check all events, but only the records of people with events since the last signed result or a session.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="How many processes check the records of people; by default one for each processor, or one if they are few.",
)
@click.option("--progress/--no-progress", default=None, help="Show the progress; by default only on a terminal.")
@anchor_options
@with_appcontext
def verify(
    as_json: bool,
    show_covered: bool,
    progress: bool | None,
    resume: bool,
    since_last: bool,
    processes: int | None,
    files: tuple[Path, ...],
    folder_of_keys: Path | None,
    fingerprints: tuple[str, ...],
) -> None:
    """Run every integrity check. Exit code 0: all passed; 1: a check failed; 2: the checks could not run."""
    from sqlalchemy.exc import SQLAlchemyError

    from tracker.errors import TrackerError
    from tracker.integrity.check_parts import Extent
    from tracker.integrity.outside_checkpoints import read_outside_checkpoints
    from tracker.integrity.verify import choose_processes, run_all_checks
    from tracker.ledger.trust_anchor import load_anchor

    if resume and since_last:
        raise click.UsageError("--resume reads everything and --since-last only what is new: choose one.")
    if show_covered:
        _print_covered(as_json)
        return
    results: list[Result] = []
    observer = _Observer(sys.stderr.isatty() if progress is None else progress)
    try:
        outside = read_outside_checkpoints(files)
        anchor = load_anchor(folder_of_keys, fingerprints)
        extent = Extent.SINCE_LAST if since_last else Extent.REST if resume else Extent.WHOLE
        is_own = folder_of_keys is None and not fingerprints
        for result in run_all_checks(
            anchor,
            outside,
            observe=observer.observe,
            extent=extent,
            saves=is_own,
            processes=processes or choose_processes(),
        ):
            results.append(result)
            if not as_json:
                click.echo(_line(result))
    except (TrackerError, SQLAlchemyError, OSError) as error:
        click.echo(f"The checks could not run: {str(error).splitlines()[0]}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(_as_json(results), indent=2))
    else:
        _note_own_role()
        _note_extent(observer.base, is_asked=resume or since_last)
        if outside:
            click.echo(f"  Compared with {counted(len(outside), 'checkpoint')} from outside.")
        _conclude(results)
    sys.exit(0 if all(result.holds for result in results) else 1)


@dataclass
class _Observer:
    """What a run of the checks tells while it goes on."""

    shows_progress: bool
    base: Verified | None = None
    """The signed result that the run continues from, if any."""

    def observe(self, progress: Progress) -> None:
        """Keep what the run continues from, and show its progress."""
        self.base = progress.base
        if self.shows_progress:
            _show_progress(progress)


@click.command("confine")
@click.argument("role")
@with_appcontext
def confine_role(role: str) -> None:
    """Restrict the PostgreSQL role ROLE to what the server needs. Run it as the owner after each migration."""
    from sqlalchemy.exc import SQLAlchemyError

    from tracker.errors import TrackerError
    from tracker.integrity.database_role import confine
    from tracker.ledger.transactions import transaction

    try:
        with transaction():
            confine(role)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    except SQLAlchemyError as error:
        raise click.ClickException(f"Nothing was changed: {str(error).splitlines()[0]}") from error
    click.echo(
        f"{role} can add to the ledger but cannot change it. Use it in DATABASE_URL for the server and the worker."
    )


@click.command("export-ledger")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--centre", "number", metavar="NUMBER", help="Include only the forms of this centre.")
@with_appcontext
def export_ledger(file: Path, number: str | None) -> None:
    """Export forms, ledger, checkpoints and public keys as a ZIP, with a script that verifies them."""
    from tracker.errors import TrackerError
    from tracker.integrity.export import find_centre, record_ledger_export, write_export
    from tracker.ledger.events import OPERATOR
    from tracker.ledger.transactions import transaction

    partial = file.with_name(f".{file.name}.partial")
    try:
        centre = find_centre(number) if number else None
        with partial.open("wb") as sink:
            exported = write_export(sink, centre)
        with transaction():
            record_ledger_export(exported, centre, OPERATOR)
        partial.replace(file)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{file} could not be written: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)
    packed = f"{counted(exported.events, 'event')} and {counted(exported.forms, 'form')}"
    click.echo(f"{file}: {packed}. To verify it, unpack it and run: python3 verify.py")


def _show_progress(progress: Progress) -> None:
    """Write to standard error how many parts of the record were checked."""
    end = "\n" if progress.done == progress.count else "\r"
    click.echo(f"  {progress.done} of {progress.count} parts checked{end}", nl=False, err=True)


def _note_extent(base: Verified | None, *, is_asked: bool) -> None:
    """Write what was not read again because an earlier check had covered it."""
    if base is None:
        if is_asked:
            click.echo("  No earlier result could be used: everything was checked.")
        return
    click.echo(
        f"  All events were checked. An earlier check had read the records up to event {base.size}. Those of people"
    )
    click.echo("  whom a later event names or who are signed in were read again. In other records,")
    click.echo("  only a check of everything finds a change without an event: flask verify.")


def _line(result: Result) -> str:
    sign = "✓" if result.holds else "✗"
    line = f"{sign} {result.check.number:2} {result.check.name}"
    if result.holds:
        return line
    more = "" if result.count == 1 else f" (and {result.count - 1} more)"
    return f"{line}\n     {result.first}{more}"


def _note_own_role() -> None:
    from tracker.integrity.database_role import find_own_unsafe_role

    if name := find_own_unsafe_role():
        click.echo(f"  The role {name} could change the ledger. Run the server with a role that cannot:")
        click.echo("  flask confine ROLE (see docs/operations.md).")


def _conclude(results: Sequence[Result]) -> None:
    failed = sum(not result.holds for result in results)
    click.echo(f"{len(results)} checks: {f'{failed} failed' if failed else 'all passed'}.")


def _as_json(results: Sequence[Result]) -> dict[str, object]:
    return {
        "clean": all(result.holds for result in results),
        "checks": [
            {
                "invariant": result.check.number,
                "name": result.check.name,
                "holds": result.holds,
                "offences": result.count,
                "first": result.first,
            }
            for result in results
        ],
    }


def _print_covered(as_json: bool) -> None:
    from tracker.integrity.coverage import list_covered_columns, list_uncovered_columns
    from tracker.integrity.verify import CHECKS

    covered, uncovered = list_covered_columns(CHECKS), list(list_uncovered_columns())
    if as_json:
        others = [{"table": table, "columns": columns, "reason": reason} for table, columns, reason in uncovered]
        click.echo(json.dumps({"covered": covered, "not_covered": others}, indent=2))
        return
    click.echo("Covered:")
    for table, columns in covered.items():
        click.echo(f"  {table}: {', '.join(columns)}")
    click.echo("Not covered:")
    for table, columns, reason in uncovered:
        click.echo(f"  {table}: {', '.join(columns)}\n    {reason}")
