"""CFACC15 from an empty index of evidence to a verified, printed form, by hand, in a real browser."""

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
from tests.browser.conftest import Live
from tests.factories import PASSWORD, make_app
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Person, SecondFactor

pytestmark = pytest.mark.browser
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


class Walker:
    """Somebody at a browser, who notices whatever is wrong with a page."""

    def __init__(self, live: Live, context: BrowserContext, *, has_scripts: bool) -> None:
        self.live, self.has_scripts, self.faults = live, has_scripts, list[str]()
        self.page: Page = context.new_page()
        self.page.on("console", self.notice_console)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", lambda r: self.faults.append(f"{r.status} {r.url}") if r.status >= 500 else None)

    def notice_console(self, message: ConsoleMessage) -> None:
        """Note an error; a form that is refused (422) is none."""
        if message.type == "error" and "422" not in message.text:
            self.faults.append(message.text)

    def sign_in(self, person: Person) -> None:
        self.go("/sign-in")
        self.page.get_by_label("Email").fill(person.email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.press("Sign in")
        if self.page.url.startswith(f"{self.live.address}/two-step-verification"):
            self.page.get_by_label("Code", exact=True).fill(self.next_code(person))
            self.press("Continue")

    def next_code(self, person: Person) -> str:
        """What this person's app shows now, or shows next if that was used: somebody here works fast."""
        with self.live.app.app_context():
            used = db.session.scalars(select(SecondFactor.last_step).where(SecondFactor.person_id == person.id)).one()
            db.session.remove()
        return code_at(max(step_now(), (used or 0) + 1))

    def go(self, path: str) -> None:
        self.page.goto(self.live.address + path)
        self.look()

    def press(self, name: str) -> None:
        self.leave_by(self.page.get_by_role("button", name=name, exact=True).first)

    def follow(self, name: str) -> None:
        self.leave_by(self.page.get_by_role("link", name=name).first)

    def leave_by(self, control: Locator) -> None:
        """Use what leads to another page, and wait until it is there: autosave changes the address before that."""
        if self.has_scripts:
            self.page.evaluate("window.isOld = true")
            control.click()
            self.wait_for_new_page()
        else:
            with self.page.expect_navigation():
                control.click()
        self.look()

    def wait_for_new_page(self) -> None:
        """Ask again until the mark is gone; Playwright's own waiting would need eval, which our pages forbid."""
        for _ in range(300):
            with suppress(Error):  # the old page may go away in the middle of the question
                if self.page.evaluate("!window.isOld && document.readyState === 'complete'"):
                    return
            self.page.wait_for_timeout(50)
        pytest.fail(f"{self.page.url} never led on")

    def look(self) -> None:
        """Nothing broken, nothing that scrolls sideways, and nothing axe would complain of."""
        assert not self.faults, (self.page.url, self.faults)
        if not self.has_scripts:
            return
        width = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{self.page.url} scrolls sideways by {width} px"
        found = Axe().run(self.page)
        assert found.violations_count == 0, f"{self.page.url}\n{found.generate_report()}"

    def measure(self, name: str, *, at_most: float) -> None:
        """Print the height of the page, and on a phone check that it has at most so many screens."""
        if not self.has_scripts:
            return
        height = self.page.evaluate("document.documentElement.scrollHeight")
        screen = self.page.viewport_size or PHONE
        sys.stdout.write(f"{name}: {height} px at {screen['width']} px, {height / screen['height']:.1f} screens\n")
        if screen["width"] == PHONE["width"]:
            assert height <= at_most * screen["height"], name

    def look_at_submit(self) -> None:
        """The act of the page is in view wherever the page was scrolled to."""
        for place in ("0", "document.documentElement.scrollHeight"):
            if self.has_scripts:
                self.page.evaluate(f"window.scrollTo(0, {place})")
            expect(self.page.get_by_role("button", name="Submit for assessment")).to_be_in_viewport()


@contextmanager
def at_browser(live: Live, browser: Browser, size: dict[str, int], *, scripts: bool) -> Iterator[Walker]:
    context = browser.new_context(viewport=size, java_script_enabled=scripts, locale="en-GB")
    context.set_default_timeout(15_000)
    try:
        yield Walker(live, context, has_scripts=scripts)
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
    live: Live, browser: Browser, size: dict[str, int], scripts: bool, tmp_path: Path
) -> None:
    people = live.world
    with live.app.app_context(), transaction():
        make_app(people.bob)
        make_app(people.carol)

    def as_person(person: Person) -> AbstractContextManager[Walker]:
        return at_browser(live, browser, size, scripts=scripts)

    with as_person(people.alice) as alice:
        alice.sign_in(people.alice)
        expect(alice.page.get_by_role("heading", level=1)).to_contain_text("Alice.")
        log_an_item(alice, tmp_path)
        claim_everything(alice)
        hand_it_in(alice)

    with as_person(people.bob) as bob:
        bob.sign_in(people.bob)
        return_it(bob)

    with as_person(people.alice) as alice:
        alice.sign_in(people.alice)
        answer_the_feedback(alice)

    with as_person(people.bob) as bob:
        bob.sign_in(people.bob)
        accept_it(bob)
        sign_off(bob)

    with as_person(people.alice) as alice:
        alice.sign_in(people.alice)
        alice.follow("Confirm CFACC15")
        alice.page.get_by_label("Your password", exact=True).fill(PASSWORD)
        alice.press("Sign")

    with as_person(people.carol) as carol:
        carol.sign_in(people.carol)
        verify_it(carol)
        look_at_the_form(carol, tmp_path)


