"""Photographs and other files of an observation: uploaded by its author, sealed with a version, read by its readers."""

import io
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.portfolio import files
from tests.records.observations import agree, begin, finish, observe
from tests.records.test_pages import Browser
from tests.records.test_print import build
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, Evidence
from tracker.portfolio.services.files import store_file
from tracker.privacy.export_portfolio import list_own_attachments
from tracker.records.services.files import attach_to_record
from tracker.vocabulary import AttemptState

SCRIPT = {"Accept": "application/json"}


def upload(browser: FlaskClient, record: Evidence, name: str = "IMG_0412.jpg") -> Any:
    data = {"file": (io.BytesIO(files.picture()), name)}
    return browser.post(f"/records/{record.id}/files", data=data, headers=SCRIPT)


def attach(record: Evidence, name: str = "IMG_0412.jpg") -> Attachment:
    stored = store_file(io.BytesIO(files.picture()), name)
    with transaction():
        return attach_to_record(record, stored)


def test_the_author_adds_a_photograph_while_they_write(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    bob = client(world.bob)
    answer = upload(bob, record)
    assert answer.status_code == 201
    assert answer.json["name"] == "IMG_0412.jpg"
    page = bob.get(f"/records/{record.id}/edit").text
    assert f'href="{answer.json["url"]}"' in page
    assert f'data-upload-url="/records/{record.id}/files"' in page
    image = bob.get(answer.json["preview_url"], buffered=True)
    assert image.mimetype == "image/jpeg"
    assert "IMG_0412.jpg" in bob.get(f"/records/{record.id}/finish").text


def test_a_photograph_is_read_with_the_finished_version_by_its_readers(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    photo = attach(record)
    address = f"/records/{record.id}/files/{photo.id}"
    assert client(world.alice).get(address).status_code == 404
    finish(record)
    for person in (world.alice, world.bob, world.carol):
        assert client(person).get(f"{address}?show=1", buffered=True).mimetype == "image/jpeg"
        assert f'src="{address}?show=1"' in client(person).get(f"/records/{record.id}").text
    for person in (world.dan, world.frank, world.grace):
        assert client(person).get(address).status_code == 404
    assert build(record, world.bob).files == (f"IMG_0412.jpg, {photo.size} bytes",)
    agree(record)
    assess = client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{record.id}/assess").text
    assert f"/files/{photo.id}?show=1" in assess


def test_a_file_of_a_new_draft_is_the_authors_alone(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    photo = attach(record)
    assert client(world.alice).get(f"/records/{record.id}/files/{photo.id}").status_code == 404
    for person in (world.alice, world.carol):
        assert client(person).get(f"/records/{record.id}/draft-files/{photo.id}").status_code in {403, 404}
    assert client(world.bob).get(f"/records/{record.id}/draft-files/{photo.id}", buffered=True).status_code == 200
    assert list_own_attachments(world.alice) == []
    finish(record)
    assert [each.id for each, _ in list_own_attachments(world.alice)] == [photo.id]


def test_a_new_version_may_differ_in_its_files_alone(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    with pytest.raises(Refused, match="Nothing has changed"):
        finish(record)
    attach(record)
    assert finish(record).number == 2
    assert [len(each.attachments) for each in record.versions] == [0, 1]


def test_a_removed_file_stays_in_the_versions_that_have_it(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    photo = attach(record)
    finish(record)
    bob = client(world.bob)
    answer = bob.post(f"/records/{record.id}/files/{photo.id}/remove", headers=SCRIPT)
    assert answer.json == {"id": photo.id}
    assert client(world.alice).get(f"/records/{record.id}/files/{photo.id}", buffered=True).status_code == 200
    assert bob.post(f"/records/{record.id}/files/{photo.id}/remove", headers=SCRIPT).status_code == 404


def test_without_a_script_the_form_adds_and_removes_files_and_keeps_what_was_typed(
    world: World, client: Browser
) -> None:
    record = begin(world.cfacc15, world.bob)
    bob, address = client(world.bob), f"/records/{record.id}"
    data = {
        "version": str(record.version),
        "narrative": "She said why.",
        "files": (io.BytesIO(files.picture()), "a.jpg"),
    }
    assert bob.post(f"{address}/edit", data=data).status_code == 303
    db.session.expire_all()
    record = db.session.get_one(Evidence, record.id)
    assert record.narrative == "She said why."
    photo = record.attachments[0]
    data = {"version": str(record.version), "narrative": "She said why, twice."}
    answer = bob.post(f"{address}/files/{photo.id}/remove", data=data)
    assert answer.location == f"{address}/edit#files"
    db.session.expire_all()
    record = db.session.get_one(Evidence, record.id)
    assert (record.narrative, record.attachments) == ("She said why, twice.", [])


def test_a_file_that_is_refused_is_named_and_the_text_is_saved(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    data = {"version": str(record.version), "narrative": "She said why.", "files": (io.BytesIO(b""), "empty.jpg")}
    page = client(world.bob).post(f"/records/{record.id}/edit", data=data, follow_redirects=True)
    assert "empty.jpg" in page.text
    assert db.session.scalars(select(Evidence.narrative)).one() == "She said why."


def test_others_add_no_file(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    for person in (world.alice, world.carol, world.dan, world.grace):
        assert upload(client(person), record).status_code in {403, 404}
    assert db.session.scalar(select(Attachment.id)) is None


def test_no_file_is_added_once_no_unit_can_be_stamped(world: World) -> None:
    record = begin(world.cfacc15, world.bob)
    stored = store_file(io.BytesIO(files.picture()), "IMG_0412.jpg")
    with transaction():
        for attempt in (world.cfacc15, world.inscc004):
            attempt.state = AttemptState.VOID
        factories.leave_unsealed()
    with pytest.raises(Refused, match="cannot be changed"), transaction():
        attach_to_record(record, stored)
