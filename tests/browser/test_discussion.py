"""A professional discussion in a browser: recorded, uploaded in parts, stamped while listening, played, without scripts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect
from sqlalchemy import select

from tests.browser.accessibility import bring_axe
from tests.browser.conftest import LiveServer
from tests.browser.test_observation import PHONE, TABLET, check_page, find_stamp, open_context
from tests.browser.test_unsaved_text import start_session
from tests.records.discussions import discuss
from tests.records.observations import agree
from tests.records.recordings import make_wav
from tracker.extensions import db
from tracker.models import Attachment, Evidence
from tracker.records.services.discussions import read_discussion

pytestmark = pytest.mark.browser
DESKTOP = (1280, 900)
SECONDS = 20


@pytest.fixture(params=[TABLET, PHONE, DESKTOP], ids=["tablet", "phone", "desktop"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    context = open_context(browser, request.param)
    bring_axe(context)
    yield context
    context.close()


def begin(live_server: LiveServer, context: BrowserContext) -> Page:
    """Let Bob begin a discussion with Alice on the page of her unit."""
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}/attempts/{live_server.world.cfacc15.id}")
    page.click("summary:has-text('Discussion, questions, blank records')")
    page.click("button:has-text('Write a professional discussion')")
    page.wait_for_url("**/records/*/edit")
    return page


def make_file(folder: Path) -> str:
    path = folder / "discussion.wav"
    path.write_bytes(make_wav(1_000 * SECONDS))
    return str(path)


def upload(page: Page, folder: Path) -> None:
    page.set_input_files("[data-parts] input[type=file]", make_file(folder))
    expect(page.locator("audio[data-recording='1']")).to_be_attached(timeout=30_000)


def read_times(live_server: LiveServer) -> str:
    with live_server.app.app_context():
        return read_discussion(db.session.scalars(select(Evidence)).one()).stamped_times


def wait_until_stamped(page: Page, live_server: LiveServer, times: str) -> None:
    for _ in range(200):
        if read_times(live_server) == times:
            return
        page.wait_for_timeout(50)
    pytest.fail(f"the server has {read_times(live_server)!r}")


def check(page: Page) -> None:
    check_page(page, page.viewport_size["width"] if page.viewport_size else 0)


def wait_until(page: Page, expression: str) -> None:
    """Wait until an expression holds. The pages allow no `eval`, which Playwright's own waiting needs."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not within 30 seconds: {expression}")


def listen_from(page: Page, second: int) -> None:
    page.evaluate("second => { document.querySelector('[data-recording]').currentTime = second; }", second)
    wait_until(page, f"document.querySelector('[data-recording]').currentTime >= {second}")


def test_a_recording_is_uploaded_and_stamped_while_listening(
    live_server: LiveServer, context: BrowserContext, tmp_path: Path
) -> None:
    page = begin(live_server, context)
    page.fill("[name=areas]", "Limits of authority\nKey performance indicators")
    upload(page, tmp_path)
    expect(page.locator("[name=areas]")).to_have_value("Limits of authority\nKey performance indicators")
    lines, status = page.locator("[name=stamped_times]"), page.locator("[data-stamp-status]")
    listen_from(page, 7)
    page.click(find_stamp(page, live_server, "5"))
    expect(lines).to_have_value("0:07 5\n")
    page.focus(find_stamp(page, live_server, "6"))
    page.keyboard.press("Enter")
    expect(lines).to_have_value("0:07 5, 6\n")
    expect(page.locator("[data-stamp-count]").first).to_have_text("2")
    expect(status).to_contain_text("Stamped 6 at 0:07")
    status.get_by_role("button", name="Undo").click()
    expect(lines).to_have_value("0:07 5\n")
    listen_from(page, 12)
    page.locator("[data-toggle]").focus()
    page.keyboard.press("s")
    expect(lines).to_be_focused()
    page.keyboard.type("g")
    expect(lines).to_have_value("0:07 5\n0:12 g")
    wait_until_stamped(page, live_server, "0:07 5\n0:12 g")
    page.locator("[data-stamp-row] a.play").first.click()
    wait_until(page, "!document.querySelector('[data-recording]').paused")
    assert 6.9 < page.evaluate("document.querySelector('[data-recording]').currentTime") < 12
    page.locator("[data-toggle]").click()
    check(page)


