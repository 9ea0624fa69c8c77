"""Files of many units: read within bounds, kept while an import needs them, written to be downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracker.config import MEGABYTE
from tracker.errors import Invalid, NotFound
from tracker.library.queries.exchange import list_documents, list_links
from tracker.storage import file_store
from tracker.units import formats
from tracker.units.documents import UnitDocument
from tracker.units.formats.exchanged import ExchangedLink

GUESSED = "guessed"
FORMATS = {name: each.label for name, each in formats.FORMATS.items()}
MAX_SIZE = 20 * MEGABYTE
MAX_UNITS, MAX_LINKS = 5_000, 20_000


@dataclass(frozen=True)
class FileContents:
    """What a file holds: its units, and what was assumed about it or is left behind, a sentence each."""

    units: tuple[UnitDocument, ...]
    links: tuple[ExchangedLink, ...] = ()
    remarks: tuple[str, ...] = ()


def read_file(format_name: str, body: bytes) -> FileContents:
    """The units of a file. Raises `Invalid` where it cannot be read, with the reason."""
    if len(body) > MAX_SIZE:
        raise Invalid(f"The file is larger than {MAX_SIZE // MEGABYTE} MB. Split it.", "file")
    found = formats.read(format_name, body)
    if len(found.units) > MAX_UNITS:
        raise Invalid(f"The file holds more than {MAX_UNITS:,} units. Split it.", "file")
    if not found.units:
        raise Invalid("The file holds no units.", "file")
    slugs = {each.slug for each in found.units}
    links = tuple(each for each in found.links if {each.slug, each.other_slug} <= slugs)
    return FileContents(tuple(found.units), links[:MAX_LINKS], tuple(found.remarks))


def read_kept(format_name: str, sha256: str) -> FileContents:
    """A file again, from the store."""
    path = file_store.get_path(sha256)
    if not path.exists():
        raise NotFound("The file is missing from the store. Import it again: what is here already is left alone.")
    return read_file(format_name, path.read_bytes())


@dataclass(frozen=True)
class WrittenFile:
    """A file to be downloaded, and what its format has no place for, a sentence each."""

    name: str
    body: bytes
    left_behind: tuple[str, ...]


def write_file(format_name: str, unit_ids: Sequence[int], centre_id: int) -> WrittenFile:
    """Units that a centre sees, in one file, with the links between them that hold there."""
    found = list_documents(unit_ids, [centre_id])
    documents = [document for _, document in found]
    return write_units(format_name, documents, list_links([unit for unit, _ in found], centre_id))


def write_units(
    format_name: str, documents: Sequence[UnitDocument], links: Sequence[ExchangedLink] = ()
) -> WrittenFile:
    written = formats.write(format_name, documents, links)
    stem = documents[0].slug if len(documents) == 1 else "units"
    return WrittenFile(f"{stem}.{formats.FORMATS[format_name].suffix}", written.body, tuple(written.left_behind))


def guess_format(file_name: str, body: bytes) -> str:
    """The format that a file's first signs speak for. Raises `Invalid` where none does."""
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
    raise Invalid("It cannot be seen what this file is. Choose its format.", "format")
