"""The file store: a saved file is on the disk under its hash; a failed save leaves nothing."""

import errno
import hashlib
import io
import os
import stat
from pathlib import Path

import pytest
from flask import Flask

from tests.stored_files import stored_path
from tracker.storage import file_store

pytestmark = pytest.mark.one_database


def test_a_file_is_stored_under_its_hash(app: Flask, store: Path) -> None:
    stored_file = file_store.save(io.BytesIO(b"three calls"))
    assert stored_file.sha256 == hashlib.sha256(b"three calls").hexdigest()
    assert stored_file.size == 11
    assert stored_path(stored_file.sha256).read_bytes() == b"three calls"


def test_the_same_bytes_twice_are_one_file(app: Flask, store: Path) -> None:
    assert file_store.save(io.BytesIO(b"same")) == file_store.save(io.BytesIO(b"same"))
    assert [path.is_file() for path in store.rglob("*")].count(True) == 1


def test_a_file_is_readable_by_its_owner_only(app: Flask, store: Path) -> None:
    stored_file = file_store.save(io.BytesIO(b"private"))
    assert stored_path(stored_file.sha256).stat().st_mode & 0o077 == 0
    assert store.stat().st_mode & 0o077 == 0


def test_a_file_and_its_folders_are_synced_before_save_returns(
    app: Flask, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut may lose the file, its name in its folder, or the name of that folder in the store."""
    steps: list[object] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        steps.append(status.st_ino if stat.S_ISDIR(status.st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", lambda path, to: (steps.append("rename"), replace(path, to))[1])
    stored_file = file_store.save(io.BytesIO(b"through a power cut"))
    folder = stored_path(stored_file.sha256).parent
    assert steps == ["file", "rename", folder.stat().st_ino, store.stat().st_ino]


def test_a_full_disk_leaves_no_partial_file(app: Flask, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file_store.save(io.BytesIO(b"too much"))
    assert [path for path in store.rglob("*") if path.is_file()] == []
