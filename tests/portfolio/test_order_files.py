"""The order of an item's files: put by the candidate, kept by each version, shown to every reader."""

import io
import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from tests import factories
from tests.factories import World
from tests.integrity.tampering import list_violations, tampering_transaction
from tests.portfolio.conftest import ClientFor
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, Evidence, EvidenceVersion
from tracker.portfolio.queries.evidence import list_version_attachments
from tracker.portfolio.services.files import attach_file, move_file, remove_file, store_file
from tracker.portfolio.services.submissions import submit_evidence


@pytest.fixture
def item(complaint: Evidence) -> Evidence:
    """Alice's draft with the files a, b and c."""
    for name in "abc":
        add_file(complaint, name)
    return complaint


def add_file(evidence: Evidence, name: str) -> None:
    with transaction():
        attach_file(evidence, store_file(io.BytesIO(f"Notes {name}.".encode()), f"{name}.txt"))


def find_file(evidence: Evidence, name: str) -> Attachment:
    return next(each for each in evidence.attachments if each.name == f"{name}.txt")


def order(files: list[Attachment]) -> str:
    return "".join(each.name[0] for each in files)


def shown(page: str) -> str:
    """Return the first letters of the files in the order in which the page first names them."""
    return "".join(dict.fromkeys(re.findall(r">(\w)\.txt<", page)))


def move(evidence: Evidence, name: str, *, is_up: bool) -> str:
    with transaction():
        move_file(evidence, find_file(evidence, name), is_up=is_up)
    db.session.expire_all()
    return order(evidence.attachments)


def list_changed_evidence() -> list[str]:
    return [each for each in list_violations() if each.startswith("18: ")]


def submit_item(evidence: Evidence, world: World) -> EvidenceVersion:
    with transaction():
        return submit_evidence(evidence, factories.make_actor(world.alice))


def test_a_file_moves_up_and_down(item: Evidence) -> None:
    assert order(item.attachments) == "abc"
    assert move(item, "c", is_up=True) == "acb"
    assert move(item, "a", is_up=False) == "cab"


def test_the_first_and_the_last_file_stay(item: Evidence) -> None:
    assert move(item, "a", is_up=True) == "abc"
    assert move(item, "c", is_up=False) == "abc"


def test_a_file_added_later_is_the_last(item: Evidence) -> None:
    move(item, "c", is_up=True)
    with transaction():
        remove_file(item, find_file(item, "b"))
    add_file(item, "d")
    db.session.expire_all()
    assert order(item.attachments) == "acd"


def test_the_button_saves_the_form_and_leads_back_to_the_file(alice: FlaskClient, item: Evidence) -> None:
    file = find_file(item, "b")
    answer = alice.post(
        f"/evidence/{item.id}/files/{file.id}/move",
        data={"version": item.version, "title": "Typed before", "move": "up"},
    )
    assert answer.location == f"/evidence/{item.id}/edit#file-{file.id}"
    page = alice.get(f"/evidence/{item.id}/edit").text
    assert "Typed before" in page
    assert f'id="file-{file.id}"' in page
    assert shown(page) == "bac"


def test_the_script_moves_a_file_without_the_form(alice: FlaskClient, item: Evidence) -> None:
    file = find_file(item, "a")
    answer = alice.post(
        f"/evidence/{item.id}/files/{file.id}/move", data={"move": "down"}, headers={"Accept": "application/json"}
    )
    assert answer.json == {"id": file.id}
    db.session.rollback()
    assert order(item.attachments) == "bac"


def test_each_version_keeps_its_order_for_every_reader(
    world: World, client: ClientFor, alice: FlaskClient, item: Evidence
) -> None:
    move(item, "c", is_up=True)
    first = submit_item(item, world)
    with pytest.raises(Refused, match="Nothing has changed"):
        submit_item(item, world)
    move(item, "c", is_up=True)
    second = submit_item(item, world)
    db.session.expire_all()
    assert order(first.attachments) == order(list_version_attachments(first)) == "acb"
    assert order(second.attachments) == order(list_version_attachments(second)) == "cab"
    assert first.content_hash != second.content_hash
    assert shown(alice.get(f"/evidence/{item.id}/versions/1").text) == "acb"
    attempt = world.cfacc15.id
    page = client(world.bob).get(f"/attempts/{attempt}/evidence/{item.id}/assess").text
    assert shown(page) == "cab"
    assert "Changed since version 1: order of the files." in " ".join(page.split())
    for path in (f"/attempts/{attempt}/evidence/{item.id}", f"/attempts/{attempt}/verify?item={item.id}"):
        assert shown(client(world.carol).get(path).text) == "cab"


def test_the_order_is_sealed_and_an_older_version_without_one_still_holds(world: World, item: Evidence) -> None:
    submit_item(item, world)
    assert list_changed_evidence() == []
    for change, violations in (("NULL", 0), ("-attachment_id", 1)):
        with tampering_transaction():
            db.session.execute(text(f"UPDATE version_attachment SET position = {change}"))
            assert len(list_changed_evidence()) == violations


@pytest.mark.parametrize("name", ["bob", "frank"])
def test_nobody_else_moves_them(world: World, client: ClientFor, item: Evidence, name: str) -> None:
    path = f"/evidence/{item.id}/files/{find_file(item, 'a').id}/move"
    assert client(getattr(world, name)).post(path, data={"move": "down"}).status_code == 404
    assert order(item.attachments) == "abc"
