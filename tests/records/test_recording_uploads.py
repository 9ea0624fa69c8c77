"""Recordings that are uploaded in parts: continued after a cut, counted, private, put together once, deleted."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.factories import World
from tests.records.discussions import begin_discussion
from tests.records.observations import begin
from tests.records.recordings import make_wav
from tests.records.test_pages import Browser
from tracker import clock
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, Evidence, PartialUpload, UploadPart
from tracker.portfolio.services import partial_uploads
from tracker.portfolio.services.partial_uploads import delete_abandoned_uploads, end_uploads_of
from tracker.portfolio.storage_quotas import measure_candidate, measure_centre
from tracker.storage import file_store
from tracker.storage.file_references import select_permanent_files

SCRIPT = {"Accept": "application/json"}
SOUND = make_wav()


class Sender:
    """A browser that uploads a recording of a record in parts."""

    def __init__(self, browser: FlaskClient, record: Evidence, key: str = "3200-1") -> None:
        self.browser, self.address = browser, f"/records/{record.id}/uploads"
        self.key, self.stored = key, list_stored()

    def post(self, path: str, **data: Any) -> Any:
        return self.browser.post(f"{self.address}{path}", data=data, headers=SCRIPT)

    def start(self) -> Any:
        return self.post("", key=self.key)

    def send(self, upload: int, number: int, content: bytes) -> Any:
        return self.post(f"/{upload}/parts", number=number, part=(io.BytesIO(content), "part"))

    def finish(self, upload: int, parts: int, name: str = "discussion.wav") -> Any:
        return self.post(f"/{upload}/finish", parts=parts, name=name)


def list_stored() -> set[str]:
    db.session.rollback()
    return {each.name for each in file_store.list_files()}


def count(model: type[Any]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def sender(world: World, client: Browser) -> Sender:
    return Sender(client(world.bob), begin(world.cfacc15, world.bob))


@pytest.fixture
def set_limits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`set_limits(MAX_PART=10)` changes limits of the uploads."""

    def set_them(**limits: int) -> None:
        for name, limit in limits.items():
            monkeypatch.setattr(partial_uploads, name, limit)

    return set_them


def test_a_recording_is_put_together_from_its_parts(sender: Sender) -> None:
    upload = sender.start().json["upload"]
    assert sender.send(upload, 0, SOUND[:1000]).json["parts"] == 1
    assert sender.send(upload, 1, SOUND[1000:]).json["parts"] == 2
    answer = sender.finish(upload, 2)
    assert answer.status_code == 201
    assert answer.json["name"] == "discussion.wav"
    db.session.rollback()
    attachment = db.session.get_one(Attachment, answer.json["id"])
    assert attachment.media_type == "audio/wav"
    assert file_store.read(attachment.sha256) == SOUND
    assert len(list_stored() - sender.stored - {attachment.sha256}) == 0, "no part is left"
    assert count(UploadPart) == 0


def test_an_upload_continues_after_a_cut_where_it_stopped(sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND[:1000])
    again = sender.start().json
    assert (again["upload"], again["parts"], again["size"]) == (upload, 1, 1000)
    assert sender.send(upload, 0, SOUND[:1000]).json["parts"] == 1, "a part sent twice is kept once"
    assert sender.send(upload, 2, SOUND[2000:]).json["parts"] == 1, "no part may be left out"
    assert sender.finish(upload, 2).json["parts"] == 1, "not all parts have arrived"
    sender.send(upload, 1, SOUND[1000:])
    assert sender.finish(upload, 2).status_code == 201
    assert sender.start().json["upload"] != upload, "the same file can be uploaded again"


def test_finishing_twice_adds_one_recording(sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND)
    first, second = sender.finish(upload, 1), sender.finish(upload, 1)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json["id"] == second.json["id"]
    assert count(Attachment) == 1
    assert sender.send(upload, 1, SOUND).json["has_ended"]


def test_parts_are_the_authors_alone(world: World, client: Browser, sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND)
    for person in (world.alice, world.carol, world.dan, world.frank, world.grace):
        other = Sender(client(person), db.session.scalars(select(Evidence)).one())
        assert {other.start().status_code, other.send(upload, 1, SOUND).status_code} <= {403, 404}
        assert {other.finish(upload, 1).status_code, other.post(f"/{upload}/stop").status_code} <= {403, 404}
    elsewhere = Sender(client(world.bob), begin(world.cfacc15, world.bob))
    assert elsewhere.send(upload, 1, SOUND).status_code == 404
    assert elsewhere.finish(upload, 1).status_code == 404
    db.session.rollback()
    part = db.session.scalars(select(UploadPart)).one()
    assert file_store.read(part.sha256) != SOUND, "random bytes precede it, so no other row can refer to it"
    assert part.sha256 not in set(db.session.scalars(select_permanent_files())), "it is in no backup"


