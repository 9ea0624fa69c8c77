"""Manifests of backups: the signed list of what a backup contains."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tracker.errors import Refused
from tracker.ledger import keys
from tracker.ledger.canonical_json import canonical_json

DOMAIN = b"tracker.backup.v1\0"
MANIFEST_NAME, FILES_FOLDER = "manifest.json", "files"
CHUNK_SIZE = 1024 * 1024


@dataclass(frozen=True)
class Manifest:
    """The ledger's size and last hash, the copy of the database, and the size of every file by its hash."""

    made_at: str
    size: int
    head: str
    database: str
    database_sha256: str
    files: Mapping[str, int]
    key: str

    @property
    def body(self) -> bytes:
        """Return the bytes that are signed."""
        return DOMAIN + canonical_json({"v": 1, **asdict(self)})


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest and its signature into a backup's folder."""
    signed = {"manifest": asdict(manifest), "signature": keys.sign(manifest.key, manifest.body)}
    (folder / MANIFEST_NAME).write_text(json.dumps(signed, indent=1, sort_keys=True), encoding="ascii")


def read_manifest(folder: Path) -> tuple[Manifest, str]:
    """Return the manifest of a backup and its signature, unchecked. Raises `Refused` where there is none."""
    try:
        signed = json.loads((folder / MANIFEST_NAME).read_text(encoding="ascii"))
        return Manifest(**signed["manifest"]), str(signed["signature"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"{folder} contains no readable backup: {MANIFEST_NAME} is missing or damaged. Nothing was restored."
        ) from error


def find_faults(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield a sentence for each file that is missing or differs from the manifest."""
    if hash_file(folder / manifest.database) != manifest.database_sha256:
        yield f"{manifest.database} is missing or was changed"
    for sha256, size in manifest.files.items():
        path = get_file_path(folder, sha256)
        if hash_file(path) != sha256 or path.stat().st_size != size:
            yield f"the file {sha256} is missing or was changed"


def get_file_path(folder: Path, sha256: str) -> Path:
    """Return the path of a file in a backup."""
    return folder / FILES_FOLDER / sha256[:2] / sha256


def hash_file(path: Path) -> str | None:
    """Return the SHA-256 of a file in hex, or None if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK_SIZE):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
