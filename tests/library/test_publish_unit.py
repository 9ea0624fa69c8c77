"""The page to publish a unit: open doubts, the password, and a unit the whole centre can use."""

import html
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.factories import PASSWORD, World
from tests.library.centre_units import publish_centre_unit, read_unit
from tests.library.drafts import make_draft
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Unit, UnitAttempt

ClientFor = Callable[..., FlaskClient]


@pytest.fixture
def draft_id(world: World) -> int:
    with transaction():
        return make_draft(world.northgate, world.dan).id


def publish(browser: FlaskClient, draft_id: int, **changes: object) -> TestResponse:
    fields = {"seen": 1, "doubts": ["0", "1"], "password": PASSWORD, **changes}
    return browser.post(f"/unit-drafts/{draft_id}/publish", data=fields)


def published() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Unit.slug).where(Unit.owner_centre_id.is_not(None))))


def test_page_lists_open_doubts_and_text_not_used(world: World, client: ClientFor, draft_id: int) -> None:
    page = client(world.dan).get(f"/unit-drafts/{draft_id}/publish").text
    for words in (
        "No version is printed. 1 is assumed.",
        "1 passage of the source not used",
        "5 performance criteria and 1 knowledge item",
    ):
        assert words in page


def test_password_publishes_the_unit_and_the_page_confirms_it(
    world: World, client: ClientFor, draft_id: int, recorded_acts: Callable[[], list[str]]
) -> None:
    dan = client(world.dan)
    answer = publish(dan, draft_id)
    assert answer.location == "/units/local7"
    assert "LOCAL7 is published. Candidates of your centre can be registered for it." in dan.get("/units/local7").text
    assert dan.get(f"/unit-drafts/{draft_id}").location == "/units/local7"
    assert recorded_acts()[-1] == "unit_published"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "wrong password"}, "That is not your password."),
        ({"password": ""}, "Enter your password to publish."),
        ({"doubts": ["0"]}, "Tick every point that you accept as read"),
        ({"doubts": []}, "Tick every point that you accept as read"),
        ({"seen": 0}, "Somebody changed this unit since you opened the page."),
    ],
)
def test_missing_password_or_acceptance_publishes_nothing(
    world: World, client: ClientFor, draft_id: int, changes: dict[str, object], message: str
) -> None:
    answer = publish(client(world.dan), draft_id, **changes)
    assert answer.status_code in {409, 422}
    assert message in answer.text
    assert published() == []


def test_wrong_password_keeps_the_ticks(world: World, client: ClientFor, draft_id: int) -> None:
    assert publish(client(world.dan), draft_id, password="no").text.count(" checked>") == 2


def test_draft_with_problems_shows_no_password_field(world: World, client: ClientFor) -> None:
    with transaction():
        draft = make_draft(world.northgate, world.dan, title="")
    page = client(world.dan).get(f"/unit-drafts/{draft.id}/publish").text
    assert "Correct these points first" in page
    assert 'type="password"' not in page


def test_form_sent_twice_publishes_once(world: World, client: ClientFor, draft_id: int) -> None:
    dan = client(world.dan)
    for _ in range(2):
        assert publish(dan, draft_id, idempotency_key="one").location == "/units/local7"
    assert published() == ["local7"]


def test_assessors_see_a_shared_draft_and_its_blank_form(world: World, client: ClientFor, draft_id: int) -> None:
    dan, bob = client(world.dan), client(world.bob)
    address = f"/unit-drafts/{draft_id}/unit"
    assert bob.get(address).status_code == 404
    assert "Answer difficult calls" not in bob.get("/units").text
    assert dan.post(f"/unit-drafts/{draft_id}/share", data={"seen": 1}).status_code == 303
    page = bob.get(address).text
    assert "Draft</span>" in page
    assert "Candidates cannot be registered for it" in page
    assert address in bob.get("/units").text
    assert bob.get(f"/unit-drafts/{draft_id}/form.pdf").data.startswith(b"%PDF")
    for person in (world.alice, world.carol, world.grace, world.heidi):
        assert client(person).get(address).status_code == 404
        assert address not in client(person).get("/units").text


def test_discarded_draft_is_in_no_list(world: World, client: ClientFor, draft_id: int) -> None:
    dan = client(world.dan)
    dan.post(f"/unit-drafts/{draft_id}/share", data={"seen": 1})
    assert dan.post(f"/unit-drafts/{draft_id}/discard").status_code == 303
    for path in ("/units", "/", f"/centres/{world.northgate.id}/units/add"):
        assert "Answer difficult calls" not in dan.get(path).text
    assert dan.get(f"/unit-drafts/{draft_id}").status_code == 404