def test_an_upload_continues_after_the_connection_was_lost(
    live_server: LiveServer, context: BrowserContext, tmp_path: Path
) -> None:
    page = begin(live_server, context)
    page.evaluate("document.querySelector('[data-parts]').dataset.partSize")
    page.route("**/finish", lambda route: route.abort())
    page.set_input_files("[data-parts] input[type=file]", make_file(tmp_path))
    expect(page.locator(".file-status")).to_contain_text("continues by itself")
    page.unroute("**/finish")
    expect(page.locator("audio[data-recording='1']")).to_be_attached(timeout=30_000)
    with live_server.app.app_context():
        assert len(db.session.scalars(select(Attachment)).all()) == 1


def record_for(page: Page, seconds: int) -> None:
    """Record the tone of Chromium's pretended microphone."""
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator("[data-recorder-status]")).to_contain_text("kept on this device")
    expect(page.locator("[data-recorded]")).to_have_text(re.compile(rf"0:0[{seconds}-9]"), timeout=15_000)


def list_kept(page: Page) -> int:
    """Count what this device keeps of recordings."""
    return int(
        page.evaluate(
            """async () => {
                if (!(await indexedDB.databases()).some((each) => each.name === "recordings")) return 0;
                const made = indexedDB.open("recordings");
                const store = await new Promise((resolve) => { made.onsuccess = () => resolve(made.result); });
                const counts = await Promise.all(["recordings", "pieces"].map((name) => new Promise((resolve) => {
                    const asked = store.transaction(name).objectStore(name).count();
                    asked.onsuccess = () => resolve(asked.result);
                })));
                store.close();
                return counts[0] + counts[1];
            }"""
        )
    )


def read_media_type(live_server: LiveServer) -> str:
    with live_server.app.app_context():
        return db.session.scalars(select(Attachment.media_type)).one()


def test_a_discussion_is_recorded_stamped_and_played(live_server: LiveServer, context: BrowserContext) -> None:
    page = begin(live_server, context)
    record_for(page, 2)
    page.click(find_stamp(page, live_server, "5"))
    expect(page.locator("[name=stamped_times]")).to_have_value(re.compile(r"^0:0[2-9] 5\n$"))
    check(page)
    page.get_by_role("button", name="Pause recording").click()
    paused = page.locator("[data-recorded]").inner_text()
    page.wait_for_timeout(1_200)
    assert page.locator("[data-recorded]").inner_text() == paused
    page.get_by_role("button", name="Continue recording").click()
    page.wait_for_timeout(1_500)
    page.get_by_role("button", name="Stop and add").click()
    expect(page.locator("audio[data-recording='1']")).to_be_attached(timeout=30_000)
    assert read_media_type(live_server) == "audio/webm"
    assert list_kept(page) == 0, "nothing stays on the device"
    for name, value in (
        ("areas", "Limits of authority"),
        ("place", "Video call"),
        ("narrative", "She explained it."),
    ):
        page.fill(f"[name={name}]", value)
    page.fill("[name=agreed_on]", page.input_value("[name=happened_from]"))
    page.fill("[name=ends]", "23:59")
    page.click("button[value=finish]")
    page.check("[name=declared]")
    page.click("main button:has-text('Finish and send')")
    page.locator("a[data-play]").first.click()
    wait_until(page, "document.querySelector('audio').currentTime >= 2")
    assert page.evaluate("document.querySelector('audio').error") is None
    check(page)


