"""The page on which an assessor decides: its header stays where it is while keys move through the claims."""

import pytest
from playwright.sync_api import Browser

from tests.assessment import workflow
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session

pytestmark = pytest.mark.browser
LABELS = [str(number) for number in range(1, 13)]


def test_keys_do_not_scroll_the_header_away(live_server: LiveServer, browser: Browser) -> None:
    with live_server.open_world() as world:
        evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", *LABELS)
        path = f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(30_000)
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(live_server.address + path)
    for key in ("m", "m", "a", "v"):
        page.keyboard.press(key)
        assert page.evaluate("[window.scrollY, document.body.scrollTop]") == [0, 0]
    context.close()
