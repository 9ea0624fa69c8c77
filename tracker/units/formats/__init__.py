"""Import and export formats: our YAML, a spreadsheet, 1EdTech CASE, Moodle and Mahara."""

from collections.abc import Sequence

from tracker.errors import Invalid
from tracker.units.documents import UnitDocument
from tracker.units.formats import case, frameworks, mahara, moodle, spreadsheet, unit_yaml
from tracker.units.formats.completion import fill_missing_fields
from tracker.units.formats.files import ExchangedLink, FileContents, Format, WrittenFile

_CSV, _JSON = "text/csv", "application/json"
FORMATS = {
    "yaml": Format("YAML (format of this program)", "yaml", "application/yaml", unit_yaml.read, unit_yaml.write),
    "csv": Format(
        "Spreadsheet (CSV, one row per criterion)",
        "csv",
        _CSV,
        spreadsheet.read,
        spreadsheet.write,
        optional_fields=spreadsheet.OPTIONAL_FIELDS,
    ),
    "case": Format("1EdTech CASE", "json", _JSON, case.read, case.write),
    "moodle": Format(
        "Moodle competency framework", "csv", _CSV, moodle.read, moodle.write, frameworks.UNSUPPORTED_FIELDS
    ),
    "mahara": Format(
        "Mahara SmartEvidence", "matrix", _JSON, mahara.read, mahara.write, frameworks.UNSUPPORTED_FIELDS
    ),
}


def read(name: str, body: bytes) -> FileContents:
    """Read the units of a file in the named format.

    Raises:
        Invalid: The file cannot be read; the message says why and how to correct it.
    """
    return _get_format(name).read(body)


def write(name: str, units: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()) -> WrittenFile:
    """Write units as a file of the named format; the result also lists what the format cannot hold."""
    return _get_format(name).write(units, links)


def complete_unit(name: str, existing: UnitDocument | None, incoming: UnitDocument) -> UnitDocument:
    """Return the incoming unit with what its format cannot hold taken from the existing unit."""
    file_format = _get_format(name)
    return (
        fill_missing_fields(file_format.unsupported_fields, file_format.optional_fields, existing, incoming)
        if existing
        else incoming
    )


def _get_format(name: str) -> Format:
    if name not in FORMATS:
        raise Invalid(f"There is no format {name}. There are: {', '.join(FORMATS)}.", "format")
    return FORMATS[name]


__all__ = ["FORMATS", "ExchangedLink", "FileContents", "WrittenFile", "complete_unit", "read", "write"]