def test_a_closed_tab_loses_nothing_recorded(live_server: LiveServer, context: BrowserContext) -> None:
    page = begin(live_server, context)
    address = page.url
    context.route("**/uploads**", lambda route: route.abort())
    record_for(page, 3)
    page.close()
    context.unroute("**/uploads**")
    page = context.new_page()
    page.goto(address)
    expect(page.locator("audio[data-recording='1']")).to_be_attached(timeout=30_000)
    assert list_kept(page) == 0
    wait_until(page, "Number.isFinite(document.querySelector('audio').duration)")
    assert page.evaluate("document.querySelector('audio').duration") > 1.5


def test_a_lost_connection_stops_no_recording(live_server: LiveServer, context: BrowserContext) -> None:
    page = begin(live_server, context)
    context.set_offline(True)
    record_for(page, 2)
    page.get_by_role("button", name="Stop and add").click()
    expect(page.locator("[data-recorder-status]")).to_contain_text("kept on this device")
    assert list_kept(page) > 1
    context.set_offline(False)
    expect(page.locator("audio[data-recording='1']")).to_be_attached(timeout=30_000)
    assert list_kept(page) == 0


def test_signing_out_asks_and_then_deletes_what_was_not_sent(
    live_server: LiveServer, context: BrowserContext
) -> None:
    page = begin(live_server, context)
    context.route("**/uploads**", lambda route: route.abort())
    record_for(page, 2)
    page.get_by_role("button", name="Stop and add").click()
    page.wait_for_timeout(1_500)
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", accept)
    page.locator("form[data-sign-out] button").first.evaluate("button => button.click()")
    page.wait_for_url(re.compile("sign-in|/$"))
    assert any("typed or recorded is not saved yet" in message for message in asked)
    wait_until(page, "async () => !(await indexedDB.databases()).length")


def test_without_scripts_a_discussion_is_uploaded_stamped_and_finished(
    live_server: LiveServer, browser: Browser, tmp_path: Path
) -> None:
    context = open_context(browser, PHONE, has_scripts=False)
    page = begin(live_server, context)
    page.set_input_files("[name=files]", make_file(tmp_path))
    for name, value in (
        ("areas", "Limits of authority"),
        ("place", "Video call"),
        ("narrative", "She explained it."),
    ):
        page.fill(f"[name={name}]", value)
    page.fill("[name=agreed_on]", page.input_value("[name=happened_from]"))
    page.fill("[name=ends]", "23:59")
    page.fill("[name=stamp_at]", "0:07")
    page.click(find_stamp(page, live_server, "5"))
    expect(page.locator("[name=stamped_times]")).to_have_value("0:07 5\n")
    page.click("button[value=finish]")
    page.check("[name=declared]")
    page.click("main button:has-text('Finish and send')")
    link = page.locator("a[data-play]").first.get_attribute("href")
    assert link
    assert link.endswith("?show=1#t=7")
    context.close()
    context = open_context(browser, PHONE)
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(f"{live_server.address}{link}")
    wait_until(page, "(document.querySelector('video, audio')?.currentTime || 0) >= 7")
    context.close()


def test_a_claim_is_assessed_from_its_stamp(live_server: LiveServer, context: BrowserContext) -> None:
    with live_server.app.app_context():
        world = live_server.world
        record = discuss(db.session.merge(world.cfacc15), db.session.merge(world.bob), "0:01 5")
        agree(record)
        address = f"{live_server.address}/attempts/{world.cfacc15.id}/evidence/{record.id}/assess"
    start_session(live_server, context, live_server.world.bob)
    page = context.new_page()
    page.goto(address)
    link = page.locator("fieldset.assess-item a[data-play]")
    expect(link).to_have_text("▶ Play at 0:01")
    link.focus()
    page.keyboard.press("Enter")
    wait_until(page, "document.querySelector('audio').currentTime >= 1")
    assert page.evaluate("document.activeElement.matches('a[data-play]')"), "the keyboard stays at the claim"
    check(page)
