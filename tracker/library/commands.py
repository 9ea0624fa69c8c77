"""`flask standards …`: list, show and check read the YAML files and need no database."""

import json
import sys
from collections.abc import Sized
from pathlib import Path

import click

from tracker.background.lazy_commands import LazyGroup
from tracker.errors import TrackerError
from tracker.units.plain_text import as_text
from tracker.units.standards_folder import Library, read_library

standards_cli = LazyGroup(
    {
        "export": "tracker.library.exchange_commands:export_units",
        "import": "tracker.library.exchange_commands:import_units",
        "read": "tracker.library.reading_command:read_document",
    },
    name="standards",
    help="The units and guidance of the standards folder.",
)
in_folder = click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Another folder.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@standards_cli.command("list", with_appcontext=False)
@as_json
@in_folder
def list_units(as_json: bool, folder: Path | None) -> None:
    """List every unit."""
    units = sorted(read_whole(folder).units, key=lambda unit: (unit.code, unit.version_order))
    if as_json:
        keys = ("code", "slug", "title", "document_type", "version", "revision", "identifiers")
        print_json([{key: unit.as_json()[key] for key in keys} for unit in units])
        return
    for unit in units:
        click.echo(f"{unit.code:<12} version {unit.version:<6} {len(unit.assessable):>3} criteria  {unit.title}")


@standards_cli.command("show", with_appcontext=False)
@click.argument("code")
@click.option("--version", help="Another version than the newest.")
@as_json
@in_folder
def show_unit(code: str, version: str | None, as_json: bool, folder: Path | None) -> None:
    """Show a unit by any of its codes."""
    try:
        unit = read_whole(folder).find_unit(code, version)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json(unit.as_json())
    else:
        click.echo(as_text(unit))


@standards_cli.command("check", with_appcontext=False)
@in_folder
def check_files(folder: Path | None) -> None:
    """Check every file; one line a fault, and exit 1 if there is one."""
    library = read_library(folder)
    for fault in library.faults:
        click.echo(fault)
    if library.faults:
        sys.exit(1)
    held = f"{_counted(library.units, 'unit')} and {_counted(library.guidance, 'page')} of guidance"
    more = f", {_counted(library.qualifications, 'qualification')}" if library.qualifications else ""
    click.echo(f"{held}{more}: no faults.")


@standards_cli.command("load")
@in_folder
def load_files(folder: Path | None) -> None:
    """Load the folder into the database; what is there already is left alone."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from tracker.ledger.transactions import transaction
    from tracker.library.services.loading import load_library

    library = read_whole(folder)
    try:
        with transaction():
            loaded = load_library(library)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    except (OperationalError, ProgrammingError) as error:
        reason = str(error.orig).splitlines()[0]
        raise click.ClickException(
            f"The database cannot be used: {reason}. Nothing was loaded. If it is new, run flask db upgrade."
        ) from error
    for each in loaded:
        click.echo(f"{each.name}: {each.outcome}")


def read_whole(folder: Path | None) -> Library:
    """The folder's documents; a faulty folder is refused whole, with its faults."""
    library = read_library(folder)
    if library.faults:
        raise click.ClickException("the standards folder has faults:\n" + "\n".join(library.faults))
    return library


def print_json(value: object) -> None:
    sys.stdout.buffer.write(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8") + b"\n")
    sys.stdout.flush()


def _counted(things: Sized, word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"
