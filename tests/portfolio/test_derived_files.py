"""Pictures, pages and texts made from files: recorded with their hash, compared before they are shown, made anew."""

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import delete, select

from tests.portfolio import files
from tests.portfolio.test_download import attach, fetch
from tests.portfolio.test_page_images import sheets
from tests.portfolio.test_text_previews import DOCX
from tests.stored_files import stored_path
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.integrity.invariants import run_checks
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.verify import CHECKS
from tracker.ledger import read_only
from tracker.ledger.transactions import transaction
from tracker.models import DerivedFile, Evidence, FileDetail
from tracker.portfolio.derived_files import load_derived
from tracker.portfolio.page_images import load_page_image
from tracker.portfolio.services.files import store_file
from tracker.storage.file_references import remove_files

FORGED = files.picture(size=(20, 20))
SHOWN = {
    "preview.jpg": (files.picture, "call.jpg", "show=1"),
    "page-2.jpg": (lambda: sheets(3), "minutes.pdf", "page=2"),
    "preview.txt": (lambda: DOCX, "log.docx", "show=1"),
}
"""By the name of each derived file: its source, the source's name, and the query of the page that shows it."""


def show(browser: FlaskClient, evidence: Evidence, name: str) -> tuple[str, bytes]:
    """Attach a file, have its derived file made, and return the address and what is shown."""
    make, file_name, query = SHOWN[name]
    address = f"{attach(evidence, make(), file_name)}?{query}"
    return address, fetch(browser, address).data


def find_path(evidence: Evidence, name: str) -> Path:
    return stored_path(f"{evidence.attachments[0].sha256}.{name}")


def list_faults() -> list[str]:
    """Return what invariant 32 finds."""
    results = run_checks(LedgerSnapshot(), [each for each in CHECKS if each.number == 32])
    return [each.first for each in results if each.first]


@pytest.mark.parametrize("name", SHOWN)
def test_a_replaced_file_is_named_by_verify_and_made_anew_before_it_is_shown(
    app: Flask,
    alice: FlaskClient,
    complaint: Evidence,
    caplog: pytest.LogCaptureFixture,
    name: str,
    recorded_acts: Callable[[], list[str]],
) -> None:
    address, shown = show(alice, complaint, name)
    path = find_path(complaint, name)
    assert list_faults() == []
    path.write_bytes(FORGED)
    assert list_faults() == [f"{path.name} was changed since it was made from its file"]
    assert path.name in app.test_cli_runner().invoke(args=["verify"]).output
    assert fetch(alice, address).data == shown
    assert path.read_bytes() == shown
    assert list_faults() == []
    assert recorded_acts()[-1] == "derived_file_replaced"
    assert f"The file {path.name} was changed outside the product, and was made anew" in caplog.text


def test_a_file_that_is_not_recorded_is_not_shown(
    alice: FlaskClient, complaint: Evidence, recorded_acts: Callable[[], list[str]]
) -> None:
    attach(complaint, files.picture(), "call.jpg")
    find_path(complaint, "preview.jpg").write_bytes(FORGED)
    address = f"/evidence/{complaint.id}/files/{complaint.attachments[0].id}?show=1"
    assert Image.open(io.BytesIO(fetch(alice, address).data)).size == (40, 30)
    assert "derived_file_replaced" not in recorded_acts(), "nobody can say that it was ever another"


def test_the_text_on_a_page_is_compared_too(alice: FlaskClient, complaint: Evidence) -> None:
    show(alice, complaint, "preview.txt")
    assert "refund it" in alice.get(f"/evidence/{complaint.id}").text
    find_path(complaint, "preview.txt").write_text("Nothing was refunded")
    assert "Nothing was refunded" not in alice.get(f"/evidence/{complaint.id}").text


@pytest.mark.parametrize("name", SHOWN)
def test_a_file_that_is_gone_is_no_fault_and_is_made_anew(
    alice: FlaskClient, complaint: Evidence, name: str, recorded_acts: Callable[[], list[str]]
) -> None:
    address, shown = show(alice, complaint, name)
    find_path(complaint, name).unlink()
    assert list_faults() == []
    assert fetch(alice, address).data == shown
    assert "derived_file_replaced" not in recorded_acts()


def test_nothing_is_made_from_a_source_that_was_changed(alice: FlaskClient, complaint: Evidence) -> None:
    address = f"{attach(complaint, files.picture(), 'call.jpg')}?show=1"
    stored_path(complaint.attachments[0].sha256).write_bytes(FORGED)
    answer = fetch(alice, address)
    assert answer.status_code == 404
    assert "This file was changed in the file store, so it is not shown. The record of it is kept." in answer.text


def test_while_the_installation_is_read_only_a_replaced_file_is_made_anew_each_time(
    alice: FlaskClient, complaint: Evidence, monkeypatch: pytest.MonkeyPatch, recorded_acts: Callable[[], list[str]]
) -> None:
    address, shown = show(alice, complaint, "preview.jpg")
    find_path(complaint, "preview.jpg").write_bytes(FORGED)
    monkeypatch.setattr(read_only, "is_read_only", lambda: True)
    before = recorded_acts()
    assert fetch(alice, address).data == shown
    assert recorded_acts() == before


def test_of_several_readers_at_once_one_makes_the_file(app: Flask, alice: FlaskClient, complaint: Evidence) -> None:
    attach(complaint, files.picture(), "call.jpg")
    sha256 = complaint.attachments[0].sha256
    made: list[int] = []

    def read(number: int) -> None:
        def make(_source: Path, target: Path) -> None:
            made.append(number)
            target.write_bytes(b"%d" % number)

        with app.app_context():
            answers.append(load_derived(sha256, "preview.jpg", make))

    answers: list[bytes] = []
    db.session.remove()
    readers = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(made) == 1
    assert set(answers) == {b"%d" % made[0]}
    assert list_faults() == []


def test_a_file_is_removed_with_what_was_made_from_it_and_the_hashes(app: Flask) -> None:
    stored = store_file(io.BytesIO(sheets(3)), "minutes.pdf")
    sha256 = stored.stored.sha256
    load_page_image(sha256, stored.media_type, 2)
    assert db.session.scalars(select(DerivedFile.name)).all() == ["page-2.jpg"]
    remove_files([sha256])
    assert not list(stored_path(sha256).parent.glob(f"{sha256}*"))
    assert not db.session.scalars(select(DerivedFile)).all()
    assert not db.session.scalars(select(FileDetail)).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHOWN)
def test_what_was_made_is_sent_inline_in_a_sandbox(alice: FlaskClient, complaint: Evidence, name: str) -> None:
    address, _ = show(alice, complaint, name)
    headers = fetch(alice, address).headers
    assert headers["Content-Disposition"] == f"inline; filename=preview.{name.rpartition('.')[2]}"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_a_picture_is_sent_again_only_if_it_differs(alice: FlaskClient, complaint: Evidence) -> None:
    address, _ = show(alice, complaint, "preview.jpg")
    etag = fetch(alice, address).headers["ETag"]
    assert fetch(alice, address, **{"If-None-Match": etag}).status_code == 304


def test_a_missing_source_gives_no_picture(complaint: Evidence) -> None:
    with transaction():
        db.session.execute(delete(DerivedFile))
    with pytest.raises(NotFound, match="is gone in the file store"):
        load_derived("0" * 64, "preview.jpg", lambda _source, target: target.touch())