def test_what_is_no_recording_is_refused(sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, b"Alice said that she would ring back.")
    answer = sender.finish(upload, 1, "notes.txt")
    assert answer.status_code == 422
    assert "is no recording" in answer.json["message"]
    assert count(Attachment) == 0


def test_a_damaged_recording_is_refused_and_can_be_stopped(sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND[:1000])
    assert "the recording is damaged or incomplete" in sender.finish(upload, 1).json["message"]
    assert sender.post(f"/{upload}/stop").json["has_ended"]
    assert count(UploadPart) == 0
    assert "Nothing was received" in sender.finish(upload, 0).json["message"]


def test_parts_and_recordings_have_limits(sender: Sender, set_limits: Callable[..., None]) -> None:
    set_limits(MAX_PART=1000, MAX_RECORDING=1500, MAX_OPEN=1)
    upload = sender.start().json["upload"]
    assert sender.send(upload, 0, SOUND[:1001]).status_code == 422
    assert sender.send(upload, 0, SOUND[:1000]).json["parts"] == 1
    answer = sender.send(upload, 1, SOUND[1000:1501])
    assert "What was received before is kept" in answer.json["message"]
    assert sender.start().json["size"] == 1000
    sender.key = "other"
    assert "uploads of this record have not ended" in sender.start().json["message"]
    assert sender.post("", key="../x").status_code == 422


def test_parts_count_in_the_quota_until_the_recording_does(
    app: Flask, world: World, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(app.config["SETTINGS"], candidate_quota=len(SOUND), centre_quota=0)
    monkeypatch.setitem(app.config, "SETTINGS", settings)
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND[:1000])
    owner = world.alice.id, world.northgate.id
    assert (measure_candidate(*owner).used, measure_centre(owner[1]).used) == (1000, 1000)
    too_much = sender.send(upload, 1, SOUND[1000:] + b"x")
    assert "“The recording” was not added" in too_much.json["message"]
    sender.send(upload, 1, SOUND[1000:])
    assert sender.finish(upload, 2).status_code == 201, "its parts do not count beside it"
    db.session.rollback()
    assert measure_candidate(*owner).used == len(SOUND)


def test_an_abandoned_upload_is_deleted_after_a_week(sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND)
    delete_abandoned_uploads()
    assert count(UploadPart) == 1
    with clock.frozen_at(clock.now() + timedelta(days=8)):
        delete_abandoned_uploads()
    assert (count(UploadPart), count(PartialUpload), list_stored()) == (0, 0, sender.stored)


def test_parts_that_a_killed_process_left_are_deleted_by_the_worker(sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND)
    with transaction():
        db.session.get_one(PartialUpload, upload).ended_at = clock.now()
    delete_abandoned_uploads()
    assert (count(UploadPart), list_stored()) == (0, sender.stored)


def test_an_erasure_deletes_the_parts(world: World, sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND)
    with transaction():
        end_uploads_of(world.alice.id, world.northgate.id)
    assert (count(UploadPart), list_stored()) == (0, sender.stored)
    assert "Nothing was received" in sender.finish(upload, 0).json["message"]


def test_discarding_the_draft_deletes_the_parts(world: World, client: Browser) -> None:
    record = begin_discussion(world.cfacc15, world.bob, recordings=0)
    sender = Sender(client(world.bob), record)
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND)
    answer = sender.browser.post(f"/records/{record.id}/edit", data={"act": "discard", "version": record.version})
    assert answer.status_code == 303
    assert (count(UploadPart), list_stored()) == (0, sender.stored)


def test_a_part_lost_in_the_store_is_said_with_what_to_do(sender: Sender) -> None:
    upload = sender.start().json["upload"]
    sender.send(upload, 0, SOUND)
    file_store.remove(db.session.scalars(select(UploadPart.sha256)).one())
    assert "Stop this upload, then upload the recording again" in sender.finish(upload, 1).json["message"]
