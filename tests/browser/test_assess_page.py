"""The page on which an assessor decides: its header stays while keys move through the claims, its buttons on a phone."""

import pytest
from playwright.sync_api import Browser, expect

from tests.assessment import workflow
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session
from tests.records.observations import observe

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


def test_a_record_that_is_not_agreed_to_has_no_keys_to_accept_or_return_it(
    live_server: LiveServer, browser: Browser
) -> None:
    with live_server.open_world() as world:
        record = observe(world.cfacc15, world.bob)
        path = f"/attempts/{world.cfacc15.id}/evidence/{record.id}/assess"
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(30_000)
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(live_server.address + path)
    for key in ("y", "r", "?"):
        page.keyboard.press(key)
    keys = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(keys.get_by_text("All others met")).to_be_visible()
    expect(keys.get_by_text("Accept", exact=True)).to_have_count(0)
    expect(keys.get_by_text("Return", exact=True)).to_have_count(0)
    assert errors == []
    context.close()


def test_count_and_buttons_stay_in_reach_on_a_phone(live_server: LiveServer, browser: Browser) -> None:
    with live_server.open_world() as world:
        evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", *LABELS)
        path = f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assess"
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    context.set_default_timeout(30_000)
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(live_server.address + path)
    accept = page.get_by_role("button", name="Accept")
    count = page.locator("[data-assess-count]")
    for part in (accept, page.get_by_role("button", name="Return to Alice"), count):
        expect(part).to_be_in_viewport(ratio=1)
    page.get_by_role("link", name="Go to decisions").click()
    all_met = page.get_by_role("button", name="All others met")
    first = page.locator("fieldset.assess-item").first
    expect(all_met).to_be_in_viewport()
    expect(first.locator(".outcomes")).to_be_in_viewport()
    tops = first.locator(".outcomes .choice").evaluate_all(
        "each => each.map((one) => one.getBoundingClientRect().top)"
    )
    assert len(set(tops)) == 1
    all_met.click()
    expect(count).to_have_text("All 12 decided")
    for part in (page.get_by_label("Valid"), accept, count):
        expect(part).to_be_in_viewport(ratio=1)
    context.close()
