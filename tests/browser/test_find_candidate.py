"""Finding a candidate among the boxes of a visit."""

import pytest
from playwright.sync_api import Browser, expect

from tests import factories
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session
from tracker.ledger.transactions import transaction
from tracker.vocabulary import Role

pytestmark = pytest.mark.browser


def test_only_candidates_with_the_words_and_ticked_ones_are_shown(live_server: LiveServer, browser: Browser) -> None:
    with live_server.open_world() as world, transaction():
        for number in range(12):
            candidate = factories.make_person(f"Candidate {number:02}", world.northgate, Role.CANDIDATE)
            registration = factories.make_registration(candidate, world.northgate, world.dan)
            factories.make_attempt(registration, "CFACC15")
    context = browser.new_context(locale="en-GB")
    start_session(live_server, context, live_server.world.dan)
    page = context.new_page()
    page.goto(f"{live_server.address}/centres/{live_server.world.northgate.id}/visits")
    page.get_by_label("Candidate 03: 1 unit").check()
    find = page.get_by_label("Find a candidate")
    find.fill("alice")
    expect(page.get_by_label("Alice Moran: all 2 units")).to_be_visible()
    expect(page.get_by_label("Candidate 03: 1 unit")).to_be_visible()
    expect(page.get_by_label("Candidate 04: 1 unit")).to_be_hidden()
    find.press("Enter")
    expect(page.get_by_role("heading", name="Visits")).to_be_visible()
    expect(find).to_have_value("alice")
    context.close()
