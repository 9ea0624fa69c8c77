"""Folder of stored files, each named by its SHA-256.

A file is written under a temporary name in the same folder, synced, renamed, and the folder is synced; only then does
a row refer to it, so a stored file survives a power cut (docs/integrity.md, Durability).
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tracker.storage.stores import CHUNK, DamagedFile, StoredFile, StoreEntry, get_key


class FolderStore:
    """The files of an installation in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, stream: IO[bytes]) -> StoredFile:
        """Store a stream under its hash. Raises `OSError` if the disk is full; nothing is left of the file."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f".{secrets.token_hex(16)}.tmp"
        try:
            stored = _write(path, stream)
            target = self.get_path(stored.sha256)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            path.replace(target)
            _fsync_folder(target.parent)
            _fsync_folder(self.folder)
        finally:
            path.unlink(missing_ok=True)
        return stored

    def open(self, key: str, start: int = 0) -> IO[bytes]:
        """Return a stream of a file from a position on."""
        stream = (self.folder / key).open("rb")
        stream.seek(start)
        return stream

    def find(self, key: str) -> StoreEntry | None:
        """Return the entry of a file, or None where there is none."""
        try:
            status = (self.folder / key).stat()
        except FileNotFoundError:
            return None
        return StoreEntry(key, status.st_size, status.st_mtime)

    def list_entries(self, prefix: str = "") -> Iterator[StoreEntry]:
        """Yield the files whose key begins with a prefix, unfinished ones included."""
        root, _, begin = prefix.rpartition("/")
        for path in sorted((self.folder / root).rglob(f"{begin}*")):
            if path.is_file() and (entry := self.find(path.relative_to(self.folder).as_posix())):
                yield entry

    def build_derived_key(self, source: str, name: str, sha256: str) -> str:  # noqa: ARG002 - a bucket needs the hash
        """Return the key of a derived file: beside its source."""
        return get_key(f"{source}.{name}")

    def write_derived(self, key: str, content: bytes) -> None:
        """Store a derived file; nothing is left of it where that fails."""
        target = self.folder / key
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
                sink.write(content)
                sink.flush()
                os.fsync(sink.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def remove(self, key: str) -> None:
        """Delete a file if it is there."""
        (self.folder / key).unlink(missing_ok=True)

    @contextmanager
    def local(self, sha256: str) -> Iterator[Path]:
        """Yield the path of a file, which was compared with its hash."""
        path = self.get_path(sha256)
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
                raise DamagedFile(f"{sha256} has other content")
        yield path

    def find_path(self, key: str) -> Path:
        """Return the path of a file."""
        return self.folder / key

    def build_link(self, key: str, disposition: str, media_type: str) -> None:
        """Return None: a folder has no addresses."""

    def find_faults(self) -> Iterator[str]:
        """Yield a sentence if files cannot be written to the folder."""
        key = f"{secrets.token_hex(1)}/{secrets.token_hex(16)}.tmp"
        try:
            self.write_derived(key, b"try")
            self.remove(key)
        except OSError as error:
            yield f"Files cannot be written to {self.folder}: {error.strerror}."

    def describe(self, key: str) -> str:
        """Return the path of a file."""
        return str(self.folder / key)

    def get_path(self, name: str) -> Path:
        """Return the path of a file in the folder."""
        return self.folder / get_key(name)


def _write(path: Path, stream: IO[bytes]) -> StoredFile:
    """Write a stream to a new file, synced, and return its hash and size."""
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            digest.update(chunk)
            sink.write(chunk)
        sink.flush()
        os.fsync(sink.fileno())
    return StoredFile(digest.hexdigest(), size)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