def log_an_item(alice: Walker, folder: Path) -> None:
    note = folder / "note.txt"
    note.write_text("What the customer wrote to us afterwards.", encoding="utf-8")
    photo = folder / "photo.jpg"
    Image.new("RGB", (320, 200), "#e8e4da").save(photo)
    alice.go("/evidence/new")
    page = alice.page
    page.get_by_label("Title", exact=True).fill("Complaint CH-2231, three contacts")
    page.get_by_label("Work product").check()
    page.get_by_label("Date, or start date").fill("2026-10-05")
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
    boxes = page.locator(f"input[type=checkbox][value^='{alice.live.world.cfacc15.id}-']:not([name^='also-'])")
    assert boxes.count() == 24
    for index in range(24):
        if alice.has_scripts:
            with page.expect_response(lambda answer: answer.request.method == "POST") as kept:
                boxes.nth(index).check()
            assert kept.value.ok
        else:
            boxes.nth(index).check()
    if alice.has_scripts:
        expect(page.locator("[data-ticks-running]")).to_contain_text("24 criteria chosen")
    alice.look_at_submit()


def hand_it_in(alice: Walker) -> None:
    alice.press("Submit for assessment")
    alice.page.get_by_label("I declare").check()
    alice.press("Submit for assessment")
    expect(alice.page.locator("main")).to_contain_text("Submitted in CFACC15")
    for path in ("/", "/evidence", f"/attempts/{alice.live.world.cfacc15.id}?view=matrix"):
        alice.go(path)


def return_it(bob: Walker) -> None:
    bob.follow("Complaint CH-2231")
    bob.page.get_by_label("Feedback to Alice").fill("Good. Say also what you offered him, and why you could.")
    bob.press("Return to Alice")


def answer_the_feedback(alice: Walker) -> None:
    alice.follow("Respond to Bob's feedback")
    expect(alice.page.locator("main")).to_contain_text("Say also what you offered him")
    alice.follow("Edit and submit version 2")
    story = alice.page.get_by_label("Your written account of what you did")
    story.fill("I listened, said sorry, offered £40, which is my limit, and rang back when I had said I would.")
    alice.press("Save and choose criteria")
    alice.press("Submit for assessment")
    alice.page.get_by_label("I declare").check()
    alice.press("Submit for assessment")


def accept_it(bob: Walker) -> None:
    bob.follow("Complaint CH-2231")
    outcomes = bob.page.get_by_label("Met", exact=True)
    assert outcomes.count() == 24
    bob.page.get_by_label("Why you accept the item").fill("It covers three contacts with one customer.")
    if bob.has_scripts:
        accept_it_by_keys(bob)
        return
    for index in range(24):
        outcomes.nth(index).check()
    for check in ("Valid", "Authentic", "Current"):
        bob.page.get_by_label(check, exact=True).check()
    bob.press("Accept")


def accept_it_by_keys(bob: Walker) -> None:
    """Four keys: one claim met, all others met, the three checks, accept; accepting first leads to what is missing."""
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
    bob.look()
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


def verify_it(carol: Walker) -> None:
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


def look_at_the_form(carol: Walker, folder: Path) -> None:
    """The printed form says who, when and what, under the right heads, and has ink on it."""
    answer = carol.page.context.request.get(f"{carol.live.address}/attempts/{carol.live.world.cfacc15.id}/form.pdf")
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
