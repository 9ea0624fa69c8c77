"""Upload and removal of one file: received, checked and stored while no lock is held."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tests.portfolio import files
from tests.portfolio.conftest import ClientFor
from tests.stored_files import stored_path
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, Evidence
from tracker.portfolio import file_types
from tracker.portfolio.services import files as services
from tracker.storage import file_store
from tracker.vocabulary import Role

SCRIPT = {"Accept": "application/json"}


def upload(browser: FlaskClient, evidence: Evidence, content: bytes, name: str) -> Any:
    path = f"/evidence/{evidence.id}/files"
    return browser.post(path, data={"file": (io.BytesIO(content), name)}, headers=SCRIPT)


def test_a_photo_is_stored_and_its_address_returned(alice: FlaskClient, complaint: Evidence) -> None:
    answer = upload(alice, complaint, files.picture(), "IMG_0412.jpg")
    attachment = complaint.attachments[0]
    assert answer.status_code == 201
    assert answer.json["name"] == "IMG_0412.jpg"
    assert answer.json["url"] == f"/evidence/{complaint.id}/files/{attachment.id}"
    assert answer.json["remove_url"] == f"/evidence/{complaint.id}/files/{attachment.id}/remove"
    assert attachment.media_type == "image/jpeg"
    assert stored_path(attachment.sha256).stat().st_size == attachment.size


def test_a_renamed_recording_is_stored_with_its_real_type(alice: FlaskClient, complaint: Evidence) -> None:
    assert upload(alice, complaint, files.case("iphone.mov"), "renamed_mov.mp4").json["name"] == "renamed_mov.mov"
    assert complaint.attachments[0].media_type == "video/quicktime"


@pytest.mark.parametrize(
    ("name", "content", "query"),
    [("call.jpg", files.picture(), "?show=1"), ("scan.pdf", files.pdf(), "?page=1"), ("note.txt", b"Notes.", None)],
    ids=["image", "pdf", "text"],
)
def test_photos_and_pdfs_have_a_thumbnail_in_the_list(
    alice: FlaskClient, complaint: Evidence, name: str, content: bytes, query: str | None
) -> None:
    answer = upload(alice, complaint, content, name).json
    page = alice.get(f"/evidence/{complaint.id}/edit").text
    thumbnail = f'<img class="thumbnail" src="{answer["url"]}'
    assert answer["preview_url"] == (f"{answer['url']}{query}" if query else "")
    assert (f"{thumbnail}{query}" in page) is (query is not None)


def test_a_file_that_cannot_be_checked_is_refused(
    alice: FlaskClient, complaint: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_types.CHECKER, "interpreter", ["/nowhere"])
    answer = upload(alice, complaint, files.picture(), "call.jpg")
    assert answer.status_code == 422
    assert "it could not be checked" in answer.json["message"]


def test_a_file_does_not_make_the_form_conflict(alice: FlaskClient, complaint: Evidence) -> None:
    version = complaint.version
    url = upload(alice, complaint, b"Notes.", "n.txt").json["remove_url"]
    alice.post(url, headers=SCRIPT)
    fields = {"changed": "title", "title": "Typed meanwhile", "version": version}
    assert alice.post(f"/evidence/{complaint.id}/draft", data=fields).status_code == 200


def test_the_same_file_uploaded_twice_is_attached_once(alice: FlaskClient, complaint: Evidence) -> None:
    first = upload(alice, complaint, b"Notes.", "n.txt").json
    assert upload(alice, complaint, b"Notes.", "n.txt").json["id"] == first["id"]
    assert len(complaint.attachments) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\alice\\call.txt", "call.txt"),
        ("call\r\nX-Evil: 1.txt", "callX-Evil: 1.txt"),
        ("<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
        (f"{'x' * 300}.txt", f"{'x' * 196}.txt"),
        ("Überblick – Anruf.txt", "Überblick – Anruf.txt"),
    ],
)
def test_a_file_name_is_cleaned(app: Flask, complaint: Evidence, name: str, expected: str) -> None:
    assert services.clean_file_name(name) == expected
    with transaction():
        services.attach_file(complaint, services.store_file(io.BytesIO(b"Notes."), name))
    assert complaint.attachments[0].name == expected


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"", "n.txt", "is empty"),
        (
            b"MZ" + bytes(90),
            "photo.jpg",
            "its type is not accepted. The accepted types are JPEG, PNG, HEIC, WEBP, PDF",
        ),
        (b"<html><script>alert(1)</script>", "n.txt", "its type is not accepted"),
    ],
)
def test_a_refused_file_gets_a_sentence(
    alice: FlaskClient, complaint: Evidence, store: Path, content: bytes, name: str, sentence: str
) -> None:
    answer = upload(alice, complaint, content, name)
    assert answer.status_code == 422
    assert sentence in answer.json["message"]
    assert complaint.attachments == []
    assert not store.exists(), "nothing of it is kept"


def test_a_file_over_the_limit_is_refused_before_it_is_stored(app: Flask, store: Path) -> None:
    app.config["ATTACHMENT_LIMIT"] = 1024 * 1024
    with pytest.raises(Invalid, match=r"“long\.txt” is larger than 1 MB and was not added"):
        services.store_file(io.BytesIO(b"x" * (1024 * 1024 + 1)), "long.txt")
    assert not store.exists()
    assert services.store_file(io.BytesIO(b"x" * 1024 * 1024), "just right.txt").stored.size == 1024 * 1024


def test_a_post_without_a_file_is_refused(alice: FlaskClient, complaint: Evidence) -> None:
    answer = alice.post(f"/evidence/{complaint.id}/files", data={}, headers=SCRIPT)
    assert answer.status_code == 422
    assert "No file was received" in answer.json["message"]


def test_an_item_has_at_most_fifty_files(alice: FlaskClient, complaint: Evidence) -> None:
    with transaction():
        for number in range(services.MAX_FILES):
            services.attach_file(complaint, services.store_file(io.BytesIO(b"%d" % number), f"{number}.txt"))
    answer = upload(alice, complaint, b"One more.", "51.txt")
    assert answer.status_code == 422
    assert "at most 50 files" in answer.json["message"]


def test_no_transaction_is_open_while_a_file_is_stored(
    alice: FlaskClient, complaint: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    original_save: Callable[..., file_store.StoredFile] = file_store.save
    open_then: list[bool] = []

    def slow(stream: Any) -> file_store.StoredFile:
        open_then.append(db.session().in_transaction())
        return original_save(stream)

    monkeypatch.setattr(file_store, "save", slow)
    assert upload(alice, complaint, b"A slow one.", "slow.txt").status_code == 201
    form = {"version": complaint.version, "title": "Also slow", "files": (io.BytesIO(b"Another."), "other.txt")}
    assert alice.post(f"/evidence/{complaint.id}/edit", data=form).status_code == 303
    assert open_then == [False, False]


def test_a_removed_file_stays_in_submitted_versions(alice: FlaskClient, complaint: Evidence) -> None:
    answer = upload(alice, complaint, b"Notes.", "n.txt").json
    alice.post(f"/evidence/{complaint.id}/submit", data={"declared": "y"})
    assert alice.post(answer["remove_url"], headers=SCRIPT).json == {"id": answer["id"]}
    db.session.rollback()
    assert complaint.attachments == []
    assert [each.id for each in complaint.versions[0].attachments] == [answer["id"]]
    assert alice.get(answer["url"], buffered=True).data == b"Notes."
    assert alice.post(answer["remove_url"], headers=SCRIPT).status_code == 404, "it is out already"


def test_removing_without_javascript_saves_what_was_typed(alice: FlaskClient, complaint: Evidence) -> None:
    url = upload(alice, complaint, b"Notes.", "n.txt").json["remove_url"]
    form = {"version": complaint.version, "title": "Typed before pressing Remove", "narrative": "So was this."}
    answer = alice.post(url, data=form)
    assert answer.location == f"/evidence/{complaint.id}/edit"
    assert "was removed from this item" in alice.get(answer.location).text
    assert (complaint.title, complaint.narrative) == (form["title"], form["narrative"])
    assert complaint.attachments == []


def test_removing_shows_the_problems_of_fields_that_were_not_saved(alice: FlaskClient, complaint: Evidence) -> None:
    url = upload(alice, complaint, b"Notes.", "n.txt").json["remove_url"]
    answer = alice.post(url, data={"version": complaint.version, "title": "x" * 300, "narrative": "Kept."})
    assert answer.status_code == 422
    assert "x" * 300 in answer.text
    assert complaint.attachments == []


def test_nobody_adds_or_removes_files_of_another_candidate(
    world: World, client: ClientFor, complaint: Evidence
) -> None:
    url = upload(client(world.alice), complaint, b"Notes.", "n.txt").json["remove_url"]
    for person in (world.bob, world.carol, world.dan, world.eve, world.frank):
        browser = client(person)
        assert upload(browser, complaint, b"Forged.", "forged.txt").status_code == 404
        assert browser.post(url, headers=SCRIPT).status_code == 404
        assert browser.get(url.removesuffix("/remove")).status_code == 404
    assert [each.name for each in complaint.attachments] == ["n.txt"]


def test_candidates_of_one_centre_cannot_reach_each_others_evidence(
    world: World, client: ClientFor, complaint: Evidence
) -> None:
    with transaction():
        ana = factories.make_person("Ana Quill", world.northgate, Role.CANDIDATE)
    browser = client(ana)
    assert browser.get(f"/evidence/{complaint.id}").status_code == 404
    assert browser.get(f"/evidence/{complaint.id}/edit").status_code == 404
    assert upload(browser, complaint, b"Forged.", "forged.txt").status_code == 404
    assert browser.post(f"/evidence/{complaint.id}/discard").status_code == 404
    assert complaint.attachments == []
    assert complaint.discarded_at is None


def test_a_file_is_found_through_its_own_item_only(world: World, alice: FlaskClient, complaint: Evidence) -> None:
    answer = upload(alice, complaint, b"Notes.", "n.txt").json
    with transaction():
        other_item = factories.make_evidence(world.cfacc15, "Another item")
    assert alice.get(f"/evidence/{other_item.id}/files/{answer['id']}").status_code == 404
    assert alice.post(f"/evidence/{other_item.id}/files/{answer['id']}/remove").status_code == 404
    assert db.session.get(Attachment, answer["id"]) is not None
