"""Unsaved text is restored when the session ended before typing, while typing or at Save, in one window or two."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import select, update

from tests import factories
from tests.accounts.authenticators import code_now
from tests.assessment import workflow
from tests.browser.conftest import LiveServer
from tests.factories import PASSWORD
from tracker.accounts import sessions
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, Person, UserSession
from tracker.vocabulary import AssessmentOutcome, SecondStepMethod

pytestmark = pytest.mark.browser
STORY = "I took the third call."


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def has_scripts(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "with JavaScript")


@pytest.fixture
def context(browser: Browser, live_server: LiveServer, has_scripts: bool) -> Iterator[BrowserContext]:
    context = browser.new_context(java_script_enabled=has_scripts, locale="en-GB")
    context.set_default_timeout(30_000)
    yield context
    context.close()


def start_session(live_server: LiveServer, context: BrowserContext, person: Person) -> None:
    with live_server.app.app_context(), transaction():
        token = sessions.start_session(person, "127.0.0.1", "Chrome on Linux", proven=True)
    context.add_cookies([{"name": sessions.COOKIE_NAME, "value": token, "url": live_server.address}])


def time_out(live_server: LiveServer) -> None:
    with live_server.app.app_context(), transaction():
        moment = now() - sessions.IDLE_TIMEOUT - timedelta(minutes=1)
        db.session.execute(update(UserSession).values(last_seen_at=moment))


def sign_in(page: Page, person: Person) -> None:
    page.fill("[name=email]", person.email)
    page.fill("[name=password]", PASSWORD)
    page.click("main button:has-text('Sign in')")
    page.wait_for_load_state("load")


def list_stories(live_server: LiveServer) -> list[str]:
    with live_server.app.app_context():
        return list(db.session.scalars(select(Evidence.narrative)))


def count_copies(page: Page) -> int:
    return int(page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('unsaved:')).length"))


def wait_until_no_copy_is_left(page: Page) -> None:
    """Wait until the browser has deleted its copy, which it does after the page has loaded."""
    for _ in range(200):
        if count_copies(page) == 0:
            return
        page.wait_for_timeout(50)
    pytest.fail("the browser still keeps a copy of what the server has confirmed")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before typing", "while typing", "at Save"])
def test_evidence_comes_back_after_signing_in_again(
    live_server: LiveServer, context: BrowserContext, has_scripts: bool, moment: str
) -> None:
    start_session(live_server, context, live_server.world.alice)
    page = context.new_page()
    page.goto(f"{live_server.address}/evidence/new")
    if moment == "before typing":
        time_out(live_server)
    page.fill("[name=title]", "Third call")
    if moment == "while typing":
        time_out(live_server)
    page.fill("[name=narrative]", STORY)
    if moment == "at Save":
        if has_scripts:
            page.wait_for_selector("[data-autosave-status]:text-matches('^Saved')")
        page.route("**/draft", lambda route: route.abort())
        page.fill("[name=narrative]", f"{STORY} And the fourth.")
        time_out(live_server)
    page.click("text=Save as draft")
    page.wait_for_selector("text=is kept for 24 hours")
    if has_scripts:
        assert count_copies(page) == 1, "the browser keeps its copy until the server has confirmed that save"
    sign_in(page, live_server.world.alice)
    expected = f"{STORY} And the fourth." if moment == "at Save" else STORY
    assert page.input_value("[name=title]") == "Third call"
    assert page.input_value("[name=narrative]") == expected
    assert page.locator("text=It is not saved yet").count() == 1
    page.click("text=Save as draft")
    page.wait_for_selector("text=Saved as a draft")
    assert list_stories(live_server) == [expected]
    if has_scripts:
        wait_until_no_copy_is_left(page)


def test_feedback_and_sign_off_come_back(live_server: LiveServer, context: BrowserContext) -> None:
    with live_server.app.app_context(), transaction():
        evidence = factories.make_evidence(live_server.world.cfacc15, "Call")
        factories.claim(live_server.world.cfacc15, evidence, "1")
        factories.submit(evidence)
        paths = {
            f"/attempts/{live_server.world.cfacc15.id}/evidence/{evidence.id}/assess": ("feedback", "[value=return]"),
            f"/attempts/{live_server.world.cfacc15.id}/sign": ("comment", "[value=save]:not(.visually-hidden)"),
        }
    for path, (name, button) in paths.items():
        start_session(live_server, context, live_server.world.bob)
        page = context.new_page()
        page.goto(f"{live_server.address}{path}")
        time_out(live_server)
        page.fill(f"textarea[name={name}]", STORY)
        page.click(f"form[data-autosave] button{button}")
        page.wait_for_selector("text=is kept for 24 hours")
        start_session(live_server, context, live_server.world.bob)
        page.goto(page.url)  # signed in already, so the page redirects
        assert page.input_value(f"textarea[name={name}]") == STORY


class TestWithScripts:
    @pytest.fixture
    def has_scripts(self) -> bool:
        return True

    def test_the_first_tap_on_submit_counts_after_a_save_has_failed(
        self, live_server: LiveServer, context: BrowserContext
    ) -> None:
        with live_server.open_world() as world:
            evidence, version, _ = workflow.submit_item(world.cfacc15, "Call", "1")
            with transaction():
                returned = AssessmentOutcome.RETURNED
                assessment = factories.accept(world.cfacc15, version, world.bob, {}, outcome=returned)
                assessment.feedback = "Which day was it?"
            path = f"/evidence/{evidence.id}"
        start_session(live_server, context, live_server.world.alice)
        page = context.new_page()
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{live_server.address}{path}")
        time_out(live_server)
        page.fill("[name=response]", STORY)
        page.wait_for_selector("[data-autosave-status]:text('Not saved: you have been signed out')")
        bottom = page.locator("[name=response]").evaluate("(box) => box.getBoundingClientRect().bottom")
        top = page.locator("[data-autosave-status]").evaluate("(line) => line.getBoundingClientRect().top")
        assert top >= bottom + 5, "clear of the outline of the box"
        page.locator("[name=response]").press_sequentially(" And the fourth.")
        page.get_by_role("heading", name="What I did").scroll_into_view_if_needed()
        page.get_by_role("button", name="Submit version 2").click()
        page.wait_for_url("**/sign-in?**")

    def test_signing_in_in_another_window_saves_the_unsaved_text_of_this_one(
        self, live_server: LiveServer, context: BrowserContext
    ) -> None:
        start_session(live_server, context, live_server.world.alice)
        page = context.new_page()
        page.goto(f"{live_server.address}/evidence/new")
        time_out(live_server)
        page.fill("[name=narrative]", STORY)
        page.wait_for_selector("text=you have been signed out")
        context.clear_cookies(name="session")  # as if the CSRF token had changed too
        second_window = context.new_page()
        second_window.goto(f"{live_server.address}/sign-in")
        sign_in(second_window, live_server.world.alice)
        page.evaluate("window.dispatchEvent(new Event('focus'))")
        page.wait_for_selector("[data-autosave-status]:text-matches('^Saved')")
        assert list_stories(live_server) == [STORY]
        page.click("text=Save as draft")
        page.wait_for_selector("text=Saved as a draft")

    def test_text_of_a_new_item_is_offered_to_another_and_not_put_into_it(
        self, live_server: LiveServer, context: BrowserContext
    ) -> None:
        start_session(live_server, context, live_server.world.alice)
        page = context.new_page()
        page.route("**/draft", lambda route: route.abort())
        page.goto(f"{live_server.address}/evidence/new")
        page.fill("[name=narrative]", STORY)
        page.wait_for_selector("text=there is no connection")
        page.goto(f"{live_server.address}/evidence/new")
        page.wait_for_selector("text=What you typed for another new item")
        assert page.input_value("[name=narrative]") == ""
        page.unroute("**/draft")
        page.click("text=Restore it here")
        page.wait_for_selector("[data-autosave-status]:text-matches('^Saved')")
        assert list_stories(live_server) == [STORY]
        assert count_copies(page) == 0

    def test_restored_text_is_not_said_to_be_saved_before_it_is(
        self, live_server: LiveServer, context: BrowserContext
    ) -> None:
        start_session(live_server, context, live_server.world.alice)
        page = context.new_page()
        page.goto(f"{live_server.address}/evidence/new")
        page.fill("[name=title]", "Third call")
        page.wait_for_selector("[data-autosave-status]:text-matches('^Saved')")
        page.route("**/draft", lambda route: route.abort())
        page.fill("[name=narrative]", STORY)
        page.wait_for_selector("text=there is no connection")
        page.goto(page.url)
        page.wait_for_selector("text=It has been restored below.")
        assert page.locator("text=being saved now").count() == 0
        page.unroute("**/draft")
        page.evaluate("window.dispatchEvent(new Event('online'))")
        page.wait_for_selector("text=has been restored below, and is saved now.")

    def test_two_windows_keep_a_copy_each(self, live_server: LiveServer, context: BrowserContext) -> None:
        start_session(live_server, context, live_server.world.alice)
        context.route("**/draft", lambda route: route.abort())
        for number in (1, 2):
            page = context.new_page()
            page.goto(f"{live_server.address}/evidence/new")
            page.fill("[name=narrative]", f"Call {number}")
            page.wait_for_selector("text=there is no connection")
            assert page.locator("text=Restore it here").count() == 0, "the other window is still open"
        assert count_copies(page) == 2

    def test_the_copy_follows_a_new_item_to_its_number(
        self, live_server: LiveServer, context: BrowserContext
    ) -> None:
        start_session(live_server, context, live_server.world.alice)
        page = context.new_page()
        page.goto(f"{live_server.address}/evidence/new")
        page.fill("[name=title]", "Third call")
        page.wait_for_selector("[data-autosave-status]:text-matches('^Saved')")
        page.route("**/draft", lambda route: route.abort())
        page.fill("[name=narrative]", STORY)
        page.wait_for_selector("text=there is no connection")
        page.unroute("**/draft")
        page.goto(f"{live_server.address}/evidence/new")
        page.wait_for_selector("html.js")
        page.wait_for_timeout(300)
        assert page.locator("text=Restore it here").count() == 0
        with live_server.app.app_context():
            evidence_id = db.session.scalars(select(Evidence.id)).one()
        page.goto(f"{live_server.address}/evidence/{evidence_id}/edit")
        page.wait_for_selector("text=It has been restored below")
        assert page.input_value("[name=narrative]") == STORY


def test_a_closing_comment_waits_for_the_second_step(
    live_server: LiveServer, context: BrowserContext, has_scripts: bool
) -> None:
    """Bob writes for longer than the second step counts, on a telephone and by keyboard, and signs after a code."""
    world = live_server.world
    with live_server.app.app_context():
        attempt = db.session.merge(world.cfacc15)
        workflow.meet_everything(world, attempt)
        workflow.confirm_requirements(world, attempt)
        with transaction():
            factories.make_app(world.bob)
        address = f"{live_server.address}/attempts/{attempt.id}/sign"
    start_session(live_server, context, world.bob)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    set_second_step(live_server, timedelta(0))
    page.goto(address)
    page.fill("[name=comment]", STORY)
    page.fill("[name=warnings_reason]", workflow.WARNINGS_REASON)
    page.fill("[name=password]", PASSWORD)
    set_second_step(live_server, timedelta(minutes=6))
    page.focus("button:has-text('Sign as assessor')")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/two-step-verification\?next="))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.focus("[name=code]")
    page.keyboard.type(code_now())
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/sign\?unsaved_text="))
    assert page.input_value("[name=comment]") == STORY
    assert page.input_value("[name=password]") == ""
    page.fill("[name=password]", PASSWORD)
    page.click("button:has-text('Sign as assessor')")
    page.wait_for_url(address)
    assert "You have signed off CFACC15" in page.inner_text("body")


def set_second_step(live_server: LiveServer, ago: timedelta) -> None:
    """Let the second step have been done in every session, so long ago."""
    with live_server.app.app_context(), transaction():
        values = {"verified_at": now() - ago, "verified_with": SecondStepMethod.APP}
        db.session.execute(update(UserSession).values(values))
