"""Files of units: parse an upload within limits, and write an export."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracker.config import MEGABYTE
from tracker.errors import Invalid, NotFound
from tracker.library.queries.exports import list_exported_documents, list_exported_links
from tracker.storage import file_store
from tracker.units import formats
from tracker.units.documents import UnitDocument
from tracker.units.formats.files import ExchangedLink, FileContents
from tracker.units.sandboxed_files import parse_sandboxed

DETECT = "guessed"
FORMATS = {name: unit_format.label for name, unit_format in formats.FORMATS.items()}
MAX_SIZE = 20 * MEGABYTE
MAX_UNITS, MAX_LINKS = 5_000, 20_000


def parse_file(format_name: str, body: bytes) -> FileContents:
    """Return the content of a file. Raises `Invalid` if it cannot be read or exceeds a limit."""
    if len(body) > MAX_SIZE:
        raise Invalid(f"The file is larger than {MAX_SIZE // MEGABYTE} MB. Split it.", "file")
    result = parse_sandboxed(format_name, body)
    if len(result.units) > MAX_UNITS:
        raise Invalid(f"The file has more than {MAX_UNITS:,} units. Split it.", "file")
    if not result.units:
        raise Invalid("The file contains no units.", "file")
    slugs = {unit.slug for unit in result.units}
    links = tuple(link for link in result.links if {link.slug, link.other_slug} <= slugs)
    if len(links) > MAX_LINKS:
        raise Invalid(f"The file has more than {MAX_LINKS:,} links between units. Split it.", "file")
    return FileContents(tuple(result.units), links, tuple(result.remarks))


def parse_stored_file(format_name: str, sha256: str) -> FileContents:
    """Return the content of a file in the file store."""
    try:
        body = file_store.read(sha256)
    except FileNotFoundError as error:
        raise NotFound(
            "The file is missing from the store. Import it again: existing units are left unchanged."
        ) from error
    return parse_file(format_name, body)


@dataclass(frozen=True)
class ExportedFile:
    """A file to download, with a sentence for everything that its format cannot hold."""

    name: str
    body: bytes
    omissions: tuple[str, ...]


def export_units(format_name: str, unit_ids: Sequence[int], centre_id: int) -> ExportedFile:
    """Write units that a centre can see to one file, with the links between them."""
    result = list_exported_documents(unit_ids, [centre_id])
    documents = [document for _, document in result]
    return write_documents(format_name, documents, list_exported_links([unit for unit, _ in result], centre_id))


def write_documents(
    format_name: str, documents: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()
) -> ExportedFile:
    """Write units and links to a file of the named format."""
    exported = formats.write(format_name, documents, links)
    stem = documents[0].slug if len(documents) == 1 else "units"
    return ExportedFile(f"{stem}.{formats.FORMATS[format_name].suffix}", exported.body, tuple(exported.omissions))


def detect_format(file_name: str, body: bytes) -> str:
    """Return the format that the beginning of the file suggests. Raises `Invalid` if none fits."""
    begin = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if begin.startswith(b"{"):
        return "mahara" if b'"framework"' in body[:65536] and b'"CFDocument"' not in body else "case"
    first = begin.splitlines()[0].lower() if begin else b""
    if b"is framework" in first or b"parent id number" in first:
        return "moodle"
    if file_name.lower().endswith((".csv", ".tsv")):
        return "csv"
    if file_name.lower().endswith((".yaml", ".yml")) or b"\ncode:" in b"\n" + begin:
        return "yaml"
    raise Invalid("The format cannot be detected. Choose it.", "format")
