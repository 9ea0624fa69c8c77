"""A restore that waits to be accepted makes every host read-only, and its acceptance ends that."""

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.factories import World
from tests.hosts.conftest import Browser, use_redis
from tracker.background import jobs
from tracker.errors import Refused
from tracker.extensions import db
from tracker.hosts import marks
from tracker.ledger import read_only
from tracker.ledger.read_only import ReadOnly
from tracker.ledger.transactions import transaction
from tracker.models import Event


@pytest.fixture(autouse=True)
def marker(host: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The marker file of this test's own: the tests share the first host's folder."""
    path = tmp_path / "restored.json"
    real = read_only.get_marker_path
    monkeypatch.setattr(
        read_only,
        "get_marker_path",
        lambda: path if real().parent == host.config["SETTINGS"].instance_path else real(),
    )
    return path


def test_every_host_is_read_only_until_the_restore_is_accepted(
    host: Flask, other_host: Flask, world: World, there: Browser, marker: Path
) -> None:
    browser = there(world.alice)
    read_only.write_marker({"size": 1})
    assert json.loads(marker.read_text()) == {"size": 1}
    answer = browser.post("/evidence/new", data={"title": "Call"})
    assert answer.status_code == 503
    assert "restored from a backup" in answer.text
    assert browser.get("/").status_code == 200
    with other_host.app_context():
        assert read_only.is_read_only()
        assert not read_only.get_marker_path().exists()
    read_only.remove_marker()
    with other_host.app_context():
        assert not read_only.is_read_only()
    assert browser.post("/evidence/new", data={"title": "Call"}).status_code < 500


def test_a_restore_is_accepted_on_the_host_that_made_it(host: Flask, other_host: Flask) -> None:
    from tracker.backups.restore import accept_restore
    from tracker.ledger.trust_anchor import load_anchor

    read_only.write_marker({"size": 1})
    with other_host.app_context(), pytest.raises(Refused, match="on another host"):
        accept_restore(load_anchor())


def test_a_mark_that_redis_lost_is_set_again_by_the_worker(host: Flask, other_host: Flask) -> None:
    read_only.write_marker({"size": 1})
    marks.end_restoring()
    with other_host.app_context():
        assert not read_only.is_read_only()
    jobs.Jobs(host, lambda: ((), ()), lambda: None).perform("anything")
    with other_host.app_context():
        assert read_only.is_read_only()


def test_while_redis_is_unreachable_a_host_keeps_to_what_it_last_said(host: Flask, other_host: Flask) -> None:
    read_only.write_marker({"size": 1})
    with other_host.app_context():
        assert read_only.is_read_only()
        other_host.extensions["redis"].connection_pool.disconnect()
        known = dict(other_host.extensions)
        use_redis(other_host, "redis://127.0.0.1:9/0")
        other_host.extensions[marks.LAST_ANSWER] = known[marks.LAST_ANSWER]
        assert read_only.is_read_only()


def test_no_event_is_recorded_while_another_host_is_restoring(host: Flask, other_host: Flask, world: World) -> None:
    from tests import factories
    from tracker.accounts.services.centres import change_form_annex

    before = db.session.scalar(select(func.count(Event.seq)))
    with other_host.app_context():
        marks.set_restoring()
    with pytest.raises(ReadOnly), transaction():
        change_form_annex(
            world.northgate, factories.make_actor(world.dan), is_printed=not world.northgate.prints_annex
        )
    assert db.session.scalar(select(func.count(Event.seq))) == before
