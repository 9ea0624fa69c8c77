"""Adding evidence on one page, without JavaScript; every field that can be saved is saved."""

import io
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.factories import World
from tests.portfolio import files
from tests.portfolio.conftest import ClientFor
from tracker import clock
from tracker.extensions import db
from tracker.models import Attachment, Evidence
from tracker.vocabulary import Method

ITEM = {
    "title": "Complaint CH-2231, three contacts",
    "method": "work_product",
    "happened_from": "2026-10-05",
    "happened_until": "2026-10-07",
    "occasion": "Late shift",
    "customers": "Mrs P., case CH-2231",
    "narrative": "She rang three times.\r\nI took the third call.",
    "workplace_location": "CRM, case CH-2231",
    "workplace_holder": "Team leader",
    "workplace_seen_by": "B. Archer",
}


def post(browser: FlaskClient, path: str = "/evidence/new", **fields: Any) -> Any:
    return browser.post(path, data={**ITEM, **fields}, content_type="multipart/form-data")


def only_item() -> Evidence:
    db.session.rollback()
    return db.session.scalars(select(Evidence)).one()


def test_alice_adds_an_item_and_chooses_its_criteria_next(alice: FlaskClient, world: World) -> None:
    answer = post(alice, act="criteria")
    evidence = only_item()
    assert answer.status_code == 303
    assert answer.location == f"/evidence/{evidence.id}/criteria"
    assert evidence.candidate_id == world.alice.id
    assert evidence.centre_id == world.northgate.id
    assert evidence.number is None
    assert evidence.method is Method.WORK_PRODUCT
    assert evidence.narrative == "She rang three times.\nI took the third call."
    assert evidence.workplace_holder == "Team leader"


def test_a_draft_needs_only_one_field(alice: FlaskClient) -> None:
    answer = alice.post("/evidence/new", data={"narrative": "Busy. More later.", "act": "draft"})
    assert answer.location == f"/evidence/{only_item().id}"
    assert "Only you can see it" in alice.get(answer.location).text


def test_an_empty_form_creates_no_draft(alice: FlaskClient) -> None:
    answer = alice.post("/evidence/new", data={"act": "draft"})
    assert answer.status_code == 422
    assert "There is nothing to save yet" in answer.text
    assert db.session.scalar(select(func.count(Evidence.id))) == 0


def test_the_form_is_filled_in_with_todays_date_and_says_so(alice: FlaskClient) -> None:
    page = alice.get("/evidence/new").text
    assert f'name="happened_from" type="date" value="{clock.today().isoformat()}"' in page
    assert "Today’s date is filled in." in page


def test_the_date_that_was_filled_in_is_nothing_to_save(alice: FlaskClient) -> None:
    answer = alice.post("/evidence/new", data={"happened_from": clock.today().isoformat(), "act": "draft"})
    assert answer.status_code == 422
    assert db.session.scalar(select(func.count(Evidence.id))) == 0


def test_a_saved_draft_without_a_date_is_not_given_one(alice: FlaskClient) -> None:
    page = alice.get(
        alice.post("/evidence/new", data={"title": "Third call", "act": "draft"}).location + "/edit"
    ).text
    assert clock.today().isoformat() not in page


def test_usual_methods_are_buttons_and_the_others_are_folded_until_one_is_chosen(alice: FlaskClient) -> None:
    folded = alice.get("/evidence/new").text.split('<details class="more-choices"')[1]
    assert folded.startswith(">")
    assert "Work product" not in folded
    assert "Expert witness" in folded
    draft = alice.post("/evidence/new", data={"method": "simulation", "act": "draft"}).location
    assert '<details class="more-choices" open>' in alice.get(f"{draft}/edit").text


def test_folded_fields_open_where_they_hold_something_or_have_an_error(alice: FlaskClient) -> None:
    assert "<details open>" not in alice.get("/evidence/new").text
    assert alice.post("/evidence/new", data={"occasion": "x" * 500}).text.count("<details open>") == 1


def test_the_same_form_sent_twice_creates_one_draft(alice: FlaskClient) -> None:
    first = post(alice, key="one form")
    second = post(alice, key="one form")
    assert first.location == second.location
    assert only_item().title == ITEM["title"]


def test_a_used_form_does_not_overwrite_a_submitted_item(alice: FlaskClient, world: World) -> None:
    post(alice, key="one form")
    evidence = only_item()
    evidence.number = 1
    db.session.commit()
    answer = post(alice, key="one form", title="Another story")
    assert answer.status_code == 422
    assert "already used" in answer.text
    assert only_item().title == ITEM["title"]


