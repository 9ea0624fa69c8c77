"""Unsaved text: a form sent after the session has timed out is kept for its person, and filled in after signing in."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from tests import factories
from tests.factories import PASSWORD, World
from tracker.accounts.services import unsaved_texts
from tracker.accounts.services.unsaved_texts import UnsavedForm, delete_expired_unsaved_texts, keep_unsaved_form
from tracker.accounts.sessions import IDLE_TIMEOUT
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, Person, UnsavedText, UserSession

ClientFor = Callable[[Person], FlaskClient]
STORY = "I took the third call.\n\nThe customer's “bill” was <wrong> & late."
DRAFT = {"title": "Third call", "narrative": STORY, "method": "observation", "key": "k" * 32, "act": "draft"}


def time_out(person: Person) -> None:
    with transaction():
        moment = now() - IDLE_TIMEOUT - timedelta(minutes=1)
        db.session.execute(update(UserSession).where(UserSession.person_id == person.id).values(last_seen_at=moment))


def count_unsaved_texts() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(UnsavedText.id))) or 0


def sign_in_again(browser: FlaskClient, person: Person, sign_in_page: str) -> str:
    """Sign in on the page that a form led to, and return the page that follows."""
    response = browser.post(sign_in_page, data={"email": person.email, "password": PASSWORD})
    assert response.status_code == 303
    return browser.get(response.location).text


def read_value(page: str, name: str) -> str:
    """Return what a text field of a page contains."""
    root = html5lib.parse(page, namespaceHTMLElements=False)
    field = next(each for each in root.iter() if each.tag in {"textarea", "input"} and each.get("name") == name)
    return (field.text or "") if field.tag == "textarea" else field.get("value", "")


def test_a_form_sent_after_the_session_timed_out_comes_back_with_its_text(world: World, client: ClientFor) -> None:
    browser = client(world.alice)
    time_out(world.alice)
    response = browser.post("/evidence/new", data=DRAFT)
    assert response.status_code == 303
    assert "is kept for 24 hours" in browser.get(response.location).text
    page = sign_in_again(browser, world.alice, response.location)
    assert read_value(page, "title") == "Third call"
    assert read_value(page, "narrative") == STORY
    assert read_value(page, "key") == DRAFT["key"], "it is still the same new item"
    assert "It is not saved yet" in page
    assert re.search(r'<input [^>]*value="observation"[^>]* checked>', page)
    assert not db.session.scalars(select(Evidence)).all(), "nothing is sent again by itself"


def test_unsaved_text_is_deleted_when_the_form_is_saved(world: World, client: ClientFor) -> None:
    browser = client(world.alice)
    time_out(world.alice)
    page = sign_in_again(browser, world.alice, browser.post("/evidence/new", data=DRAFT).location)
    assert browser.post("/evidence/new", data={}).status_code == 422
    assert count_unsaved_texts() == 1
    unsaved_id = read_value(page, "unsaved_text")
    assert browser.post("/evidence/new", data={**DRAFT, "unsaved_text": unsaved_id}).status_code == 303
    assert count_unsaved_texts() == 0


def test_unsaved_text_is_encrypted_and_contains_no_password(world: World, client: ClientFor) -> None:
    browser = client(world.bob)
    time_out(world.bob)
    fields = {"comment": "All shown at work.", "password": PASSWORD, "csrf_token": "t", "idempotency_key": "i"}
    browser.post(f"/attempts/{world.cfacc15.id}/sign", data=fields)
    for row in db.session.scalars(select(UnsavedText)):
        assert "All shown" not in row.content
    for form in unsaved_texts.list_unsaved_forms(world.bob.id):
        assert dict(form.fields) == {"comment": "All shown at work."}


def test_nothing_is_kept_without_that_session_s_cookie(world: World, anonymous: FlaskClient) -> None:
    assert anonymous.post("/evidence/new", data=DRAFT).status_code == 302
    anonymous.set_cookie("tracker_session", "forged")
    assert anonymous.post("/evidence/new", data=DRAFT).status_code == 302
    assert count_unsaved_texts() == 0


def test_nothing_is_kept_without_the_csrf_token(world: World, client: ClientFor, app: Flask) -> None:
    browser = client(world.alice)
    time_out(world.alice)
    app.config["WTF_CSRF_ENABLED"] = True
    assert browser.post("/evidence/new", data=DRAFT).status_code == 400
    assert count_unsaved_texts() == 0


@pytest.mark.parametrize("way", ["signed out", "ended by its person", "account closed"])
def test_nothing_is_kept_after_the_session_was_ended(world: World, client: ClientFor, way: str) -> None:
    browser = client(world.alice)
    cookie = browser.get_cookie("tracker_session")
    assert cookie
    if way == "signed out":
        browser.post("/sign-out")
        browser.set_cookie("tracker_session", cookie.value)
    with transaction():
        if way == "ended by its person":
            db.session.execute(update(UserSession).values(ended_at=now()))
        elif way == "account closed":
            db.session.get_one(Person, world.alice.id).deactivated_at = now()
    time_out(world.alice)
    assert browser.post("/evidence/new", data=DRAFT).status_code == 302
    assert count_unsaved_texts() == 0


def test_nothing_is_kept_of_a_button_or_a_script(world: World, client: ClientFor) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Call")
    browser = client(world.alice)
    time_out(world.alice)
    browser.post(f"/evidence/{evidence.id}/discard", data={"version": "1"})
    browser.post("/evidence/draft", data=DRAFT, headers={"Accept": "application/json"})
    assert count_unsaved_texts() == 0


def test_a_form_larger_than_a_megabyte_is_not_kept_and_the_page_says_so(world: World, client: ClientFor) -> None:
    browser = client(world.alice)
    time_out(world.alice)
    response = browser.post("/evidence/new", data={**DRAFT, "narrative": "word " * 220_000})
    assert "too long to be kept" in browser.get(response.location).text
    assert count_unsaved_texts() == 0


def test_files_are_not_kept_and_the_page_says_so(world: World, client: ClientFor) -> None:
    browser = client(world.alice)
    time_out(world.alice)
    with Path(__file__).open("rb") as file:
        response = browser.post("/evidence/new", data={**DRAFT, "files": (file, "notes.txt")})
    page = sign_in_again(browser, world.alice, response.location)
    assert "The files you chose were not kept" in page


def test_at_most_twenty_unsaved_forms_are_kept_for_a_person(world: World) -> None:
    for number in range(22):
        keep_unsaved_form(world.alice.id, UnsavedForm("/a", "/a", (("title", f"Call {number}"),), has_files=False))
    titles = [dict(form.fields)["title"] for form in unsaved_texts.list_unsaved_forms(world.alice.id)]
    assert (len(titles), titles[0], titles[-1]) == (20, "Call 21", "Call 2")


def test_unsaved_text_is_deleted_after_a_day(world: World, freeze_clock: Callable[..., None]) -> None:
    keep_unsaved_form(world.alice.id, UnsavedForm("/a", "/a", (("title", "Call"),), has_files=False))
    delete_expired_unsaved_texts()
    assert count_unsaved_texts() == 1
    freeze_clock(now() + timedelta(hours=24, seconds=1))
    assert not unsaved_texts.list_unsaved_forms(world.alice.id)
    delete_expired_unsaved_texts()
    assert count_unsaved_texts() == 0


def test_unsaved_text_is_shown_to_its_person_only(world: World, client: ClientFor) -> None:
    unsaved_id = keep_unsaved_form(
        world.alice.id, UnsavedForm("/evidence/new", "/evidence/new", (("title", "Third call"),), has_files=False)
    )
    browser = client(world.frank)
    assert "Third call" not in browser.get(f"/evidence/new?unsaved_text={unsaved_id}").text
    assert "Third call" not in browser.get("/account/unsaved-text").text
    assert browser.post(f"/account/unsaved-text/{unsaved_id}/delete").status_code == 404


def test_unsaved_text_that_was_given_to_somebody_else_in_the_database_is_not_shown(
    world: World, client: ClientFor
) -> None:
    """Neither is Alice's text read by Frank, nor is she shown as her own what Frank typed."""
    unsaved_id = keep_unsaved_form(
        world.alice.id, UnsavedForm("/evidence/new", "/evidence/new", (("title", "Third call"),), has_files=False)
    )
    with transaction():
        db.session.execute(update(UnsavedText).values(person_id=world.frank.id))
    browser = client(world.frank)
    assert "Third call" not in browser.get(f"/evidence/new?unsaved_text={unsaved_id}").text
    assert "Third call" not in browser.get("/account/unsaved-text").text


