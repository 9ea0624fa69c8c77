"""Remarks on evidence in a browser: pins by pointer and by keyboard, paragraphs, moments of a recording, answers."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.browser.accessibility import bring_axe
from tests.browser.conftest import LiveServer
from tests.browser.test_discussion import wait_until
from tests.browser.test_observation import PHONE, check_page, open_context
from tests.browser.test_unsaved_text import start_session
from tests.portfolio.files import picture
from tests.records.recordings import make_wav
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import FeedbackRemark, VersionAttachment
from tracker.portfolio.services.files import attach_file, store_file

pytestmark = pytest.mark.browser
DESKTOP = (1280, 900)


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    context = open_context(browser, request.param)
    bring_axe(context)
    yield context
    context.close()


def submit(live_server: LiveServer) -> tuple[str, str]:
    """Submit an item of Alice with a picture and a recording. Return the addresses of Bob's page and of hers."""
    with live_server.open_world() as world:
        account = "I took the call.\n\nI wrote it down and read it back to her."
        with transaction():
            item = factories.make_evidence(world.cfacc15, "Complaint", narrative=account)
            factories.claim(world.cfacc15, item, "1")
            files = [
                attach_file(item, store_file(BytesIO(content), name))
                for name, content in (("letter.jpg", picture(size=(600, 800))), ("call.wav", make_wav(8_000)))
            ]
            version = factories.submit(item)
            for number, file in enumerate(files, start=1):
                factories.add_and_flush(
                    VersionAttachment(version_id=version.id, attachment_id=file.id, position=number)
                )
            factories.leave_unsealed()
        return f"/attempts/{world.cfacc15.id}/evidence/{item.id}/assess", f"/evidence/{item.id}"


def check(page: Page) -> None:
    check_page(page, page.viewport_size["width"] if page.viewport_size else 0)


def add(page: Page, text: str) -> None:
    page.fill("[name=remark_text]", text)
    page.get_by_role("button", name="Add remark").click()
    expect(page.locator(".remark", has_text=text)).to_be_visible()


def list_remarks(live_server: LiveServer) -> list[FeedbackRemark]:
    with live_server.app.app_context():
        remarks = list(db.session.scalars(select(FeedbackRemark).order_by(FeedbackRemark.id)))
        db.session.expunge_all()
        return remarks


def test_pins_are_put_by_pointer_and_moved_by_keyboard(live_server: LiveServer, context: BrowserContext) -> None:
    address, own = submit(live_server)
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}{address}")
    page.click("summary:has-text('Add a remark')")
    image = page.locator(".pinned-page img").first
    wait_until(page, "document.querySelector('.pinned-page img').naturalWidth > 0")
    box = image.bounding_box()
    assert box
    image.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    expect(page.locator("[name=remark_text]")).to_be_focused()
    check(page)
    add(page, "Whose signature is this?")
    page.click("summary:has-text('Add a remark')")
    page.select_option("[name=remark_place]", index=3)
    page.get_by_role("button", name="Put a pin on the page").click()
    expect(page.locator(".new-pin")).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("[name=remark_text]")).to_be_focused()
    add(page, "And this date?")
    check(page)
    page.click("summary:has-text('Add a remark')")
    page.locator(".pinned-paragraph").nth(1).locator("p").first.click()
    add(page, "To whom?")
    pin, moved, paragraph = list_remarks(live_server)
    assert pin.region_x is not None
    assert pin.region_y is not None
    assert (abs(pin.region_x - 250) <= 10, abs(pin.region_y - 500) <= 10) == (True, True)
    assert (moved.region_x, moved.region_y) == (520, 450)
    assert (paragraph.paragraph, paragraph.attachment_id) == (2, None)
    page.locator(f"#pin-{pin.id}").click()
    assert page.url.endswith(f"#remark-{pin.id}")
    accept_and_answer(live_server, context, page, own)


def test_a_region_that_is_dragged_beyond_the_picture_ends_at_its_edge(
    live_server: LiveServer, context: BrowserContext
) -> None:
    address, _ = submit(live_server)
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}{address}")
    page.click("summary:has-text('Add a remark')")
    wait_until(page, "document.querySelector('.pinned-page img').naturalWidth > 0")
    image = page.locator(".pinned-page img").first
    image.scroll_into_view_if_needed()
    box = image.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 3, box["y"] + box["height"] / 4, steps=4)
    page.mouse.up()
    expect(page.locator("[name=remark_text]")).to_be_focused()
    add(page, "Whose address is this?")
    (remark,) = list_remarks(live_server)
    assert remark.region_x == 0
    assert (remark.region_width or 0) >= 490


def accept_and_answer(live_server: LiveServer, context: BrowserContext, page: Page, own: str) -> None:
    """Let Bob accept the item, and Alice read and answer."""
    page.locator("input[type=radio][value=met]").first.check()
    for name in ("valid", "authentic", "current"):
        page.check(f"[name={name}]")
    if page.locator("[name=warnings_reason]").count():
        page.fill("[name=warnings_reason]", workflow.WARNINGS_REASON)
    page.get_by_role("button", name="Accept", exact=True).click()
    page.wait_for_url("**/queue**")
    with live_server.app.app_context():
        for remark in db.session.scalars(select(FeedbackRemark)).all():
            workflow.release(remark.assessment_id)
    start_session(live_server, context, live_server.world.alice)
    page.goto(f"{live_server.address}{own}")
    check(page)
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator(".remark", has_text="You read it on")).to_have_count(3)
    shown = page.locator(".remark", has_text="To whom?")
    shown.locator("summary").click()
    shown.locator("textarea").fill("To the customer.")
    shown.get_by_role("button", name="Send answer").click()
    expect(page.locator(".remark-answer")).to_contain_text("To the customer.")
    check(page)


def test_a_paused_recording_gives_its_time(live_server: LiveServer, context: BrowserContext) -> None:
    address, _ = submit(live_server)
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}{address}")
    page.click("summary:has-text('Add a remark')")
    page.evaluate(
        """async () => { const sound = document.querySelector("audio"); sound.muted = true; await sound.play();
           sound.currentTime = 5; await new Promise((done) => { setTimeout(done, 300); }); sound.pause(); }"""
    )
    expect(page.locator("[name=remark_time]")).to_have_value("0:05")
    add(page, "What did you promise here?")
    (remark,) = list_remarks(live_server)
    assert (remark.second, remark.page) == (5, None)
    expect(page.locator("a.play", has_text="0:05").first).to_be_visible()


def test_a_remark_is_added_without_scripts(live_server: LiveServer, browser: Browser) -> None:
    address, _ = submit(live_server)
    context = open_context(browser, PHONE, has_scripts=False)
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}{address}")
    page.click("summary:has-text('Add a remark')")
    page.select_option("[name=remark_place]", label="letter.jpg")
    page.click("summary:has-text('Place on the page')")
    for name, value in (("x", "10"), ("y", "20.5"), ("width", "30"), ("height", "4")):
        page.fill(f"[name=remark_{name}]", value)
    page.fill("[name=remark_text]", "Whose signature is this?")
    page.click("button:has-text('Add remark')")
    (remark,) = list_remarks(live_server)
    assert (remark.region_x, remark.region_y, remark.region_width, remark.region_height) == (100, 205, 300, 40)
    context.close()
