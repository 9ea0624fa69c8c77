"""What a verifier chooses and an assessor answers is kept in the browser until it is saved, and is counted."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.assessment import workflow
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import start_session, time_out
from tests.verification.steps import disagree, find_live_decision

pytestmark = pytest.mark.browser
ACTION = "Listen to the call of 3 October again, and say what was agreed."
CHOSEN = "[data-unsaved-choices]"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def verify_page(live_server: LiveServer, context: BrowserContext) -> Page:
    """Carol's page on which she samples Alice's CFACC15, which Alice has confirmed."""
    with live_server.open_world() as world:
        workflow.sign(world, world.cfacc15, "A steady record.")
        workflow.confirm(world.cfacc15)
    start_session(live_server, context, live_server.world.carol)
    page = context.new_page()
    page.goto(f"{live_server.address}/attempts/{live_server.world.cfacc15.id}/verify")
    return page


def choose(page: Page) -> None:
    """Agree with the first decision, and write an action for the second."""
    page.locator("fieldset.sample-decision input[value=agree]").first.check()
    second = page.locator("fieldset.sample-decision").nth(1)
    second.locator("input[value=disagree]").check()
    second.locator("textarea").fill(ACTION)


def check_choices(page: Page) -> None:
    expect(page.locator("fieldset.sample-decision input[value=agree]").first).to_be_checked()
    second = page.locator("fieldset.sample-decision").nth(1)
    expect(second.locator("input[value=disagree]")).to_be_checked()
    expect(second.locator("textarea")).to_have_value(ACTION)


def test_choices_and_actions_come_back_after_leaving_by_a_link(verify_page: Page) -> None:
    choose(verify_page)
    expect(verify_page.locator(".act-bar")).to_contain_text("2 chosen, not saved")
    verify_page.click("text=Form as it will print")
    expect(verify_page.locator(".act-bar")).to_contain_text("2 chosen, not saved")
    verify_page.locator(".act-bar").get_by_role("link", name="Sign", exact=True).click()
    expect(verify_page.locator("main")).to_contain_text("2 chosen, not saved: save your sample first")
    verify_page.click("text=save your sample first")
    check_choices(verify_page)
    verify_page.reload()
    check_choices(verify_page)


def test_a_saved_sample_leaves_nothing_counted_as_not_saved(verify_page: Page) -> None:
    choose(verify_page)
    verify_page.click("text=Save and continue")
    verify_page.wait_for_selector("text=Sample saved")
    for place in verify_page.locator(CHOSEN).all():
        expect(place).to_be_empty()


def test_choices_come_back_after_the_session_has_ended(
    verify_page: Page, live_server: LiveServer, context: BrowserContext
) -> None:
    verify_page.locator("fieldset.sample-decision input[value=agree]").first.check()
    verify_page.evaluate("localStorage.clear()")  # only the server's copy is left
    time_out(live_server)
    verify_page.click("text=Save and continue")
    verify_page.wait_for_selector("text=is kept for 24 hours")
    start_session(live_server, context, live_server.world.carol)
    verify_page.goto(verify_page.url)
    expect(verify_page.locator("fieldset.sample-decision input[value=agree]").first).to_be_checked()


def test_a_response_to_an_action_point_comes_back(live_server: LiveServer, context: BrowserContext) -> None:
    with live_server.open_world() as world:
        workflow.meet_everything(world, world.cfacc15)
        disagree(world, find_live_decision(world.cfacc15, "6"))
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}/attempts/{live_server.world.cfacc15.id}/sign")
    page.get_by_label("Your response").fill(ACTION)
    page.wait_for_selector("text=Kept in this browser, not saved yet.")
    page.goto(f"{live_server.address}/queue")
    page.go_back()
    page.reload()
    expect(page.get_by_label("Your response")).to_have_value(ACTION)


def test_one_key_samples_an_item_and_a_decision_can_then_be_changed(verify_page: Page) -> None:
    fieldsets = verify_page.locator("fieldset.sample-decision")
    expect(verify_page.locator("fieldset.sample-decision input:checked")).to_have_count(0)
    fieldsets.nth(1).locator("input[value=disagree]").check()
    fieldsets.nth(1).locator("textarea").fill(ACTION)
    verify_page.locator("h1").click()
    verify_page.keyboard.press("i")
    check_choices(verify_page)
    expect(verify_page.locator(".act-bar")).to_contain_text(f"{fieldsets.count()} chosen, not saved")
    verify_page.click("text=Save and continue")
    verify_page.wait_for_selector("text=23 agreed and 1 disagreed")