def test_unsaved_text_of_an_earlier_release_is_shown_for_a_day(
    world: World, client: ClientFor, freeze_clock: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsaved_texts, "_name_purpose", lambda _person_id: unsaved_texts.FORMER_PURPOSE)
    keep_unsaved_form(
        world.alice.id, UnsavedForm("/evidence/new", "/evidence/new", (("title", "Third call"),), has_files=False)
    )
    monkeypatch.undo()
    assert "Third call" in client(world.alice).get("/account/unsaved-text").text
    with transaction():
        db.session.execute(update(UnsavedText).values(kept_at=now() + timedelta(days=2)))
    freeze_clock(now() + timedelta(hours=25))
    assert "Third call" not in client(world.alice).get("/account/unsaved-text").text


def test_unsaved_text_is_listed_in_my_account_and_can_be_deleted(world: World, client: ClientFor) -> None:
    unsaved_id = keep_unsaved_form(
        world.alice.id, UnsavedForm("/gone", "/evidence/new", (("reason", STORY),), has_files=True)
    )
    browser = client(world.alice)
    page = browser.get("/account/unsaved-text").text
    assert "I took the third call." in page
    assert f"/evidence/new?unsaved_text={unsaved_id}" in page
    assert "is not on this page" in browser.get(f"/evidence/new?unsaved_text={unsaved_id}").text
    assert browser.post(f"/account/unsaved-text/{unsaved_id}/delete").status_code == 303
    assert count_unsaved_texts() == 0


