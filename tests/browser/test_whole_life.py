"""CFACC15 from an empty index of evidence to a verified, printed form, through the pages, in a real browser."""

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, expect
from pypdf import PdfReader
from sqlalchemy import select

from tests.accounts.authenticators import code_at, step_now
from tests.browser.conftest import LiveServer
from tests.factories import PASSWORD, make_app
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person, SecondFactor

pytestmark = pytest.mark.browser
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


class Walker:
    """A person at a browser, who checks every page they open."""

    def __init__(self, live_server: LiveServer, context: BrowserContext, *, has_scripts: bool) -> None:
        self.live_server, self.has_scripts, self.faults = live_server, has_scripts, list[str]()
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
        """Return the code that this person's app shows now, or the next one if that was used already."""
        with self.live_server.app.app_context():
            last_step = db.session.scalars(
                select(SecondFactor.last_step).where(SecondFactor.person_id == person.id)
            ).one()
            db.session.remove()
        return code_at(max(step_now(), (last_step or 0) + 1))

    def go(self, path: str) -> None:
        self.page.goto(self.live_server.address + path)
        self.check_page()

    def press(self, name: str) -> None:
        self.leave_by(self.page.get_by_role("button", name=name, exact=True).first)

    def follow(self, name: str) -> None:
        self.leave_by(self.page.get_by_role("link", name=name).first)

    def leave_by(self, control: Locator) -> None:
        """Click a button or link and wait for the next page; the address alone would not do, for autosave changes it."""
        if self.has_scripts:
            self.page.evaluate("window.isOld = true")
            control.click()
            self.wait_for_new_page()
        else:
            with self.page.expect_navigation():
                control.click()
        self.check_page()

    def wait_for_new_page(self) -> None:
        """Wait until the mark on the page is gone. Playwright's own waiting needs eval, which our pages forbid."""
        for _ in range(300):
            with suppress(Error):  # the old page may be replaced during the call
                if self.page.evaluate("!window.isOld && document.readyState === 'complete'"):
                    return
            self.page.wait_for_timeout(50)
        pytest.fail(f"{self.page.url} was not followed by another page")

    def check_page(self) -> None:
        """Check that the page has no error, does not scroll sideways and passes axe."""
        assert not self.faults, (self.page.url, self.faults)
        if not self.has_scripts:
            return
        width = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{self.page.url} scrolls sideways by {width} px"
        report = Axe().run(self.page)
        assert report.violations_count == 0, f"{self.page.url}\n{report.generate_report()}"

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
    context.set_default_timeout(15_000)
    try:
        yield Walker(live_server, context, has_scripts=scripts)
    finally:
        context.close()


@pytest.mark.parametrize(
    ("size", "scripts"),
    [(PHONE, False), (LAPTOP, False), (PHONE, True), (LAPTOP, True)],
    ids=[
        "390 px without JavaScript",
        "1280 px without JavaScript",
        "390 px with JavaScript",
        "1280 px with JavaScript",
    ],
)
def test_the_whole_life_of_a_unit(
    live_server: LiveServer, browser: Browser, size: dict[str, int], scripts: bool, tmp_path: Path
) -> None:
    people = live_server.world
    with live_server.app.app_context(), transaction():
        make_app(people.bob)
        make_app(people.carol)

    def as_person(person: Person) -> AbstractContextManager[Walker]:
        return at_browser(live_server, browser, size, scripts=scripts)

    with as_person(people.alice) as alice:
        alice.sign_in(people.alice)
        expect(alice.page.get_by_role("heading", level=1)).to_contain_text("Alice.")
        add_item(alice, tmp_path)
        claim_everything(alice)
        submit_item(alice)

    with as_person(people.bob) as bob:
        bob.sign_in(people.bob)
        return_item(bob)

    with as_person(people.alice) as alice:
        alice.sign_in(people.alice)
        answer_the_feedback(alice)

    with as_person(people.bob) as bob:
        bob.sign_in(people.bob)
        accept_item(bob)
        sign_off(bob)

    with as_person(people.alice) as alice:
        alice.sign_in(people.alice)
        alice.follow("Confirm CFACC15")
        alice.page.get_by_label("Your password", exact=True).fill(PASSWORD)
        alice.press("Sign")

    with as_person(people.carol) as carol:
        carol.sign_in(people.carol)
        verify_unit(carol)
        check_printed_form(carol, tmp_path)


def add_item(alice: Walker, folder: Path) -> None:
    note = folder / "note.txt"
    note.write_text("What the customer wrote to us afterwards.", encoding="utf-8")
    photo = folder / "photo.jpg"
    Image.new("RGB", (320, 200), "#e8e4da").save(photo)
    alice.go("/evidence/new")
    page = alice.page
    page.get_by_label("Title", exact=True).fill("Complaint CH-2231, three contacts")
    page.get_by_label("Work product").check()
    page.get_by_label("Date, or start date").fill("2026-10-05")
    page.get_by_text("Occasion and customers").click()
    page.get_by_label("Customers").fill("Case CH-2231")
    page.get_by_label("Your written account of what you did").fill(
        "I listened, said sorry, and rang back when I had said I would."
    )
    page.locator("input[type=file][multiple]").set_input_files([note, photo])
    if alice.has_scripts:
        expect(page.get_by_role("link", name="note.txt")).to_be_visible()
        expect(page.get_by_role("link", name="photo.jpg")).to_be_visible()
    alice.press("Save and choose criteria")


