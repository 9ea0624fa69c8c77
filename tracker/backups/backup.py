"""Making a backup while the server runs: the database, then the files, which never change, then the manifest."""

import os
import shutil
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from tracker.backups.databases import copy_database
from tracker.backups.manifests import CHUNK_SIZE, MANIFEST_NAME, Manifest, get_file_path, hash_file, write_manifest
from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import keys
from tracker.storage import file_store


def make_backup(target: Path) -> Path:
    """Write a backup into a new folder inside `target` and return the folder; an incomplete one is removed.

    Raises:
        Refused: there is no signing key, or a stored file is damaged.
        OSError: the disk is full.
    """
    key = keys.find_current_key()
    name = key.name if key else None
    db.session.rollback()
    if name is None:
        raise Refused(
            "A backup needs a key to sign it, and there is none yet. No backup was made. To make a key: "
            "flask keys make"
        )
    moment = now()
    folder = target / f"{moment:%Y-%m-%dT%H%M%S.%fZ}"
    partial = target / f".{folder.name}.partial"
    partial.mkdir(mode=0o700, parents=True)
    try:
        snapshot = copy_database(partial)
        manifest = Manifest(
            made_at=moment.isoformat(timespec="microseconds"),
            size=snapshot.size,
            head=snapshot.head,
            database=snapshot.path.name,
            database_sha256=hash_file(snapshot.path) or "",
            files=_copy_files(partial, snapshot.files),
            key=name,
        )
        write_manifest(partial, manifest)
        for path in (partial / MANIFEST_NAME, partial):
            _fsync(path)
        partial.rename(folder)
        _fsync(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def _copy_files(folder: Path, needed: Collection[str]) -> dict[str, int]:
    """Copy the stored files that the copied database needs, and return their sizes by hash.

    One that was erased since is left out. So are derived images and the files of job runs, which can be made again,
    and files that no row refers to.
    """
    copied = {}
    for entry in file_store.list_files():
        if entry.name not in needed:
            continue
        target = get_file_path(folder, entry.name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            stream = file_store.open_file(entry.name)
        except FileNotFoundError:
            continue  # deleted since it was listed
        with closing(stream), target.open("wb") as copy:
            shutil.copyfileobj(stream, copy, CHUNK_SIZE)
        if hash_file(target) != entry.name:
            place = file_store.get_store().describe(entry.key)
            raise Refused(
                f"The stored file {place} was changed or is damaged. No backup was made. For details: flask verify"
            )
        _fsync(target)
        copied[entry.name] = target.stat().st_size
    return copied


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
