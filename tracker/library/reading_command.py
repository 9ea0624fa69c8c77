"""`flask standards read`: a published document, read into a unit; no database, no settings, no network."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from tracker.library.commands import as_json as print_as_json
from tracker.library.commands import print_json
from tracker.units.documents import UnitDocument

UNREADABLE, NO_UNIT = 2, 3


@click.command("read")
@click.argument("file")
@print_as_json
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the unit as YAML.")
def read_document(file: str, as_json: bool, output: Path | None) -> None:
    """Read a published document (- for standard input) and print the unit in it.

    Exits with 2 where the file cannot be read, with 3 where it holds no unit.
    """
    from tracker.unit_reader import sandboxed_reader
    from tracker.unit_reader.document_model import NoUnit, Unreadable
    from tracker.units.plain_text import as_text

    try:
        reading = sandboxed_reader.read_document(*_named(file)).reading
    except NoUnit as error:
        _stop(str(error), NO_UNIT)
    except Unreadable as error:
        _stop(str(error), UNREADABLE)
    if output:
        _write(output, reading.document)
    if as_json:
        print_json(reading.as_json())
        return
    if not output:
        click.echo(as_text(reading.document))
    for doubt in reading.doubts:
        click.echo(f"{_place(doubt.lines)}{doubt.what}; {doubt.assumed}", err=True)
    for each in reading.unparsed:
        click.echo(f"{_place(each.lines)}placed nowhere: {' '.join(each.text.split())[:100]}", err=True)


def _named(file: str) -> tuple[str, bytes]:
    """The document's name and its bytes."""
    if file == "-":
        return "standard input", sys.stdin.buffer.read()
    try:
        return Path(file).name, Path(file).read_bytes()
    except OSError as error:
        _stop(f"{file} cannot be read: {error.strerror}. Check its name.", UNREADABLE)


def _write(output: Path, document: UnitDocument) -> None:
    from tracker.units.formats.own import write_unit

    output.write_text(write_unit(document), encoding="utf-8")
    click.echo(f"Written to {output}. Ask what is wrong with it: flask standards check", err=True)


def _place(lines: tuple[int, ...]) -> str:
    if not lines:
        return ""
    return f"line {lines[0]}: " if len(lines) == 1 else f"lines {lines[0]}–{max(lines)}: "


def _stop(sentence: str, code: int) -> NoReturn:
    click.echo(sentence, err=True)
    sys.exit(code)