def claim_everything(alice: Walker) -> None:
    page = alice.page
    expect(page.get_by_role("heading", level=1)).to_contain_text("Choose criteria")
    alice.measure("Choose criteria, 24 gaps of one unit", at_most=3)
    boxes = page.locator(f"input[type=checkbox][value^='{alice.live_server.world.cfacc15.id}-']:not([name^='also-'])")
    assert boxes.count() == 24
    for index in range(24):
        if alice.has_scripts:
            with page.expect_response(lambda answer: answer.request.method == "POST") as response_info:
                boxes.nth(index).check()
            assert response_info.value.ok
        else:
            boxes.nth(index).check()
    if alice.has_scripts:
        expect(page.locator("[data-ticks-running]")).to_contain_text("24 criteria chosen")
    alice.check_submit_in_view()


def submit_item(alice: Walker) -> None:
    alice.press("Submit for assessment")
    alice.page.get_by_label("I declare").check()
    alice.press("Submit for assessment")
    expect(alice.page.locator("main")).to_contain_text("Submitted in CFACC15")
    for path in ("/", "/evidence", f"/attempts/{alice.live_server.world.cfacc15.id}?view=matrix"):
        alice.go(path)


def return_item(bob: Walker) -> None:
    bob.follow("Complaint CH-2231")
    bob.page.get_by_label("Feedback to Alice").fill("Good. Say also what you offered him, and why you could.")
    bob.press("Return to Alice")


def answer_the_feedback(alice: Walker) -> None:
    alice.follow("Respond to Bob's feedback")
    expect(alice.page.locator("main")).to_contain_text("Say also what you offered him")
    alice.follow("Edit and submit version 2")
    account = alice.page.get_by_label("Your written account of what you did")
    account.fill("I listened, said sorry, offered £40, which is my limit, and rang back when I had said I would.")
    alice.press("Save and choose criteria")
    alice.press("Submit for assessment")
    alice.page.get_by_label("I declare").check()
    alice.press("Submit for assessment")


def accept_item(bob: Walker) -> None:
    bob.follow("Complaint CH-2231")
    outcomes = bob.page.get_by_label("Met", exact=True)
    assert outcomes.count() == 24
    bob.page.get_by_label("Why you accept the item").fill("It covers three contacts with one customer.")
    if bob.has_scripts:
        accept_item_by_keys(bob)
        return
    for index in range(24):
        outcomes.nth(index).check()
    for check in ("Valid", "Authentic", "Current"):
        bob.page.get_by_label(check, exact=True).check()
    bob.press("Accept")


def accept_item_by_keys(bob: Walker) -> None:
    """Accept too early, which leads to the first claim without an outcome, then mark all met, check and accept by keys."""
    page = bob.page
    bob.press("Accept")
    claims = page.locator("fieldset.assess-item")
    expect(claims.first).to_be_in_viewport()
    expect(claims.first.get_by_label("Met", exact=True)).to_be_focused()
    page.keyboard.press("m")
    expect(claims.nth(1).get_by_label("Met", exact=True)).to_be_focused()
    for key in ("a", "v"):
        page.keyboard.press(key)
    expect(page.locator("[data-assess-count]")).to_have_text("All 24 decided")
    page.evaluate("window.isOld = true")
    page.keyboard.press("y")
    bob.wait_for_new_page()
    bob.check_page()
    sys.stdout.write("Assess 24 claims, all met: 3 keys with “a”, “v”, “y”; any one outcome takes one more\n")


def sign_off(bob: Walker) -> None:
    bob.go("/queue")
    bob.follow("CFACC15")
    page = bob.page
    boxes = page.locator("input[type=checkbox][name=requirement]")
    assert boxes.count() == 5
    for index in range(5):
        boxes.nth(index).check()
    page.get_by_label("Closing comment").fill("A steady record with a real customer.")
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    bob.press("Sign as assessor")
    expect(page.locator("main")).to_contain_text("Signed by the assessor")


def verify_unit(carol: Walker) -> None:
    carol.follow("Alice Moran")
    page = carol.page
    page.get_by_label("Agree", exact=True).first.check()
    page.get_by_text("Add a comment on this item").click()
    page.get_by_label("Comment on this sample").fill("One decision, in depth.")
    carol.press("Save and continue")
    carol.leave_by(page.get_by_role("link", name="Sign", exact=True))
    page.get_by_label("Your password", exact=True).first.fill(PASSWORD)
    carol.press("Sign as sampled")
    expect(page.locator("main")).to_contain_text("Verified")


def check_printed_form(carol: Walker, folder: Path) -> None:
    """Check that the printed form names people and evidence, is tagged, and is not blank as a picture."""
    answer = carol.page.context.request.get(
        f"{carol.live_server.address}/attempts/{carol.live_server.world.cfacc15.id}/form.pdf"
    )
    assert answer.ok
    reader = PdfReader(io.BytesIO(answer.body()))
    words = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    for expected in ("Alice Moran", "Bob Archer", "Carol Hughes", "1 v2", "Complaint CH-2231", "A steady record"):
        assert expected in words, expected
    assert words.count("✓") >= 24
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    (folder / "form.pdf").write_bytes(answer.body())
    subprocess.run(["pdftoppm", "-r", "50", "-png", folder / "form.pdf", folder / "form"], check=True)
    picture = Image.open(next(folder.glob("form-*.png"))).convert("L")
    assert picture.width > picture.height
    assert sum(picture.histogram()[:128]) > 2_000
