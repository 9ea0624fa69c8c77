"""`flask standards read`: read a published document into a unit, without database, settings and network."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from tracker.library.commands.standards import json_option, print_json
from tracker.units.documents import UnitDocument

EXIT_UNREADABLE, EXIT_NO_UNIT = 2, 3


@click.command("read")
@click.argument("file")
@json_option
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the unit as YAML.")
def read_document(file: str, as_json: bool, output: Path | None) -> None:
    """Read a published document (- for standard input) and print the unit in it.

    Exits with 2 if the file cannot be read, and with 3 if it contains no unit.
    """
    from tracker.unit_reader import sandboxed_reader
    from tracker.unit_reader.document_model import NoUnit, Unreadable
    from tracker.units.plain_text import format_unit

    try:
        reading = sandboxed_reader.read_document(*_read_input(file)).reading
    except NoUnit as error:
        _exit(str(error), EXIT_NO_UNIT)
    except Unreadable as error:
        _exit(str(error), EXIT_UNREADABLE)
    if output:
        _write_output(output, reading.document)
    if as_json:
        print_json(reading.as_json())
        return
    if not output:
        click.echo(format_unit(reading.document))
    for doubt in reading.doubts:
        click.echo(f"{_format_lines(doubt.lines)}{doubt.what}; {doubt.assumed}", err=True)
    for passage in reading.unparsed:
        click.echo(f"{_format_lines(passage.lines)}text not used: {' '.join(passage.text.split())[:100]}", err=True)


def _read_input(file: str) -> tuple[str, bytes]:
    """Return the document's name and bytes."""
    if file == "-":
        return "standard input", sys.stdin.buffer.read()
    try:
        return Path(file).name, Path(file).read_bytes()
    except OSError as error:
        _exit(f"{file} cannot be read: {error.strerror}. Check its name.", EXIT_UNREADABLE)


def _write_output(output: Path, document: UnitDocument) -> None:
    from tracker.units.formats.unit_yaml import format_unit_yaml

    output.write_text(format_unit_yaml(document), encoding="utf-8")
    click.echo(f"Written to {output}. To check it: flask standards check", err=True)


def _format_lines(lines: tuple[int, ...]) -> str:
    if not lines:
        return ""
    return f"line {lines[0]}: " if len(lines) == 1 else f"lines {lines[0]}–{max(lines)}: "


def _exit(sentence: str, code: int) -> NoReturn:
    click.echo(sentence, err=True)
    sys.exit(code)
