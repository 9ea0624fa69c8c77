"""Copy of all stored files into another folder or bucket, before `STORAGE_URL` is changed to it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tracker.config import S3Location
from tracker.errors import Refused
from tracker.storage import file_store
from tracker.storage.stores import FILE_NAME, Store, StoreEntry, get_key

SHA256_LENGTH = 64


class CopyOutcome(Enum):
    """What became of a file."""

    COPIED = "copied"
    PRESENT = "there already"
    FAULTY = "not copied"


@dataclass(frozen=True)
class CopiedFile:
    """What became of a file; a sentence about it where it was not copied."""

    outcome: CopyOutcome
    fault: str = ""


def copy_files(target: Path | S3Location) -> Iterator[CopiedFile]:
    """Copy every stored file, and yield what became of each.

    A file that the target has with the same size is not sent again: a store gives a file its name only when all of it
    is there. Previews are left out, as they are made anew when a page shows them.

    Raises:
        Refused: the target is where the files are now.
        OSError: the target cannot be reached, or is full.
    """
    source, other = file_store.get_store(), file_store.open_store(target)
    if file_store.get_location() == target:
        raise Refused("Files are kept there already: name the folder or bucket to copy them to.")
    for entry in source.list_entries():
        if is_file(entry):
            yield _copy(source, other, entry)


def is_file(entry: StoreEntry) -> bool:
    """Return whether an entry is a stored file: its name is a hash. Others are unfinished, or made for pages."""
    has_hash = len(entry.name) == SHA256_LENGTH and FILE_NAME.fullmatch(entry.name) is not None
    return has_hash and entry.key == get_key(entry.name)


def _copy(source: Store, target: Store, entry: StoreEntry) -> CopiedFile:
    found = target.find(entry.key)
    if found and found.size == entry.size:
        return CopiedFile(CopyOutcome.PRESENT)
    try:
        with source.local(entry.name) as path, path.open("rb") as stream:
            target.save(stream)
    except FileNotFoundError:
        return CopiedFile(CopyOutcome.FAULTY, f"{entry.key}: it was deleted meanwhile.")
    except file_store.DamagedFile as error:
        return CopiedFile(CopyOutcome.FAULTY, f"{entry.key}: {error}.")
    return CopiedFile(CopyOutcome.COPIED)
