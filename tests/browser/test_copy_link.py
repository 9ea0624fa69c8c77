"""The button that copies an invitation link."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session
from tests.factories import make_person
from tracker.ledger.transactions import transaction
from tracker.vocabulary import Role

pytestmark = pytest.mark.browser


def test_copy_puts_the_persons_link_on_the_clipboard(live_server: LiveServer, browser: Browser) -> None:
    with live_server.open_world() as world, transaction():
        for name in ("Ivy Okafor", "Jack Lee"):
            make_person(name, world.northgate, Role.CANDIDATE).password_hash = None
    context = browser.new_context(locale="en-GB", permissions=["clipboard-read", "clipboard-write"])
    start_session(live_server, context, live_server.world.dan)
    page = context.new_page()
    page.goto(f"{live_server.address}/centres/{live_server.world.northgate.id}/people/invitation-links")
    page.get_by_role("button", name="Show the links").click()
    page.get_by_role("button", name="Copy the link of Jack Lee").click()
    expect(page.get_by_text("Copied")).to_have_count(1)
    link = page.get_by_role("row", name="Jack Lee").locator("code").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == link
    context.close()
