"""Checks of stored files: attachments have files, files have rows, and what was made from files is unchanged."""

import hashlib
from collections.abc import Iterator

from sqlalchemy import select

from tracker.extensions import db
from tracker.integrity.invariants import invariant
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.sorted_hashes import SortedHashes
from tracker.storage import file_store
from tracker.storage.file_references import FILE_COLUMNS, find_file_fault, is_orphan

AT_ONCE = 2_000
"""The number of hashes that are read from the database at a time."""


@invariant(16, "every attachment has its file, unchanged", {"attachment": ("size", "sha256")})
def find_attachments_without_file(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each attachment whose file is missing or changed. docs/integrity.md, invariant 16."""
    checked: dict[str, str | None] = {}
    erased = ledger.list_erased_ids("attachments")
    for key, row in ledger.rows("attachment").items():
        if key in erased:
            continue
        sha256 = row["sha256"]
        if sha256 not in checked:
            checked[sha256] = find_file_fault(sha256)
        if fault := checked[sha256]:
            yield f"attachment {key}: its file {fault}"
        elif (entry := file_store.find(sha256)) and entry.size != row["size"]:
            yield f"attachment {key}: its file is not {row['size']} bytes long"


@invariant(17, "no unreferenced or temporary file is left", once=True)
def find_leftover_files(_ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each unreferenced or temporary file. docs/integrity.md, invariant 17."""
    referenced = SortedHashes(_list_referenced())
    for entry in file_store.list_files():
        if is_orphan(entry, referenced):
            fault = "was not written completely" if entry.name.endswith(".tmp") else "is not referred to by any row"
            yield f"{entry.name} {fault}"


def _list_referenced() -> Iterator[str]:
    for table, name in FILE_COLUMNS:
        column = db.metadata.tables[table].c[name]
        query = select(column).where(column.is_not(None)).distinct()
        yield from db.session.scalars(query, execution_options={"yield_per": AT_ONCE})


@invariant(32, "every picture, page and text that was made from a file is as it was made", once=True)
def find_changed_derived_files(ledger: LedgerSnapshot) -> Iterator[str]:
    """Yield each derived file that was changed since it was made. docs/integrity.md, invariant 32.

    One that is gone is no fault: it is made anew when it is needed, also after a restore.
    """
    for (source, name), row in ledger.rows("derived_file").items():
        try:
            content = file_store.read_derived(source, name, row["sha256"])
        except FileNotFoundError:
            continue
        except OSError:
            yield f"{source}.{name} cannot be read"
            continue
        if hashlib.sha256(content).hexdigest() != row["sha256"]:
            yield f"{source}.{name} was changed since it was made from its file"
