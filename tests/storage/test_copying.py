"""Copies of all files from a folder to a bucket and back, before an installation changes between them."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.storage.s3 import build_url, new_bucket
from tracker.config import S3Location
from tracker.storage import file_store
from tracker.storage.copying import CopyOutcome, copy_files
from tracker.storage.folder_store import FolderStore

pytestmark = pytest.mark.one_database

CALLS, LETTER = b"three calls", b"a letter to a customer"


def save(content: bytes) -> str:
    return file_store.save(io.BytesIO(content)).sha256


def get_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def list_names(location: Path | S3Location) -> list[str]:
    return sorted(entry.name for entry in file_store.open_store(location).list_entries())


@pytest.fixture
def folder(app: Flask, tmp_path: Path) -> Path:
    """The installation's folder, with two files, one of which has a preview."""
    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    save(CALLS)
    file_store.write_derived(save(LETTER), "preview.png", b"a picture")
    return tmp_path / "attachments"


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | S3Location]:
    if request.param == "folder":
        yield tmp_path / "other"
        return
    with new_bucket("elsewhere") as location:
        yield location


@pytest.mark.usefixtures("folder")
class TestCopy:
    def test_every_file_is_copied_without_previews(self, target: Path | S3Location) -> None:
        assert [each.outcome for each in copy_files(target)] == [CopyOutcome.COPIED] * 2
        assert list_names(target) == sorted([get_hash(CALLS), get_hash(LETTER)])
        with file_store.open_store(target).local(get_hash(LETTER)) as copy:
            assert copy.read_bytes() == LETTER

    def test_what_is_there_is_not_sent_again(self, target: Path | S3Location) -> None:
        list(copy_files(target))
        save(b"a third file")
        outcomes = [each.outcome for each in copy_files(target)]
        assert sorted(outcomes, key=str) == [CopyOutcome.COPIED, CopyOutcome.PRESENT, CopyOutcome.PRESENT]

    def test_a_changed_file_is_named_and_the_others_are_copied(self, folder: Path, target: Path | S3Location) -> None:
        FolderStore(folder).get_path(get_hash(CALLS)).write_bytes(b"other calls")
        faults = [each.fault for each in copy_files(target) if each.outcome is CopyOutcome.FAULTY]
        assert len(faults) == 1
        assert get_hash(CALLS) in faults[0]
        assert list_names(target) == [get_hash(LETTER)]

    def test_a_file_that_is_erased_meanwhile_is_named(
        self, folder: Path, target: Path | S3Location, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entries = [entry for name in (CALLS, LETTER) if (entry := FolderStore(folder).find(get_key(name)))]
        monkeypatch.setattr(FolderStore, "list_entries", lambda _store: iter(entries))
        file_store.get_store().remove(get_key(CALLS))
        outcomes = [each.outcome for each in copy_files(target)]
        assert outcomes == [CopyOutcome.FAULTY, CopyOutcome.COPIED]


def get_key(content: bytes) -> str:
    return f"{get_hash(content)[:2]}/{get_hash(content)}"


@pytest.mark.usefixtures("folder")
class TestCommand:
    def test_an_installation_reads_its_files_from_the_bucket_after_the_change(self, app: Flask) -> None:
        with new_bucket() as bucket:
            result = app.test_cli_runner().invoke(args=["storage", "copy", build_url(bucket)])
            assert (result.exit_code, result.output) == (0, "Files: 2 copied.\n")
            app.config["S3_LOCATION"] = bucket
            assert file_store.read(get_hash(LETTER)) == LETTER
            again = app.test_cli_runner().invoke(args=["storage", "copy", build_url(bucket)])
            assert again.exit_code == 1
            assert "Files are kept there already" in again.output

    def test_a_file_that_could_not_be_copied_is_an_exit_code(self, app: Flask, folder: Path, tmp_path: Path) -> None:
        FolderStore(folder).get_path(get_hash(CALLS)).write_bytes(b"other calls")
        result = app.test_cli_runner().invoke(args=["storage", "copy", str(tmp_path / "other")])
        assert result.exit_code == 1
        assert "Files: 1 copied, 1 not copied." in result.output

    def test_a_target_that_is_neither_folder_nor_bucket_is_refused(self, app: Flask) -> None:
        result = app.test_cli_runner().invoke(args=["storage", "copy", "https://files.example.org"])
        assert result.exit_code == 1
        assert "neither the path of a folder nor s3://" in result.output

    def test_a_store_that_cannot_be_reached_is_named(self, app: Flask) -> None:
        with new_bucket() as bucket:
            url = build_url(bucket).replace(bucket.bucket, "no-such-bucket")
            result = app.test_cli_runner().invoke(args=["storage", "copy", url])
        assert result.exit_code == 1
        assert "Run the command again to continue" in result.output
