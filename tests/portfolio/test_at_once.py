"""Acts of one candidate at the same moment: both are done, or one is refused, and nothing is done twice."""

import io
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.concurrency import run_concurrently
from tests.factories import World
from tests.pausing import run_while_paused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Attachment, Evidence, EvidenceVersion, Person
from tracker.portfolio.services import files

Act = Callable[[FlaskClient], int]


@pytest.fixture
def at_once(app: Flask, world: World, client: Callable[[Person], FlaskClient]) -> Callable[..., list[int]]:
    """`at_once(act, act)` does each as Alice in a browser of its own, all at one moment, and returns the statuses."""
    return lambda *acts: run_concurrently(app, *[(client(world.alice), act) for act in acts])


def submit(evidence_id: int) -> Act:
    return lambda browser: browser.post(f"/evidence/{evidence_id}/submit", data={"declared": "y"}).status_code


def upload(evidence_id: int, name: str) -> Act:
    def act(browser: FlaskClient) -> int:
        data = {"file": (io.BytesIO(name.encode()), name)}
        return browser.post(f"/evidence/{evidence_id}/files", data=data).status_code

    return act


def autosave(evidence_id: int, version: int, title: str) -> Act:
    data = {"changed": "title", "title": title, "version": version}
    return lambda browser: browser.post(f"/evidence/{evidence_id}/draft", data=data).status_code


def test_items_submitted_at_once_get_numbers_of_their_own(world: World, at_once: Callable[..., list[int]]) -> None:
    with transaction():
        ids = []
        for title in ("One", "Two", "Three", "Four"):
            evidence = factories.make_evidence(world.cfacc15, title)
            factories.claim(world.cfacc15, evidence, "5")
            ids.append(evidence.id)
    assert at_once(*map(submit, ids)) == [303] * 4
    assert sorted(db.session.scalars(select(Evidence.number))) == [1, 2, 3, 4]


def test_one_item_submitted_twice_at_once_has_one_version(
    complaint: Evidence, at_once: Callable[..., list[int]]
) -> None:
    assert sorted(at_once(*[submit(complaint.id)] * 3)) == [303, 409, 409]
    assert list(db.session.scalars(select(EvidenceVersion.number))) == [1]


def test_files_uploaded_while_typing_do_not_conflict_with_the_text(
    complaint: Evidence, at_once: Callable[..., list[int]]
) -> None:
    item, version = complaint.id, complaint.version
    statuses = at_once(
        upload(item, "a.txt"), upload(item, "b.txt"), autosave(item, version, "Typed"), upload(item, "c.txt")
    )
    assert statuses == [201, 201, 200, 201]
    assert sorted(db.session.scalars(select(Attachment.name))) == ["a.txt", "b.txt", "c.txt"]
    assert db.session.scalars(select(Evidence.title)).one() == "Typed"


def test_the_same_file_uploaded_twice_at_once_is_attached_once(
    app: Flask, world: World, complaint: Evidence, client: Callable[[Person], FlaskClient]
) -> None:
    """As when a web server repeats the request of a host that ended while it committed."""
    first, second = client(world.alice), client(world.alice)
    send = upload(complaint.id, "a.txt")
    statuses = run_while_paused(app, (files, "_set_updated_at"), lambda: send(first), lambda: send(second))
    assert statuses == (201, 201)
    assert list(db.session.scalars(select(Attachment.name))) == ["a.txt"]


def test_of_two_windows_that_save_at_once_one_gets_a_conflict(
    complaint: Evidence, at_once: Callable[..., list[int]]
) -> None:
    item, version = complaint.id, complaint.version
    statuses = at_once(autosave(item, version, "From the phone"), autosave(item, version, "From the desk"))
    assert sorted(statuses) == [200, 409]
