"""The filled form of an attempt as PDF."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.factories import World
from tests.recording_forms.tagged_pdf import Sheet
from tracker.errors import FormNotRendered
from tracker.models import Person, UnitAttempt
from tracker.recording_forms.views import forms as views

pytestmark = pytest.mark.one_database

Client = Callable[[Person], FlaskClient]


def test_only_met_claims_are_ticked(client: Client, world: World, assessed: UnitAttempt) -> None:
    sheet = Sheet(client(world.alice).get(f"/attempts/{assessed.id}/form.pdf").data)
    rows = sheet.tables[0][2:]
    assert [row[0].text for row in rows] == ["1", "2"]
    assert [row[1].text.split(" (")[0] for row in rows] == [
        "Billing dispute settled",
        "Escalation log <b>weeks</b> 10–14",
    ]
    marks = [{cell.heads[1:]: cell.text for cell in row[2:] if cell.text} for row in rows]
    performance, knowledge = "Performance Criteria", "Knowledge and Understanding"
    assert marks == [
        {(performance, "1"): "✓", (performance, "2"): "◐"},
        {(performance, "2"): "○", (knowledge, "a"): "○"},
    ]


def test_an_unsigned_form_names_the_candidate_and_the_assessor(
    client: Client, world: World, assessed: UnitAttempt
) -> None:
    text = Sheet(client(world.bob).get(f"/attempts/{assessed.id}/form.pdf").data).text
    assert all(words in text for words in ("Alice Moran", "Bob Archer", assessed.registration.candidate_number))
    assert "in progress" in text
    assert "Carol Hughes" not in text


def test_printing_twice_gives_the_same_bytes(client: Client, world: World, assessed: UnitAttempt) -> None:
    browser = client(world.alice)
    first, second = (browser.get(f"/attempts/{assessed.id}/form.pdf").data for _ in range(2))
    assert first == second


def test_the_form_is_not_found_for_another_centre(client: Client, world: World, assessed: UnitAttempt) -> None:
    for person in (world.frank, world.grace, world.heidi):
        assert client(person).get(f"/attempts/{assessed.id}/form.pdf").status_code == 404


@pytest.mark.usefixtures("full_queue")
def test_an_index_or_a_blank_form_that_has_to_wait_shows_a_page_that_tries_again(
    client: Client, world: World, assessed: UnitAttempt
) -> None:
    browser = client(world.alice)
    for path in (f"/units/{assessed.unit.slug}/form.pdf", "/evidence/index.pdf"):
        answer = browser.get(path)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == answer.headers["Refresh"] == "5"
        assert "This page tries again every 5 seconds until the form is ready." in answer.text
    assert browser.get(f"/attempts/{assessed.id}").status_code == 200


@pytest.mark.usefixtures("full_queue")  # which keeps no form of an earlier test
def test_a_form_that_cannot_be_rendered_shows_an_error(
    client: Client, world: World, assessed: UnitAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_facts: object, _person_id: int) -> bytes:
        raise FormNotRendered("the process died")

    monkeypatch.setattr(views, "print_unissued", fail)
    answer = client(world.alice).get(f"/attempts/{assessed.id}/form.pdf")
    assert answer.status_code == 503
    assert "Everything on it is saved" in answer.text
    assert "process" not in answer.text
