"""Formats in and out: our own, a spreadsheet, and those that other systems speak."""

from collections.abc import Sequence

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.formats import case, mahara, moodle, own, spreadsheet, trees
from tracker.units.formats.completing import complete
from tracker.units.formats.exchanged import ExchangedLink, Format, Read, Written

_CSV, _JSON = "text/csv", "application/json"
FORMATS = {
    "yaml": Format("Our own (YAML)", "yaml", "application/yaml", own.read, own.write),
    "csv": Format(
        "Spreadsheet (a row a criterion)",
        "csv",
        _CSV,
        spreadsheet.read,
        spreadsheet.write,
        optional=spreadsheet.OPTIONAL,
    ),
    "case": Format("1EdTech CASE", "json", _JSON, case.read, case.write),
    "moodle": Format("Moodle competency framework", "csv", _CSV, moodle.read, moodle.write, trees.SILENT),
    "mahara": Format("Mahara SmartEvidence", "matrix", _JSON, mahara.read, mahara.write, trees.SILENT),
}


def read(name: str, body: bytes) -> Read:
    """The units of a file in the format named. Raises `Invalid` with what is wrong and how to mend it."""
    return _format(name).read(body)


def write(name: str, units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> Written:
    """Units as a file of the format named, and what it has no place for."""
    return _format(name).write(units, links)


def completed(name: str, existing: UnitDocument | None, incoming: UnitDocument) -> UnitDocument:
    """The unit as it would be taken in: what its file is silent about stays as it is here."""
    form = _format(name)
    return complete(form.silent, form.optional, existing, incoming) if existing else incoming


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise Invalid(f"There is no format {name}. There are: {', '.join(FORMATS)}.", "format")
    return FORMATS[name]


__all__ = ["FORMATS", "ExchangedLink", "Read", "Written", "completed", "read", "write"]
