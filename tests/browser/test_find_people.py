"""Finding a person for a field by typing, where a centre has too many people to offer them all."""

import pytest
from playwright.sync_api import Browser, expect

from tests import factories
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session
from tracker.ledger.transactions import transaction
from tracker.registrations import person_choices
from tracker.vocabulary import Role

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [390, 1280])
def test_a_candidate_is_found_and_chosen_with_the_keyboard(
    live_server: LiveServer, browser: Browser, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(person_choices, "MAX_CHOICES", 2)
    with live_server.open_world() as world, transaction():
        for name in ("Ivy Okafor", "Ivan Petrov", "Ivor Lane", "Mo Salah"):
            factories.make_person(name, world.northgate, Role.CANDIDATE)
    context = browser.new_context(locale="en-GB", viewport={"width": width, "height": 844})
    start_session(live_server, context, live_server.world.dan)
    page = context.new_page()
    page.goto(f"{live_server.address}/centres/{live_server.world.northgate.id}/registrations/new")
    find, candidate = page.get_by_label("Find a candidate"), page.get_by_label("Candidate", exact=True)
    status = page.locator('[data-found="find_candidate"]')
    expect(candidate.locator("option", has_text="Ivy Okafor")).to_have_count(0)
    find.press_sequentially("iv")
    expect(status).to_have_text("More people match than are shown. Enter more of the name.")
    find.press_sequentially("y")
    expect(status).to_have_text("1 found")
    find.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(candidate).to_be_focused()
    page.keyboard.press("I")
    expect(candidate.locator("option:checked")).to_contain_text("Ivy Okafor")
    find.fill("nobody at all")
    expect(status).to_have_text("Nobody matches.")
    expect(candidate.locator("option:checked")).to_contain_text("Ivy Okafor")
    context.clear_cookies()
    find.fill("mo")
    expect(status).to_have_text("The search did not work. Press Find to try again.")
    context.close()
