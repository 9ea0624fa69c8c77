"""Storage quotas of a candidate and of a centre: a warning at 80 %, a refusal at 100 %, also for uploads at once."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests import factories
from tests.factories import World
from tests.pausing import run_while_paused
from tests.portfolio.conftest import ClientFor
from tests.portfolio.test_download import attach
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence
from tracker.portfolio.services import files as services
from tracker.portfolio.services.files import attach_file, remove_file, store_file
from tracker.portfolio.storage_quotas import measure_candidate, measure_centre

SetQuotas = Callable[..., None]
MORE = "Everything else was kept. Ask your centre’s administrator for more space, or keep long recordings at work"


@pytest.fixture
def set_quotas(app: Flask, monkeypatch: pytest.MonkeyPatch) -> SetQuotas:
    """`set_quotas(candidate_quota=…, centre_quota=…)` sets quotas in bytes; 0 is no limit."""

    def set_them(*, candidate_quota: int = 0, centre_quota: int = 0) -> None:
        settings = app.config["SETTINGS"]
        changed = replace(settings, candidate_quota=candidate_quota, centre_quota=centre_quota)
        monkeypatch.setitem(app.config, "SETTINGS", changed)

    return set_them


def text(size: int, letter: str = "a") -> bytes:
    return (letter * size).encode()


def upload(browser: FlaskClient, evidence: Evidence, content: bytes, name: str) -> TestResponse:
    file = (io.BytesIO(content), name)
    path = f"/evidence/{evidence.id}/files"
    return browser.post(path, data={"file": file}, headers={"Accept": "application/json"})


def test_a_file_over_the_candidates_quota_is_refused_with_what_to_do(
    alice: FlaskClient, complaint: Evidence, set_quotas: SetQuotas
) -> None:
    set_quotas(candidate_quota=1000)
    assert upload(alice, complaint, text(1000), "full.txt").status_code == 201
    answer = upload(alice, complaint, b"b", "one more.txt")
    assert answer.status_code == 422
    assert "“one more.txt” was not added: with it there would be more than 1 KB of files" in answer.json["message"]
    assert MORE in answer.json["message"]


def test_a_file_over_the_centres_quota_is_refused_with_what_to_do(
    world: World, alice: FlaskClient, complaint: Evidence, set_quotas: SetQuotas
) -> None:
    set_quotas(centre_quota=1000)
    attach(complaint, text(600), "mine.txt")
    answer = upload(alice, complaint, text(401, "b"), "b.txt")
    assert "“b.txt” was not added: the space for files of your centre, 1 KB, is used up." in answer.json["message"]
    assert measure_centre(world.northgate.id).used == 600
    assert measure_centre(world.southbank.id).used == 0


def test_a_form_keeps_what_was_typed_and_the_files_that_have_room(
    alice: FlaskClient, complaint: Evidence, set_quotas: SetQuotas
) -> None:
    set_quotas(candidate_quota=1000)
    form = {
        "version": str(complaint.version),
        "title": "Call, written up",
        "files": [(io.BytesIO(text(600, letter)), f"{letter}.txt") for letter in "ab"],
    }
    page = alice.post(f"/evidence/{complaint.id}/edit", data=form, follow_redirects=True).text
    assert "“b.txt” was not added" in page.replace("\u2068", "").replace("\u2069", "")
    db.session.expire_all()
    assert [each.name for each in complaint.attachments] == ["a.txt"]
    assert complaint.title == "Call, written up"


@pytest.mark.parametrize(("size", "is_warned"), [(799, False), (800, True)])
def test_the_candidate_is_warned_from_80_per_cent(
    alice: FlaskClient, complaint: Evidence, set_quotas: SetQuotas, size: int, is_warned: bool
) -> None:
    set_quotas(candidate_quota=1000)
    attach(complaint, text(size), "notes.txt")
    warning = "Your files take 800 bytes of 1 KB (80%). At 100% you cannot add more."
    for path in ("/", f"/evidence/{complaint.id}/edit", "/evidence/new"):
        assert (warning in " ".join(alice.get(path).text.split())) is is_warned


def test_the_administrator_is_warned_of_the_centre_and_of_candidates(
    world: World, client: ClientFor, complaint: Evidence, set_quotas: SetQuotas
) -> None:
    attach(complaint, text(900), "notes.txt")
    set_quotas(candidate_quota=2000, centre_quota=2000)
    assert "At 100%" not in client(world.dan).get("/").text
    set_quotas(candidate_quota=1000, centre_quota=1000)
    page = " ".join(client(world.dan).get("/").text.split())
    assert "Files take 900 bytes of the centre’s 1 KB (90%). At 100% candidates cannot add files." in page
    assert "These candidates’ files take 80% or more of their 1 KB." in page
    assert f'people/{world.alice.id}">Alice Moran</a> <span class="muted">900 bytes, 90%</span>' in page
    assert "At 100%" not in client(world.heidi).get("/").text, "the other centre has no files"


def test_full_quota_is_said_to_be_full(
    world: World, client: ClientFor, alice: FlaskClient, complaint: Evidence, set_quotas: SetQuotas
) -> None:
    """As after a quota was lowered below what is stored."""
    attach(complaint, text(1060), "notes.txt")
    set_quotas(candidate_quota=1000, centre_quota=1000)
    for path in ("/", "/evidence/new"):
        assert "of 1 KB (106%). You cannot add more." in " ".join(alice.get(path).text.split())
    page = " ".join(client(world.dan).get("/").text.split())
    assert "of the centre’s 1 KB (106%). Candidates cannot add files." in page
    assert "At 100%" not in page
    set_quotas(candidate_quota=1060, centre_quota=1060)
    assert "(100%). You cannot add more." in " ".join(alice.get("/").text.split())


def test_two_files_at_once_do_not_exceed_the_quota(
    app: Flask, world: World, complaint: Evidence, set_quotas: SetQuotas
) -> None:
    """Of two items, whose rows are locked apart, so that only the lock of the quota makes the second wait."""
    set_quotas(candidate_quota=1000)
    with transaction():
        other = factories.make_evidence(world.inscc004, "Another call")
    ids = (complaint.id, other.id)
    stored = [store_file(io.BytesIO(text(600, letter)), f"{letter}.txt") for letter in "ab"]

    def add(number: int) -> bool:
        try:
            with transaction():
                attach_file(db.session.get_one(Evidence, ids[number]), stored[number])
        except Invalid:
            return False
        return True

    added = run_while_paused(app, (services, "_set_updated_at"), lambda: add(0), lambda: add(1))
    assert added == (True, False)
    assert measure_candidate(world.alice.id, world.northgate.id).used == 600


def test_the_same_file_counts_once_and_a_removed_one_still_counts(
    world: World, complaint: Evidence, set_quotas: SetQuotas
) -> None:
    set_quotas(candidate_quota=1000)
    attach(complaint, text(600), "notes.txt")
    attach(complaint, text(600), "the same notes.txt")
    assert measure_candidate(world.alice.id, world.northgate.id).used == 600
    with transaction():
        for each in list(complaint.attachments):
            remove_file(complaint, each)
    assert measure_candidate(world.alice.id, world.northgate.id).used == 600, "removed files are kept"


def test_a_quota_of_0_is_no_limit(alice: FlaskClient, complaint: Evidence, set_quotas: SetQuotas) -> None:
    set_quotas()
    assert upload(alice, complaint, text(5000), "notes.txt").status_code == 201
    assert "At 100%" not in alice.get("/").text
