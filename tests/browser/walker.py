"""A person at a browser, who checks every page they open and counts what a task takes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, expect
from sqlalchemy import update

from tests.accounts.authenticators import code_at, step_now
from tests.browser.accessibility import bring_axe, find_violations
from tests.browser.conftest import LiveServer
from tests.browser.layout import find_scrolling
from tests.factories import PASSWORD
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person, SecondFactor

PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


@dataclass
class Tally:
    """What a task took: taps and keys, pages with their heights, and pixels scrolled."""

    actions: int = 0
    pages: int = 0
    height: int = 0
    scrolled: int = 0

    def __str__(self) -> str:
        return f"{self.actions} taps or keys, {self.pages} pages of {self.height:,} px in all, {self.scrolled:,} px scrolled"


class Walker:
    """A person at a browser, who checks every page they open."""

    def __init__(self, live_server: LiveServer, context: BrowserContext, *, has_scripts: bool) -> None:
        self.live_server, self.has_scripts, self.faults = live_server, has_scripts, list[str]()
        self.tally = Tally()
        self.page: Page = context.new_page()
        self.page.on("console", self.note_console_error)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", lambda r: self.faults.append(f"{r.status} {r.url}") if r.status >= 500 else None)

    def note_console_error(self, message: ConsoleMessage) -> None:
        """Note an error of the console, other than a refused form (422)."""
        if message.type == "error" and "422" not in message.text:
            self.faults.append(message.text)

    def sign_in(self, person: Person) -> None:
        self.go("/sign-in")
        self.page.get_by_label("Email").fill(person.email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.press("Sign in")
        if self.page.url.startswith(f"{self.live_server.address}/two-step-verification"):
            self.page.get_by_label("Code", exact=True).fill(self.next_code(person))
            self.press("Continue")

    def next_code(self, person: Person) -> str:
        """Return the code that this person's app shows now; if it was used already, forget that it was.

        A person waits for the next code, which comes after half a minute at most.
        """
        step = step_now()
        with self.live_server.app.app_context(), transaction():
            of_person = SecondFactor.person_id == person.id
            db.session.execute(update(SecondFactor).where(of_person).values(last_step=step - 1))
        return code_at(step)

    def go(self, path: str) -> None:
        self.page.goto(self.live_server.address + path)
        self.check_page()

    def press(self, name: str) -> None:
        self.leave_by(self.page.get_by_role("button", name=name, exact=True).first)

    def follow(self, name: str) -> None:
        self.leave_by(self.page.get_by_role("link", name=name).first)

    def tap(self, control: Locator) -> None:
        """Tap a control and count it, with the way that the page scrolls to it."""
        before = self.read_scroll_position()
        control.scroll_into_view_if_needed()
        self.tally.scrolled += abs(self.read_scroll_position() - before)
        self.tally.actions += 1
        control.click()

    def type_in(self, field: Locator, text: str) -> None:
        """Tap a field and fill it in; typing is not counted."""
        self.tap(field)
        field.fill(text)

    def press_key(self, key: str) -> None:
        self.tally.actions += 1
        self.page.keyboard.press(key)

    def leave_by(self, control: Locator) -> None:
        """Click a button or link and wait for the next page; the address alone would not do, for autosave changes it."""
        if self.has_scripts:
            self.page.evaluate("window.isOld = true")
            self.tap(control)
            self.wait_for_new_page()
        else:
            with self.page.expect_navigation():
                self.tap(control)
        self.check_page()

    def leave_by_key(self, key: str) -> None:
        self.page.evaluate("window.isOld = true")
        self.press_key(key)
        self.wait_for_new_page()
        self.check_page()

    def read_scroll_position(self) -> int:
        return int(self.page.evaluate("window.scrollY")) if self.has_scripts else 0

    @contextmanager
    def task(self, name: str, *, at_most: int | None = None, max_scrolled: int | None = None) -> Iterator[None]:
        """Count and print what a task takes, and check that it takes at most so many actions and pixels scrolled."""
        self.tally = Tally()
        yield
        if self.has_scripts:
            width = (self.page.viewport_size or PHONE)["width"]
            sys.stdout.write(f"{name}, {width} px: {self.tally}\n")
            assert at_most is None or self.tally.actions <= at_most, name
            assert max_scrolled is None or self.tally.scrolled <= max_scrolled, name

    def wait_for_new_page(self) -> None:
        """Wait until the mark on the page is gone. Playwright's own waiting needs eval, which our pages forbid."""
        for _ in range(300):
            with suppress(Error):  # the old page may go away in the middle of the question
                if self.page.evaluate("!window.isOld && document.readyState === 'complete'"):
                    return
            self.page.wait_for_timeout(50)
        pytest.fail(f"{self.page.url} was not followed by another page")

    def check_page(self) -> None:
        """Check that the page has no error, does not scroll sideways and passes axe."""
        assert not self.faults, (self.page.url, self.faults)
        self.tally.pages += 1
        if not self.has_scripts:
            return
        self.tally.height += int(self.page.evaluate("document.documentElement.scrollHeight"))
        problems = [*find_scrolling(self.page), *find_violations(self.page)]
        assert not problems, "\n".join([self.page.url, *problems])

    def measure(self, name: str, *, at_most: float) -> None:
        """Print the height of the page, and on a phone check that it has at most so many screens."""
        if not self.has_scripts:
            return
        height = self.page.evaluate("document.documentElement.scrollHeight")
        screen = self.page.viewport_size or PHONE
        sys.stdout.write(f"{name}: {height} px at {screen['width']} px, {height / screen['height']:.1f} screens\n")
        if screen["width"] == PHONE["width"]:
            assert height <= at_most * screen["height"], name

    def check_submit_in_view(self) -> None:
        """Check that the submit button is in view wherever the page is scrolled to."""
        for place in ("0", "document.documentElement.scrollHeight"):
            if self.has_scripts:
                self.page.evaluate(f"window.scrollTo(0, {place})")
            expect(self.page.get_by_role("button", name="Submit for assessment")).to_be_in_viewport()


@contextmanager
def at_browser(live_server: LiveServer, browser: Browser, size: dict[str, int], *, scripts: bool) -> Iterator[Walker]:
    context = browser.new_context(viewport=size, java_script_enabled=scripts, locale="en-GB")
    context.set_default_timeout(30_000)
    bring_axe(context)
    try:
        yield Walker(live_server, context, has_scripts=scripts)
    finally:
        context.close()