def test_correction_and_new_edition_start_drafts(world: World, client: ClientFor, draft_id: int) -> None:
    dan = client(world.dan)
    publish(dan, draft_id)
    page = dan.get("/units/local7").text
    assert "Correct our transcription" in page
    assert "Add a new edition" in page
    answer = dan.post("/units/local7/correct")
    assert "version 1, revision 2" in dan.get(answer.location).text
    answer = dan.post("/units/local7/correct", data={"edition": "y"})
    assert "version 2, revision 1" in dan.get(answer.location).text
    assert "Correct our transcription" not in client(world.bob).get("/units/local7").text


def test_installation_unit_page_names_its_file(world: World, client: ClientFor) -> None:
    page = client(world.dan).get("/units/cfacc15").text
    assert "comes from a file in <b>standards/units</b>" in page
    answer = client(world.dan).post("/units/cfacc15/correct")
    assert answer.status_code == 409
    assert "system operator corrects it there" in answer.text


# --- a centre's own unit, everywhere in that centre and nowhere else -------------------------------------


def test_candidate_can_be_registered_for_a_published_unit(world: World, client: ClientFor, draft_id: int) -> None:
    dan = client(world.dan)
    publish(dan, draft_id)
    unit = db.session.scalars(select(Unit).where(Unit.slug == "local7")).one()
    assert "LOCAL7 Answer difficult calls" in dan.get(f"/centres/{world.northgate.id}/registrations/new").text
    assert "LOCAL7" not in client(world.heidi).get(f"/centres/{world.southbank.id}/registrations/new").text
    dan.post(f"/registrations/{world.registration.id}/units", data={"unit": unit.id})
    attempt = db.session.scalars(select(UnitAttempt).where(UnitAttempt.unit_id == unit.id)).one()
    page = client(world.alice).get(f"/attempts/{attempt.id}").text
    assert "thank the colleague" in page
    assert dan.get(f"/attempts/{attempt.id}/form.pdf").data.startswith(b"%PDF")


def test_other_centre_never_sees_the_unit(world: World, client: ClientFor, draft_id: int) -> None:
    publish(client(world.dan), draft_id)
    unit = db.session.scalars(select(Unit.id).where(Unit.slug == "local7")).one()
    frank, heidi = client(world.frank), client(world.heidi)
    for browser in (frank, heidi):
        assert browser.get("/units/local7").status_code == 404
        assert browser.get("/units/local7/form.pdf").status_code == 404
        assert "local7" not in browser.get("/units?q=thank").text
    assert heidi.post("/units/local7/correct").status_code == 404
    assert (
        heidi.post(f"/registrations/{world.franks_attempt.registration_id}/units", data={"unit": unit}).status_code
        == 404
    )


def test_everyone_at_the_centre_can_print_its_blank_form(world: World, client: ClientFor, draft_id: int) -> None:
    publish(client(world.dan), draft_id)
    assert client(world.alice).get("/units/local7/form.pdf").data.startswith(b"%PDF")


def test_lapsed_unit_takes_no_new_registration(world: World, client: ClientFor) -> None:
    lapsed = read_unit(metadata={**read_unit().metadata, "last_registration_on": "31 January 2024"})
    unit = publish_centre_unit(world.northgate, lapsed)
    dan = client(world.dan)
    assert "Lapsed for new registrations since 31 January 2024." in dan.get("/units/local7").text
    answer = dan.post(f"/registrations/{world.registration.id}/units", data={"unit": unit.id})
    assert answer.status_code == 409
    assert "LOCAL7 lapsed for new registrations since 31 January 2024." in html.unescape(answer.text)
    fields = {
        "candidate": world.alice.id, "candidate_number": "N9", "awarding_body_number": "A9", "awarding_body_date": "2026-09-01",
        "units": [unit.id], "assessor": 0, "internal_verifier": 0,
    }  # fmt: skip
    answer = dan.post(f"/centres/{world.northgate.id}/registrations/new", data=fields)
    assert answer.status_code == 422
    assert "lapsed for new registrations" in answer.text


def test_draft_without_stored_source_says_so(world: World, client: ClientFor) -> None:
    publish_centre_unit(world.northgate)
    dan = client(world.dan)
    address = dan.post("/units/local7/correct").location
    assert "No source document is stored with this draft." in dan.get(address).text
    assert dan.get(f"{address}/source").status_code == 404
