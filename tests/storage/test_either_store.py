"""What the file store promises, with files in a folder and with files in a bucket over HTTP."""

import hashlib
import io
import stat
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories import World
from tests.portfolio import files
from tests.portfolio.test_download import attach, fetch
from tests.records.recordings import make_wav
from tracker.backups.backup import make_backup
from tracker.backups.manifests import find_faults, get_file_path, read_manifest
from tracker.extensions import db
from tracker.integrity.invariants import run_checks
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.verify import CHECKS
from tracker.ledger import keys
from tracker.ledger.transactions import transaction
from tracker.models import DerivedFile, Evidence
from tracker.privacy.data_export import export_own_data
from tracker.storage import file_store
from tracker.storage.file_references import find_file_fault, remove_files
from tracker.storage.reconciliation import list_missing_files, list_orphan_files, move_orphan

CALLS = b"three calls"
CALLS_HASH = hashlib.sha256(CALLS).hexdigest()
pytestmark = pytest.mark.usefixtures("either_store")


def save(content: bytes = CALLS) -> str:
    return file_store.save(io.BytesIO(content)).sha256


def damage(sha256: str, content: bytes) -> None:
    """Put other content under a file's name, as only somebody with access to the store can."""
    store = file_store.get_store()
    store.write_derived(f"{sha256[:2]}/{sha256}", content)


def list_faults(*numbers: int) -> list[str]:
    results = run_checks(LedgerSnapshot(), [each for each in CHECKS if each.number in numbers])
    return [each.first for each in results if each.first]


def test_a_file_is_stored_under_its_hash_and_read_back(app: Flask) -> None:
    stored = file_store.save(io.BytesIO(CALLS))
    assert (stored.sha256, stored.size) == (CALLS_HASH, len(CALLS))
    assert file_store.read(CALLS_HASH) == CALLS
    entry = file_store.find(CALLS_HASH)
    assert entry
    assert (entry.name, entry.size) == (CALLS_HASH, len(CALLS))


def test_a_stream_is_stored_from_its_beginning(app: Flask) -> None:
    stream = io.BytesIO(CALLS)
    stream.read()
    assert file_store.save(stream).sha256 == CALLS_HASH
    assert file_store.read(CALLS_HASH) == CALLS


def test_an_empty_file_is_stored(app: Flask) -> None:
    assert file_store.read(save(b"")) == b""


def test_the_same_bytes_twice_are_one_file(app: Flask) -> None:
    assert save() == save()
    assert [each.key for each in file_store.list_files()] == [f"{CALLS_HASH[:2]}/{CALLS_HASH}"]


def test_a_file_that_is_not_stored_is_not_found(app: Flask) -> None:
    assert not file_store.exists(CALLS_HASH)
    assert find_file_fault(CALLS_HASH) == "is gone"
    with pytest.raises(FileNotFoundError):
        file_store.read(CALLS_HASH)
    with pytest.raises(FileNotFoundError), file_store.local(CALLS_HASH):
        pass


def test_a_changed_file_is_never_read_as_what_was_stored(app: Flask) -> None:
    damage(save(), b"four calls!")
    assert find_file_fault(CALLS_HASH) == "was changed"
    with pytest.raises(file_store.DamagedFile):
        file_store.read(CALLS_HASH)
    with pytest.raises(file_store.DamagedFile), file_store.local(CALLS_HASH):
        pass


def test_a_local_copy_is_for_this_account_only(app: Flask) -> None:
    save()
    with file_store.local(CALLS_HASH) as path:
        assert path.read_bytes() == CALLS
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_stream_begins_where_it_is_asked_to(app: Flask) -> None:
    save()
    with closing(file_store.get_store().open(f"{CALLS_HASH[:2]}/{CALLS_HASH}", 6)) as stream:
        assert stream.read() == CALLS[6:]


