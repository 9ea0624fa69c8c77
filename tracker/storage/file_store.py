"""File store: a folder in which each file is named by its SHA-256.

A file is written under a temporary name in the same folder, synced, renamed, and the folder is synced; only then does
a row refer to it, so a stored file survives a power cut (docs/integrity.md, Durability).
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flask import current_app

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class StoredFile:
    """A file that is on disk and synced."""

    sha256: str
    size: int


def save(stream: IO[bytes]) -> StoredFile:
    """Store a stream under its hash.

    Raises:
        OSError: the disk is full; nothing is left of the file.
    """
    folder = _get_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f".{secrets.token_hex(16)}.tmp"
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            for chunk in _read_chunks(stream):
                size += len(chunk)
                digest.update(chunk)
                sink.write(chunk)
            sink.flush()
            os.fsync(sink.fileno())
        target = get_path(digest.hexdigest())
        target.parent.mkdir(mode=0o700, exist_ok=True)
        path.replace(target)
        _fsync_folder(target.parent)
        _fsync_folder(folder)
    finally:
        path.unlink(missing_ok=True)
    return StoredFile(digest.hexdigest(), size)


def get_path(sha256: str) -> Path:
    """Return the path of a stored file; the first two characters of its hash name the folder."""
    return _get_folder() / sha256[:2] / sha256


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes the target, a file made from a stored one, when the block has succeeded.

    Nothing is left of it where the block fails.
    """
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def read(sha256: str) -> bytes:
    """Return the content of a small file.

    Raises:
        OSError: the file is missing, or its content does not match its hash.
    """
    content = get_path(sha256).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(f"{sha256} has other content")
    return content


def list_files() -> Iterator[Path]:
    """Yield all files in the store, unfinished ones included."""
    yield from (path for path in sorted(_get_folder().rglob("*")) if path.is_file())


def get_max_size() -> int:
    """Return the size in bytes that an uploaded file may have at most."""
    limit: int = current_app.config["ATTACHMENT_LIMIT"]
    return limit


def _get_folder() -> Path:
    folder: Path = current_app.config["ATTACHMENTS_PATH"]
    return folder


def _read_chunks(stream: IO[bytes]) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        yield chunk


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
