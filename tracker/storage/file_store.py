"""Where attachments live: a folder, each file under its SHA-256. What is acknowledged survives a power cut.

Temporary file in the same folder, write, fsync, rename, fsync the folder; only then the database row
(integrity paper, Durability).
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flask import current_app

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class StoredFile:
    """A file that is safe on disk."""

    sha256: str
    size: int


def save(stream: IO[bytes]) -> StoredFile:
    """Store a stream; its hash and size come out. Raises OSError when the disk is full; then nothing is left."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f".{secrets.token_hex(16)}.tmp"
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as sink:
            for chunk in _chunks(stream):
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
    """Where a file lies; two characters of its hash name the folder."""
    return _folder() / sha256[:2] / sha256


def read(sha256: str) -> bytes:
    """A whole file that is known to be small. OSError where it is not there, or not what its name says."""
    content = get_path(sha256).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(f"{sha256} holds other bytes")
    return content


def list_files() -> Iterator[Path]:
    """Every file that lies in the folder, the half-written ones among them."""
    yield from (path for path in sorted(_folder().rglob("*")) if path.is_file())


def get_max_size() -> int:
    """Return the size in bytes that an uploaded file may have at most."""
    limit: int = current_app.config["ATTACHMENT_LIMIT"]
    return limit


def _folder() -> Path:
    folder: Path = current_app.config["ATTACHMENTS_PATH"]
    return folder


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        yield chunk


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