def test_files_of_the_form_are_attached(alice: FlaskClient) -> None:
    post(alice, files=[(io.BytesIO(files.pdf()), "letter.pdf"), (io.BytesIO(files.picture()), "IMG_1.jpg")])
    assert {each.name for each in only_item().attachments} == {"letter.pdf", "IMG_1.jpg"}


def test_a_refused_file_is_named_and_the_rest_is_saved(alice: FlaskClient) -> None:
    answer = post(alice, files=[(io.BytesIO(b"MZ" + bytes(50)), "letter.pdf"), (io.BytesIO(b"Notes."), "note.txt")])
    evidence = only_item()
    assert answer.location == f"/evidence/{evidence.id}/edit"
    page = alice.get(answer.location).text
    assert "“letter.pdf” was not added" in page
    assert [each.name for each in evidence.attachments] == ["note.txt"]
    assert ITEM["title"] in page


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("title", "x" * 10_000, "“Title” can have at most 200 characters; yours has 10,000."),
        ("narrative", "y" * 20_001, "“Your written account of what you did” can have at most 20,000 characters"),
        ("happened_from", "2031-01-01", "Enter a date that is not in the future"),
        ("happened_from", "0026-10-05", "Enter a date in or after 1950"),
        ("happened_from", "yesterday", "Enter a real date"),
        ("happened_until", "2026-10-01", "The end date is before the start date"),
        ("method", "telepathy", "Choose one of the methods in the list"),
    ],
)
def test_a_field_that_cannot_be_saved_shows_why_and_keeps_its_text(
    alice: FlaskClient, field: str, text: str, sentence: str
) -> None:
    answer = post(alice, **{field: text}, files=[(io.BytesIO(b"Notes."), "note.txt")])
    assert answer.status_code == 422
    assert sentence in answer.text
    if field != "method":
        assert text in answer.text
    evidence = only_item()
    assert evidence.occasion == "Late shift", "the fields that are right are saved"
    assert [each.name for each in evidence.attachments] == ["note.txt"], "and so is the file"
    assert f'action="/evidence/{evidence.id}/edit"' in answer.text, "the page continues with that draft"


def test_tomorrow_is_refused_and_today_is_not(alice: FlaskClient) -> None:
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    assert post(alice, happened_from=tomorrow, happened_until="").status_code == 422
    assert post(alice, happened_from=clock.today().isoformat(), happened_until="").status_code == 303


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '=HYPERLINK("http://x")', "{{ 7*7 }}", "’ OR 1=1 --"])
def test_markup_and_formulas_are_shown_as_text(alice: FlaskClient, text: str) -> None:
    answer = post(alice, **dict.fromkeys(("title", "occasion", "customers", "narrative", "workplace_location"), text))
    page = alice.get(f"/evidence/{only_item().id}").text
    assert answer.status_code == 303
    assert only_item().title == text
    assert "<script>alert" not in page


def test_control_characters_are_removed(alice: FlaskClient) -> None:
    post(alice, title="Call\x00 of\r\n5 October\x07", narrative="One\x00\tTwo\r\nThree")
    assert only_item().title == "Call of 5 October"
    assert only_item().narrative == "One\tTwo\nThree"


@pytest.mark.parametrize("name", ["bob", "carol", "dan", "eve"])
def test_only_candidates_add_evidence(world: World, client: ClientFor, name: str) -> None:
    browser = client(getattr(world, name))
    assert browser.get("/evidence/new").status_code == 404
    assert post(browser).status_code == 404


def test_a_visitor_cannot_add_evidence(world: World, anonymous: FlaskClient) -> None:
    assert "/sign-in" in anonymous.get("/evidence/new").location


def test_a_full_disk_shows_an_error_and_saves_nothing(alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_stream: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tracker.storage.file_store.save", full)
    answer = post(alice, files=[(io.BytesIO(b"Notes."), "note.txt")])
    assert answer.status_code == 507
    assert "disk is full" in answer.text
    assert db.session.scalar(select(func.count(Attachment.id))) == 0


def test_evidence_added_from_a_units_page_is_claimed_in_that_unit_first(alice: FlaskClient, world: World) -> None:
    unit = world.inscc004.id
    assert f'href="/evidence/new?unit={unit}"' in alice.get(f"/attempts/{unit}").text
    page = alice.get(f"/evidence/new?unit={unit}").text
    assert f'name="unit" value="{unit}"' in page
    assert post(alice, unit=unit).location.endswith(f"/criteria?unit={unit}")
    saved = alice.post("/evidence/draft", data={"changed": "title", "title": "Call", "key": "k" * 20, "unit": unit})
    assert saved.json["action"].endswith(f"/edit?unit={unit}")
    assert f'name="unit" value="{unit}"' in alice.get(saved.json["address"]).text
