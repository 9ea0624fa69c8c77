"""File store: files named by their SHA-256, in the folder or the bucket that `STORAGE_URL` names.

A file is stored before a row refers to it, and never changed. What is made from it for pages is stored beside it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from flask import current_app

from tracker.config import S3Location
from tracker.storage.folder_store import FolderStore
from tracker.storage.stores import DamagedFile, Store, StoredFile, StoreEntry, get_key

__all__ = ["DamagedFile", "StoreEntry", "StoredFile"]


def get_store() -> Store:
    """Return the installation's folder or bucket."""
    return open_store(get_location())


def get_location() -> Path | S3Location:
    """Return where the installation keeps its files."""
    location: Path | S3Location = current_app.config["S3_LOCATION"] or current_app.config["ATTACHMENTS_PATH"]
    return location


def open_store(location: Path | S3Location) -> Store:
    """Return the folder or bucket at a location."""
    return _get_bucket(location) if isinstance(location, S3Location) else FolderStore(location)


def save(stream: IO[bytes]) -> StoredFile:
    """Store a stream under its hash.

    Raises:
        OSError: the disk is full, or the store cannot be reached.
    """
    return get_store().save(stream)


def open_file(sha256: str) -> IO[bytes]:
    """Return a stream of a stored file, whose content is not compared with its hash. Raises `OSError`."""
    return get_store().open(get_key(sha256))


def local(sha256: str) -> AbstractContextManager[Path]:
    """Yield the path of a file with this content, for what needs a local file; only to be read.

    Raises:
        FileNotFoundError: it is not stored.
        OSError: it cannot be read, or its content does not match its hash.
    """
    return get_store().local(sha256)


def read(sha256: str) -> bytes:
    """Return the content of a small file.

    Raises:
        OSError: the file is missing, or its content does not match its hash.
    """
    with closing(open_file(sha256)) as stream:
        content = stream.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedFile(f"{sha256} has other content")
    return content


def find(sha256: str) -> StoreEntry | None:
    """Return the entry of a stored file, or None where there is none."""
    with suppress(FileNotFoundError):
        return get_store().find(get_key(sha256))
    return None


def exists(sha256: str) -> bool:
    """Return whether a file is stored."""
    return find(sha256) is not None


def list_files() -> Iterator[StoreEntry]:
    """Yield all files in the store, unfinished ones included."""
    return get_store().list_entries()


def remove(sha256: str) -> None:
    """Delete a file and what was made from it, if there is such a file."""
    store = get_store()
    with suppress(FileNotFoundError):
        for entry in store.list_entries(get_key(sha256)):
            store.remove(entry.key)


def find_derived(source: str, name: str, sha256: str) -> StoreEntry | None:
    """Return the entry of a file made from a stored one, given its hash when it was made; None if it is gone."""
    store = get_store()
    with suppress(FileNotFoundError):
        return store.find(store.build_derived_key(source, name, sha256))
    return None


def read_derived(source: str, name: str, sha256: str) -> bytes:
    """Return a file made from a stored one, which may have been changed since. Raises `OSError`."""
    store = get_store()
    with closing(store.open(store.build_derived_key(source, name, sha256))) as stream:
        return stream.read()


def write_derived(source: str, name: str, content: bytes) -> str:
    """Store a file made from a stored one, and return its hash."""
    store, sha256 = get_store(), hashlib.sha256(content).hexdigest()
    store.write_derived(store.build_derived_key(source, name, sha256), content)
    return sha256


def get_max_size() -> int:
    """Return the size in bytes that an uploaded file may have at most."""
    limit: int = current_app.config["ATTACHMENT_LIMIT"]
    return limit


@lru_cache(maxsize=8)
def _get_bucket(location: S3Location) -> Store:
    """Return the bucket, whose client is made once for each process: it keeps connections open."""
    from tracker.storage.s3_store import S3Store

    return S3Store(location)