def test_a_file_is_removed_with_what_was_made_from_it(app: Flask) -> None:
    other = save(b"other")
    derived = file_store.write_derived(save(), "preview.txt", b"text")
    assert file_store.read_derived(CALLS_HASH, "preview.txt", derived) == b"text"
    assert len(list(file_store.list_files())) == 3
    remove_files([CALLS_HASH])
    assert [each.name for each in file_store.list_files()] == [other]


def test_an_orphan_is_listed_and_moved_out_of_the_store(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    save()
    assert list(list_orphan_files()) == [], "a request in progress may refer to it still"
    monkeypatch.setattr("tracker.storage.file_references.MAX_UNREFERENCED_AGE", -10)
    (orphan,) = list_orphan_files()
    assert list_faults(17) == [f"{CALLS_HASH} is not referred to by any row"]
    moved = move_orphan(orphan)
    assert moved.read_bytes() == CALLS
    assert list(file_store.list_files()) == []
    moved.unlink()


def test_a_download_has_its_name_type_and_length(alice: FlaskClient, complaint: Evidence) -> None:
    answer = fetch(alice, attach(complaint, CALLS, "Call über 5.txt"))
    assert answer.data == CALLS
    assert answer.headers["Content-Disposition"].startswith("attachment; filename")
    assert "UTF-8''Call%20%C3%BCber%205.txt" in answer.headers["Content-Disposition"]
    assert answer.mimetype == "text/plain"
    assert answer.headers["Content-Length"] == str(len(CALLS))
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_part_of_a_file_is_sent(alice: FlaskClient, complaint: Evidence) -> None:
    address = attach(complaint, CALLS, "calls.txt")
    answer = fetch(alice, address, Range="bytes=6-9")
    assert (answer.status_code, answer.data) == (206, CALLS[6:10])
    assert answer.headers["Content-Range"] == f"bytes 6-9/{len(CALLS)}"
    assert fetch(alice, address, Range="bytes=6-").data == CALLS[6:]
    assert fetch(alice, address, Range="bytes=-3").data == CALLS[-3:]
    assert fetch(alice, address, Range="bytes=0-4").data == CALLS[:5]
    assert fetch(alice, address, Range="bytes=90-").status_code == 416


def test_a_part_is_sent_only_of_the_file_that_the_browser_began_with(alice: FlaskClient, complaint: Evidence) -> None:
    address = attach(complaint, CALLS, "calls.txt")
    etag = fetch(alice, address).headers["ETag"]
    answer = fetch(alice, address, Range="bytes=6-9", **{"If-Range": etag})
    assert (answer.status_code, answer.data) == (206, CALLS[6:10])
    other = fetch(alice, address, Range="bytes=6-9", **{"If-Range": '"another"'})
    assert (other.status_code, other.data) == (200, CALLS)


def test_a_recording_is_played_in_parts(alice: FlaskClient, complaint: Evidence) -> None:
    sound = make_wav()
    address = f"{attach(complaint, sound, 'call.wav')}?show=1"
    answer = fetch(alice, address, Range="bytes=100-199")
    assert (answer.status_code, answer.data) == (206, sound[100:200])
    assert (answer.mimetype, answer.headers["Accept-Ranges"]) == ("audio/wav", "bytes")
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_the_browser_has_is_not_sent_again(alice: FlaskClient, complaint: Evidence) -> None:
    address = attach(complaint, CALLS, "calls.txt")
    etag = fetch(alice, address).headers["ETag"]
    assert fetch(alice, address, **{"If-None-Match": etag}).status_code == 304


def test_only_the_head_of_a_file_is_sent_where_that_is_asked_for(alice: FlaskClient, complaint: Evidence) -> None:
    answer = alice.head(attach(complaint, CALLS, "calls.txt"))
    answer.close()
    assert (answer.status_code, answer.data, answer.headers["Content-Length"]) == (200, b"", str(len(CALLS)))


def test_a_missing_file_is_said_to_be_missing(alice: FlaskClient, complaint: Evidence) -> None:
    address = attach(complaint, CALLS, "calls.txt")
    file_store.remove(CALLS_HASH)
    answer = fetch(alice, address)
    assert answer.status_code == 404
    assert "missing from the file store" in answer.text


def test_a_picture_is_made_once_and_made_anew_where_it_was_changed(
    app: Flask, alice: FlaskClient, complaint: Evidence
) -> None:
    address = f"{attach(complaint, files.picture(), 'call.jpg')}?show=1"
    shown = fetch(alice, address).data
    row = db.session.scalars(select(DerivedFile)).one()
    entry = file_store.find_derived(row.source_sha256, row.name, row.sha256)
    assert entry
    assert list_faults(16, 17, 32) == []
    file_store.get_store().write_derived(entry.key, b"another picture")
    assert list_faults(32) == [f"{row.source_sha256}.preview.jpg was changed since it was made from its file"]
    assert fetch(alice, address).data == shown
    assert list_faults(32) == []
    file_store.get_store().remove(entry.key)
    assert list_faults(32) == [], "one that is gone is made anew"
    assert fetch(alice, address).data == shown


def test_text_is_shown_on_a_page(alice: FlaskClient, complaint: Evidence) -> None:
    attach(complaint, b"Rang back at nine.", "call.txt")
    assert "Rang back at nine." in alice.get(f"/evidence/{complaint.id}").text


def test_nothing_is_shown_of_a_file_that_was_changed(alice: FlaskClient, complaint: Evidence) -> None:
    address = f"{attach(complaint, files.picture(), 'call.jpg')}?show=1"
    damage(complaint.attachments[0].sha256, files.picture(size=(20, 20)))
    assert fetch(alice, address).status_code == 404


def test_verify_names_missing_and_changed_files(alice: FlaskClient, complaint: Evidence) -> None:
    attach(complaint, CALLS, "calls.txt")
    assert list_faults(16, 17) == []
    assert list(list_missing_files()) == []
    damage(CALLS_HASH, b"two calls")
    key = complaint.attachments[0].id
    assert list_faults(16) == [f"attachment {key}: its file was changed"]
    file_store.remove(CALLS_HASH)
    assert list_faults(16) == [f"attachment {key}: its file is gone"]
    assert list(list_missing_files()) == [f"attachment {key}: its file is gone"]


def test_a_backup_has_every_file_and_refuses_a_changed_one(
    app: Flask, alice: FlaskClient, complaint: Evidence, tmp_path: Path
) -> None:
    with transaction():
        keys.make_key()
    attach(complaint, CALLS, "calls.txt")
    fetch(alice, f"{attach(complaint, files.picture(), 'call.jpg')}?show=1")
    folder = make_backup(tmp_path / "backups")
    manifest, _ = read_manifest(folder)
    assert set(manifest.files) == {each.sha256 for each in complaint.attachments}
    assert list(find_faults(folder, manifest)) == []
    assert get_file_path(folder, CALLS_HASH).read_bytes() == CALLS
    damage(CALLS_HASH, b"two calls")
    result = app.test_cli_runner().invoke(args=["backup", str(tmp_path / "backups")])
    assert result.exit_code == 1
    assert "was changed or is damaged. No backup was made." in result.output


def test_a_persons_own_data_has_their_files(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    attach(complaint, CALLS, "calls.txt")
    _, packed = export_own_data(world.alice.id)
    with closing(packed), zipfile.ZipFile(packed) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith("calls.txt")]
        assert archive.read(name) == CALLS


def test_files_larger_than_a_chunk_are_stored_and_sent_whole(alice: FlaskClient, complaint: Evidence) -> None:
    content = b"".join(b"%07d\n" % number for number in range(400_000))
    address = attach(complaint, content, "log.txt")
    assert fetch(alice, address).data == content
    assert fetch(alice, address, Range="bytes=2000000-2999999").data == content[2_000_000:3_000_000]
