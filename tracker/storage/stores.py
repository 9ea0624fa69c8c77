"""What the file store needs of a place that keeps files: a folder, or a bucket of an S3-compatible store."""

import errno
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

CHUNK = 1024 * 1024
FILE_NAME = re.compile(r"[0-9a-f]{64}(?:\.[0-9a-z.-]+)?", re.ASCII)
"""The name of a stored file, which is its hash, or of a file made from it."""


class DamagedFile(OSError):
    """A stored file has other content than when it was stored."""


class StoreUnreachable(OSError):
    """The file store gave no answer, or refused the request; what it said is not for pages."""


@dataclass(frozen=True)
class StoredFile:
    """A file that is stored: it survives a power cut."""

    sha256: str
    size: int


@dataclass(frozen=True)
class StoreEntry:
    """A file as the store lists it."""

    key: str
    """The first two characters of a hash, a slash, and the file's name."""
    size: int
    modified_at: float
    """When it was written, in seconds since 1970."""
    sha256: str | None = None
    """The hash that the store itself keeps of it, in hex, where it says so."""

    @property
    def name(self) -> str:
        """Return the file's name, without its folder."""
        return self.key.rpartition("/")[2]


class Store(Protocol):
    """A place that keeps files by key. Every method may raise `OSError`."""

    def save(self, stream: IO[bytes]) -> StoredFile:
        """Store a stream under its hash, from its beginning."""

    def open(self, key: str, start: int = 0) -> IO[bytes]:
        """Return a stream of a file from a position on. Raises `FileNotFoundError`."""

    def find(self, key: str) -> StoreEntry | None:
        """Return the entry of a file, or None where there is none."""

    def list_entries(self, prefix: str = "") -> Iterator[StoreEntry]:
        """Yield the files whose key begins with a prefix, unfinished ones included, in the order of their keys."""

    def build_derived_key(self, source: str, name: str, sha256: str) -> str:
        """Return the key of a file made from the file with the hash `source`."""

    def write_derived(self, key: str, content: bytes) -> None:
        """Store a file that was made from another, in place of any that is there."""

    def remove(self, key: str) -> None:
        """Delete a file if it is there."""

    def local(self, sha256: str) -> AbstractContextManager[Path]:
        """Yield the path of a local file with this content, which was compared with its hash.

        Raises:
            FileNotFoundError: it is not stored.
            DamagedFile: it has other content.
        """

    def find_path(self, key: str) -> Path | None:
        """Return the path of a file that is on this machine; None in a bucket."""

    def build_link(self, key: str, disposition: str, media_type: str) -> str | None:
        """Return an address at which a browser can fetch a file from the store itself; None where it may not."""

    def find_faults(self) -> Iterator[str]:
        """Yield a sentence for each reason why files must not be kept here; try to write, read and delete one."""

    def describe(self, key: str) -> str:
        """Return where a file is, for the operator."""


def get_key(name: str) -> str:
    """Return the key of a stored file, or of a file made from one; its first two characters name the folder.

    Raises:
        FileNotFoundError: no file can have this name. It is of a row that the product did not write, and must lead to
            no other file of the machine, such as a key.
    """
    if not FILE_NAME.fullmatch(name):
        raise FileNotFoundError(errno.ENOENT, "No stored file has such a name", name)
    return f"{name[:2]}/{name}"
