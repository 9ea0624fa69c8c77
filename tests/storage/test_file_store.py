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


@pytest.mark.usefixtures("app", "store")
class TestNamesThatAreNoHash:
    """A row that somebody planted in the database leads to no other file of the machine."""

    @pytest.fixture
    def key(self, store: Path) -> Path:
        """A file beside the store, such as the key that signs checkpoints."""
        path = store.parent / "keys" / "secret.key"
        path.parent.mkdir()
        path.write_text("secret")
        return path

    @pytest.fixture(params=["up", "absolute", "short", "pattern", "upper case", "with a line end"])
    def name(self, request: pytest.FixtureRequest, key: Path, store: Path) -> str:
        sha256 = file_store.save(io.BytesIO(b"evidence")).sha256
        return {
            "up": f"../{os.path.relpath(key, store.parent.parent)}",
            "absolute": str(key),
            "short": sha256[:10],
            "pattern": "*" * 64,
            "upper case": sha256.upper(),
            "with a line end": f"{sha256}\n",
        }[request.param]

    def test_nothing_is_found_or_read(self, name: str) -> None:
        assert file_store.find(name) is None
        assert not file_store.exists(name)
        assert file_store.find_derived(name, "preview.jpg", "0" * 64) is None
        for read in (file_store.open_file, file_store.read):
            with pytest.raises(FileNotFoundError):
                read(name)
        with pytest.raises(FileNotFoundError), file_store.local(name):
            pass

    def test_nothing_is_deleted(self, store: Path, key: Path, name: str) -> None:
        before = {path for path in store.rglob("*") if path.is_file()}
        file_store.remove(name)
        assert key.read_text() == "secret"
        assert {path for path in store.rglob("*") if path.is_file()} == before

    def test_nothing_is_written(self, key: Path, name: str) -> None:
        with pytest.raises(FileNotFoundError):
            file_store.write_derived(name, "key", b"another")
        assert key.read_text() == "secret"
