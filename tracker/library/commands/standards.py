"""`flask standards list`, `show`, `check` and `load`: the units and guidance of the standards folder."""

import json
import sys
from pathlib import Path

import click

from tracker.background.lazy_commands import LazyGroup
from tracker.errors import TrackerError
from tracker.units.plain_text import format_unit
from tracker.units.plurals import format_count
from tracker.units.standards_folder import StandardsFolder, read_standards

standards_cli = LazyGroup(
    {
        "export": "tracker.library.commands.transfer:export_units",
        "import": "tracker.library.commands.transfer:import_units",
        "read": "tracker.library.commands.read:read_document",
    },
    name="standards",
    help="List, check, load, read, import and export units.",
)
folder_option = click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Use this folder instead of standards/."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@standards_cli.command("list", with_appcontext=False)
@json_option
@folder_option
def list_units(as_json: bool, folder: Path | None) -> None:
    """List every unit."""
    units = sorted(read_or_fail(folder).units, key=lambda unit: (unit.code, unit.version_order))
    if as_json:
        keys = ("code", "slug", "title", "document_type", "version", "revision", "identifiers")
        print_json([{key: unit.as_json()[key] for key in keys} for unit in units])
        return
    for unit in units:
        click.echo(f"{unit.code:<12} version {unit.version:<6} {len(unit.assessable):>3} criteria  {unit.title}")


@standards_cli.command("show", with_appcontext=False)
@click.argument("code")
@click.option("--version", help="Show this version instead of the newest.")
@json_option
@folder_option
def show_unit(code: str, version: str | None, as_json: bool, folder: Path | None) -> None:
    """Show a unit by any of its codes."""
    try:
        unit = read_or_fail(folder).find_unit(code, version)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json(unit.as_json())
    else:
        click.echo(format_unit(unit))


@standards_cli.command("check", with_appcontext=False)
@folder_option
def check_files(folder: Path | None) -> None:
    """Check every file. Print one line for each fault and exit with 1 if there is any."""
    library = read_standards(folder)
    for fault in library.faults:
        click.echo(fault)
    if library.faults:
        sys.exit(1)
    summary = (
        f"{format_count(len(library.units), 'unit')} and {format_count(len(library.guidance), 'page')} of guidance"
    )
    more = f", {format_count(len(library.qualifications), 'qualification')}" if library.qualifications else ""
    click.echo(f"{summary}{more}: no faults.")


@standards_cli.command("load")
@folder_option
def load_files(folder: Path | None) -> None:
    """Load the folder into the database. Unchanged units are left as they are."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from tracker.ledger.transactions import transaction
    from tracker.library.services.loading import load_standards

    library = read_or_fail(folder)
    try:
        with transaction():
            loaded = load_standards(library)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    except (OperationalError, ProgrammingError) as error:
        reason = str(error.orig).splitlines()[0]
        raise click.ClickException(
            f"The database cannot be used: {reason}. Nothing was loaded. If it is new, run flask db upgrade."
        ) from error
    for result in loaded:
        click.echo(f"{result.name}: {result.outcome}")


def read_or_fail(folder: Path | None) -> StandardsFolder:
    """Return the content of the folder. Raises `ClickException` with the faults if there are any."""
    library = read_standards(folder)
    if library.faults:
        raise click.ClickException("the standards folder has faults:\n" + "\n".join(library.faults))
    return library


def print_json(value: object) -> None:
    """Print a value as JSON in UTF-8, whatever the terminal's encoding."""
    sys.stdout.buffer.write(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8") + b"\n")
    sys.stdout.flush()
