"""What was acknowledged is on the disk, under its hash; what failed leaves nothing."""

import errno
import hashlib
import io
import os
import stat
from pathlib import Path

import pytest
from flask import Flask

from tracker.storage import file_store


def test_a_file_is_kept_under_its_hash(app: Flask, store: Path) -> None:
    kept = file_store.save(io.BytesIO(b"three calls"))
    assert kept.sha256 == hashlib.sha256(b"three calls").hexdigest()
    assert kept.size == 11
    assert file_store.get_path(kept.sha256).read_bytes() == b"three calls"


def test_the_same_bytes_twice_are_one_file(app: Flask, store: Path) -> None:
    assert file_store.save(io.BytesIO(b"same")) == file_store.save(io.BytesIO(b"same"))
    assert [path.is_file() for path in store.rglob("*")].count(True) == 1


def test_nobody_else_on_the_machine_reads_it(app: Flask, store: Path) -> None:
    kept = file_store.save(io.BytesIO(b"private"))
    assert file_store.get_path(kept.sha256).stat().st_mode & 0o077 == 0
    assert store.stat().st_mode & 0o077 == 0


def test_it_is_written_then_synced_then_renamed_then_both_folders_synced(
    app: Flask, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the file holds its name, and the store the name of that folder: a power cut may take either."""
    done: list[object] = []
    fsync, replace = os.fsync, Path.replace

    def note_fsync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        done.append(found.st_ino if stat.S_ISDIR(found.st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "replace", lambda path, to: (done.append("rename"), replace(path, to))[1])
    kept = file_store.save(io.BytesIO(b"through a power cut"))
    folder = file_store.get_path(kept.sha256).parent
    assert done == ["file", "rename", folder.stat().st_ino, store.stat().st_ino]


def test_a_full_disk_leaves_no_half_a_file(app: Flask, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file_store.save(io.BytesIO(b"too much"))
    assert [path for path in store.rglob("*") if path.is_file()] == []