def test_a_form_in_another_window_can_be_sent_after_signing_in_again(
    world: World, client: ClientFor, app: Flask
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    browser = client(world.alice)
    token = read_value(browser.get("/evidence/new").text, "csrf_token")
    time_out(world.alice)
    sign_in_page = browser.get("/evidence/new").location
    credentials = {"email": world.alice.email, "password": PASSWORD, "csrf_token": token}
    assert browser.post(sign_in_page, data=credentials).status_code == 303
    assert browser.post("/evidence/new", data={**DRAFT, "csrf_token": token}).status_code == 303


def test_another_person_s_sign_in_ends_the_forms_that_are_open(world: World, client: ClientFor, app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    browser = client(world.alice)
    token = read_value(browser.get("/evidence/new").text, "csrf_token")
    time_out(world.alice)
    credentials = {"email": world.frank.email, "password": PASSWORD, "csrf_token": token}
    assert browser.post("/sign-in", data=credentials).status_code == 303
    assert browser.post("/evidence/new", data={**DRAFT, "csrf_token": token}).status_code == 400


def test_an_open_page_gets_a_fresh_token(world: World, client: ClientFor, anonymous: FlaskClient) -> None:
    reply = client(world.alice).get("/csrf-token").json
    assert reply
    assert reply["person"] == world.alice.id
    assert reply["token"]
    assert anonymous.get("/csrf-token").status_code == 302


def test_a_saved_form_is_confirmed_to_the_browser_that_sent_it(world: World, client: ClientFor) -> None:
    browser, save_id = client(world.alice), "a" * 32
    assert browser.post("/evidence/new", data={"save_id": save_id}).status_code == 422
    assert browser.get_cookie(f"saved-{save_id}") is None
    browser.post("/evidence/new", data={**DRAFT, "save_id": save_id})
    assert browser.get_cookie(f"saved-{save_id}")
    time_out(world.alice)
    browser.post("/evidence/new", data={**DRAFT, "save_id": "b" * 32})
    assert browser.get_cookie(f"saved-{'b' * 32}") is None


def test_the_page_of_a_form_is_the_one_it_was_sent_from(world: World, client: ClientFor) -> None:
    browser = client(world.bob)
    time_out(world.bob)
    fields = {"reason": "Signed too early, one call is missing."}
    page_address = f"http://localhost/attempts/{world.cfacc15.id}?tab=1"
    for referrer, page in (
        (page_address, f"/attempts/{world.cfacc15.id}?tab=1&"),
        ("http://else.example/", "/account/unsaved-text?"),
    ):
        response = browser.post(f"/attempts/{world.cfacc15.id}/retract", data=fields, headers={"Referer": referrer})
        target = parse_qs(urlsplit(response.location).query)["next"][0]
        assert target.startswith(f"{page}unsaved_text=")
