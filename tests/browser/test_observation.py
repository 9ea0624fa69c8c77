"""An observation on a tablet and a phone: stamped by pointer and keyboard, offline in the middle, and without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlalchemy import select

from tests import factories
from tests.browser.accessibility import bring_axe, find_violations
from tests.browser.conftest import LiveServer
from tests.browser.test_unsaved_text import count_copies, start_session, wait_until_no_copy_is_left
from tests.portfolio import files
from tracker.extensions import db
from tracker.models import Claim, Evidence

pytestmark = pytest.mark.browser
TABLET, PHONE = (1024, 768), (390, 844)
SAVED = re.compile("^Saved")


def open_context(browser: Browser, size: tuple[int, int], *, has_scripts: bool = True) -> BrowserContext:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, java_script_enabled=has_scripts, locale="en-GB"
    )
    context.set_default_timeout(30_000)
    return context


@pytest.fixture(params=[TABLET, PHONE], ids=["tablet", "phone"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    context = open_context(browser, request.param)
    bring_axe(context)
    yield context
    context.close()


def begin(live_server: LiveServer, context: BrowserContext) -> Page:
    """Let Bob begin an observation of Alice on the page of her unit."""
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}/attempts/{live_server.world.cfacc15.id}")
    page.click("button:has-text('Write an observation')")
    page.wait_for_url("**/records/*/edit")
    return page


def find_stamp(page: Page, live_server: LiveServer, mark: str) -> str:
    """Return the selector of the button that stamps a criterion of CFACC15."""
    with live_server.app.app_context():
        attempt = db.session.merge(live_server.world.cfacc15)
        criterion = factories.criterion(attempt, mark)
        return f"button[value='stamp-{attempt.id}-{criterion.id}']"


def read_narrative(live_server: LiveServer) -> str:
    with live_server.app.app_context():
        return db.session.scalars(select(Evidence.narrative)).one()


def wait_until_saved(page: Page, live_server: LiveServer, narrative: str) -> None:
    """Wait until the server has a narrative. The page says “Saved” from the beginning."""
    for _ in range(200):
        if read_narrative(live_server) == narrative:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"the server has {read_narrative(live_server)!r}")


def check_page(page: Page, width: int) -> None:
    assert list(find_violations(page)) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def check_lines_do_not_overlap(upper: Locator, lower: Locator) -> None:
    above, below = upper.bounding_box(), lower.bounding_box()
    assert above
    assert below
    assert above["y"] + above["height"] <= below["y"]


def test_criteria_are_stamped_by_pointer_and_by_keyboard(live_server: LiveServer, context: BrowserContext) -> None:
    page = begin(live_server, context)
    narrative, status = page.locator("[name=narrative]"), page.locator("[data-stamp-status]")
    narrative.fill("She took the call.")
    page.click(find_stamp(page, live_server, "5"))
    expect(narrative).to_have_value(re.compile(r"^She took the call\. \[\d\d:\d\d 5\] $"))
    expect(status).to_contain_text("Stamped 5 at")
    expect(page.locator("[data-stamp-count]").first).to_have_text("1")
    check_lines_do_not_overlap(status, page.locator("[data-autosave-status]"))
    status.get_by_role("button", name="Undo").click()
    expect(narrative).to_have_value("She took the call.")
    expect(page.locator("[data-stamp-count]").first).to_have_text("0")
    page.focus(find_stamp(page, live_server, "6"))
    page.keyboard.press("Enter")
    expect(narrative).to_have_value(re.compile(r"^She took the call\. \[\d\d:\d\d 6\] $"))
    page.focus(find_stamp(page, live_server, "5"))
    page.keyboard.press("Space")
    expect(narrative).to_have_value(re.compile(r"\[\d\d:\d\d 6(, 5\]|\] \[\d\d:\d\d 5\]) $"))
    wait_until_saved(page, live_server, narrative.input_value())
    expect(page.locator("[data-autosave-status]")).to_have_text(SAVED)
    check_page(page, page.viewport_size["width"] if page.viewport_size else 0)


def test_a_stamp_goes_where_the_cursor_is(live_server: LiveServer, context: BrowserContext) -> None:
    page = begin(live_server, context)
    narrative = page.locator("[name=narrative]")
    narrative.fill("She took the call. She said why.")
    narrative.focus()
    narrative.evaluate("(field) => field.setSelectionRange(18, 18)")
    page.keyboard.press("Shift")  # a key lets the page know where the cursor is
    page.click(find_stamp(page, live_server, "5"))
    expect(narrative).to_have_value(re.compile(r"^She took the call\. \[\d\d:\d\d 5\] She said why\.$"))


def test_nothing_is_lost_offline_and_by_closing_the_tab_and_nothing_is_left_after_signing_out(
    live_server: LiveServer, context: BrowserContext
) -> None:
    page = begin(live_server, context)
    page.fill("[name=place]", "Leeds, floor 2")
    page.fill("[name=narrative]", "She took the call.")
    wait_until_saved(page, live_server, "She took the call.")
    address = page.url

    context.set_offline(True)
    page.fill("[name=narrative]", "She took the call. She said why.")
    page.click(find_stamp(page, live_server, "5"))
    page.fill("[name=feedback]", "You explained the cause.")
    expect(page.locator("[data-autosave-status]")).to_contain_text("there is no connection")
    typed = page.input_value("[name=narrative]")
    page.close()
    assert read_narrative(live_server) == "She took the call."

    context.set_offline(False)
    page = context.new_page()
    page.goto(address)
    expect(page.locator("[name=narrative]")).to_have_value(typed)
    expect(page.locator("[name=feedback]")).to_have_value("You explained the cause.")
    expect(page.locator("[data-stamp-count]").first).to_have_text("1")
    page.get_by_text("and is saved now.").wait_for()
    wait_until_saved(page, live_server, typed)

    page.fill("[name=ends]", "23:59")
    page.click("button:has-text('Finish and send to Alice')")
    page.wait_for_url("**/finish")
    check_page(page, page.viewport_size["width"] if page.viewport_size else 0)
    page.check("[name=declared]")
    page.click("button:has-text('Finish and send to Alice')")
    page.get_by_text("Finished as evidence 1.").wait_for()
    check_page(page, page.viewport_size["width"] if page.viewport_size else 0)
    wait_until_no_copy_is_left(page)
    page.goto(f"{live_server.address}/my-account")
    page.locator("form[data-sign-out] button").first.click()
    page.wait_for_url("**/sign-in*")
    assert count_copies(page) == 0
    assert page.evaluate("Object.values(localStorage).some((value) => value.includes('She took the call'))") is False


def test_a_photograph_is_added_and_removed(live_server: LiveServer, context: BrowserContext) -> None:
    page = begin(live_server, context)
    page.get_by_role("link", name="Add a photograph").click()
    expect(page.locator("#files")).to_be_in_viewport()
    photo = {"name": "IMG_0412.jpg", "mimeType": "image/jpeg", "buffer": files.picture()}
    page.set_input_files("#files", [photo])
    expect(page.locator("[data-upload-list] img.thumbnail")).to_be_visible()
    check_page(page, page.viewport_size["width"] if page.viewport_size else 0)
    page.reload()
    expect(page.get_by_role("link", name="IMG_0412.jpg")).to_be_visible()
    page.locator("[data-upload-list] summary").click()
    page.get_by_role("button", name="Remove the file IMG_0412.jpg").click()
    expect(page.get_by_role("link", name="IMG_0412.jpg")).to_have_count(0)


def test_an_observation_is_stamped_and_finished_without_scripts(live_server: LiveServer, browser: Browser) -> None:
    context = open_context(browser, PHONE, has_scripts=False)
    page = begin(live_server, context)
    page.fill("[name=place]", "Leeds, floor 2")
    page.fill("[name=narrative]", "She took the call.")
    page.fill("[name=ends]", "23:59")
    page.click(find_stamp(page, live_server, "5"))
    page.get_by_text("Stamped 5.").wait_for()
    assert re.fullmatch(r"She took the call\. \[\d\d:\d\d 5\] ", page.input_value("[name=narrative]"))
    page.click("button:has-text('Finish and send to Alice')")
    page.wait_for_url("**/finish")
    page.check("[name=declared]")
    page.click("button:has-text('Finish and send to Alice')")
    page.get_by_text("Finished as evidence 1.").wait_for()
    with live_server.app.app_context():
        assert len(db.session.scalars(select(Claim.id)).all()) == 1
    context.close()
