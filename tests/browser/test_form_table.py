"""The table of the recording form where it is signed: on a phone it says that it scrolls sideways."""

import pytest
from playwright.sync_api import Browser, expect

from tests.assessment import workflow
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session

pytestmark = pytest.mark.browser


def test_a_table_wider_than_the_window_says_that_it_scrolls(live_server: LiveServer, browser: Browser) -> None:
    with live_server.open_world() as world:
        workflow.sign(world, world.cfacc15)
        path = f"/attempts/{world.cfacc15.id}/confirm"
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    context.set_default_timeout(30_000)
    start_session(live_server, context, live_server.world.alice)
    page = context.new_page()
    page.goto(live_server.address + path)
    hint = page.get_by_text("Scroll it sideways to see all 24 criteria")
    expect(hint).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 844})
    expect(hint).to_be_hidden()
    context.close()
