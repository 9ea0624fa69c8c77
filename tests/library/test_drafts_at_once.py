"""Two administrators at the same moment: a draft is changed once, and a version published once."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.concurrency import run_concurrently
from tests.factories import PASSWORD, World
from tests.library.drafts import make_draft
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person, Unit, UnitDraft
from tracker.vocabulary import Role

Act = Callable[[FlaskClient], int]


@pytest.fixture
def at_once(app: Flask, world: World, client: Callable[[Person], FlaskClient]) -> Callable[..., list[int]]:
    """Dan and a second administrator act at the same moment; the call returns the statuses, sorted."""
    with transaction():
        second = factories.make_person("Dora Price", world.northgate, Role.ADMINISTRATOR)

    def run(*acts: Act) -> list[int]:
        browsers = [client(person) for person in (world.dan, second)]
        return sorted(run_concurrently(app, *zip(browsers, acts, strict=True)))

    return run


@pytest.fixture
def draft_id(world: World) -> int:
    with transaction():
        return make_draft(world.northgate, world.dan).id


def retitle(draft_id: int, title: str) -> Act:
    fields = {
        "title": title,
        "code": "X",
        "version": "1",
        "document_type": "nos",
        "simulation": "unstated",
        "seen": 1,
    }
    return lambda browser: browser.post(f"/unit-drafts/{draft_id}/unit", data=fields).status_code


def publish(draft_id: int) -> Act:
    fields = {"seen": 1, "doubts": ["0", "1"], "password": PASSWORD}
    return lambda browser: browser.post(f"/unit-drafts/{draft_id}/publish", data=fields).status_code


def test_second_of_two_simultaneous_changes_is_refused(draft_id: int, at_once: Callable[..., list[int]]) -> None:
    assert at_once(retitle(draft_id, "One"), retitle(draft_id, "Two")) == [303, 409]
    assert db.session.get_one(UnitDraft, draft_id).version == 2


def test_draft_is_published_once_by_two_administrators(draft_id: int, at_once: Callable[..., list[int]]) -> None:
    assert at_once(publish(draft_id), publish(draft_id)) == [303, 409]
    assert len(db.session.scalars(select(Unit).where(Unit.owner_centre_id.is_not(None))).all()) == 1


def test_only_one_of_two_drafts_of_a_version_is_published(
    world: World, draft_id: int, at_once: Callable[..., list[int]]
) -> None:
    with transaction():
        other_draft_id = make_draft(world.northgate, world.dan).id
    first, second = at_once(publish(draft_id), publish(other_draft_id))
    assert first == 303
    assert second in {409, 422}
