"""CFACC15 from an empty index of evidence to a verified, printed form, through the pages, in a real browser."""

import io
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect
from pypdf import PdfReader

from tests.browser.conftest import LiveServer
from tests.browser.walker import LAPTOP, PHONE, Walker, at_browser
from tests.factories import PASSWORD, make_app
from tracker.ledger.transactions import transaction

pytestmark = pytest.mark.browser
MAX_ACTIONS_TO_LOG = 10
"""Taps from the home page to an item with a photo and five criteria."""
MAX_ACTIONS_TO_ASSESS = 7
"""Taps or keys from the queue to five claims that are all met."""
MAX_SCROLLED_TO_SAMPLE = 2_500
"""Pixels from the verifier's home to three decisions of two items."""


@pytest.mark.parametrize(
    ("size", "scripts"),
    [
        pytest.param(PHONE, False, id="390 px without JavaScript"),
        pytest.param(LAPTOP, False, id="1280 px without JavaScript", marks=pytest.mark.slow),
        pytest.param(PHONE, True, id="390 px with JavaScript", marks=pytest.mark.slow),
        pytest.param(LAPTOP, True, id="1280 px with JavaScript"),
    ],
)
def test_the_whole_life_of_a_unit(
    live_server: LiveServer, browser: Browser, size: dict[str, int], scripts: bool, tmp_path: Path
) -> None:
    people = live_server.world
    with live_server.app.app_context(), transaction():
        make_app(people.bob)
        make_app(people.carol)

    def open_browser() -> AbstractContextManager[Walker]:
        return at_browser(live_server, browser, size, scripts=scripts)

    with open_browser() as alice, open_browser() as bob, open_browser() as carol:
        alice.sign_in(people.alice)
        expect(alice.page.get_by_role("heading", level=1)).to_contain_text("Alice.")
        log_five_criteria(alice, tmp_path)
        with alice.task("Submit the item"):
            submit_item(alice)

        bob.sign_in(people.bob)
        assess_five_claims(bob)

        add_item(alice, tmp_path)
        claim_everything(alice)
        submit_item(alice)
        for path in ("/", "/evidence", f"/attempts/{people.cfacc15.id}?view=matrix"):
            alice.go(path)

        bob.go("/")
        return_item(bob)
        alice.go("/")
        answer_the_feedback(alice)
        bob.go("/")
        accept_item(bob)
        sign_off(bob)

        alice.go("/")
        alice.follow("Confirm CFACC15")
        alice.page.get_by_label("Your password", exact=True).fill(PASSWORD)
        alice.press("Sign")

        carol.sign_in(people.carol)
        verify_unit(carol)
        check_printed_form(carol, tmp_path)


def log_five_criteria(alice: Walker, folder: Path) -> None:
    photo = folder / "call.jpg"
    Image.new("RGB", (320, 200), "#d4dae8").save(photo)
    page = alice.page
    with alice.task("Log one item with 5 criteria", at_most=MAX_ACTIONS_TO_LOG):
        alice.follow("Add evidence")
        alice.tally.actions += 1  # the photo
        page.locator("input[type=file][multiple]").set_input_files(photo)
        alice.type_in(page.get_by_label("Title", exact=True), "Call of 3 October")
        alice.tap(page.get_by_label("Work product"))
        alice.press("Save and choose criteria")
        claim(alice, 5)


def assess_five_claims(bob: Walker) -> None:
    """On a phone by taps, at a keyboard by keys."""
    page = bob.page
    with bob.task("Assess 5 claims, all met", at_most=MAX_ACTIONS_TO_ASSESS):
        bob.follow("Call of 3 October")
        if bob.has_scripts and page.viewport_size == LAPTOP:
            for key in ("a", "v"):
                bob.press_key(key)
            bob.leave_by_key("y")
            return
        if bob.has_scripts:
            bob.tap(page.get_by_role("button", name="All others met"))
        else:
            for outcome in page.get_by_label("Met", exact=True).all():
                bob.tap(outcome)
        for check in ("Valid", "Authentic", "Current"):
            bob.tap(page.get_by_label(check, exact=True))
        bob.press("Accept")


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
    expect(alice.page.get_by_role("heading", level=1)).to_contain_text("Choose criteria")
    alice.measure("Choose criteria, 19 gaps of one unit", at_most=3)
    claim(alice, 19)
    alice.check_submit_in_view()


def claim(alice: Walker, count: int) -> None:
    """Tick the first criteria of the unit that the page shows."""
    page = alice.page
    boxes = page.locator(f"input[type=checkbox][value^='{alice.live_server.world.cfacc15.id}-']:not([name^='also-'])")
    for index in range(count):
        if alice.has_scripts:
            with page.expect_response(lambda answer: answer.request.method == "POST") as response_info:
                alice.tap(boxes.nth(index))
            assert response_info.value.ok
        else:
            alice.tap(boxes.nth(index))
    if alice.has_scripts:
        expect(page.locator("[data-ticks-running]")).to_contain_text(f"{count} criteria chosen")


def submit_item(alice: Walker) -> None:
    alice.press("Submit for assessment")
    alice.tap(alice.page.get_by_label("I declare"))
    alice.press("Submit for assessment")
    expect(alice.page.locator("main")).to_contain_text("Submitted in CFACC15")


def return_item(bob: Walker) -> None:
    bob.follow("Complaint CH-2231")
    bob.page.get_by_label("Feedback to Alice").fill("Good. Say also what you offered him, and why you could.")
    bob.press("Return to Alice")


def answer_the_feedback(alice: Walker) -> None:
    alice.follow("Respond to Bob’s feedback")
    expect(alice.page.locator("main")).to_contain_text("Say also what you offered him")
    alice.follow("Edit the evidence")
    account = alice.page.get_by_label("Your written account of what you did")
    account.fill("I listened, said sorry, offered £40, which is my limit, and rang back when I had said I would.")
    alice.press("Save and choose criteria")
    alice.press("Submit for assessment")
    alice.page.get_by_label("I declare").check()
    alice.press("Submit for assessment")
    expect(alice.page.locator("main")).to_contain_text("Version 2, submitted")


def accept_item(bob: Walker) -> None:
    bob.follow("Complaint CH-2231")
    outcomes = bob.page.get_by_label("Met", exact=True)
    assert outcomes.count() == 19
    if bob.has_scripts:
        accept_item_by_keys(bob)
        return
    for index in range(19):
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
    expect(page.locator("[data-assess-count]")).to_have_text("All 19 decided")
    bob.leave_by_key("y")


def sign_off(bob: Walker) -> None:
    bob.go("/queue")
    page = bob.page
    with bob.task("Sign a unit with 5 evidence requirements"):
        bob.follow("CFACC15")
        boxes = page.locator("input[type=checkbox][name=requirement]")
        assert boxes.count() == 5
        for index in range(5):
            bob.tap(boxes.nth(index))
        reason = page.get_by_label("Why the evidence is sufficient")
        if reason.count():
            bob.type_in(reason, "The calls show each criterion.")
        bob.type_in(page.get_by_label("Closing comment"), "A steady record with a real customer.")
        bob.type_in(page.get_by_label("Your password", exact=True), PASSWORD)
        bob.press("Sign as assessor")
    expect(page.locator("main")).to_contain_text("Signed by the assessor")


def verify_unit(carol: Walker) -> None:
    page = carol.page
    with carol.task("Sample 3 decisions of 2 items", max_scrolled=MAX_SCROLLED_TO_SAMPLE):
        carol.follow("Alice Moran")
        for index in range(2):
            carol.tap(page.get_by_label("Agree", exact=True).nth(index))
        carol.press("Save and continue")
        carol.tap(page.get_by_label("Agree", exact=True).first)
        carol.tap(page.get_by_text("Add a comment on this item"))
        carol.type_in(page.get_by_label("Comment on this sample"), "One decision, in depth.")
        carol.press("Save and continue")
    expect(page.locator("main")).to_contain_text("3 of 24")
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
    for expected in ("Alice Moran", "Bob Archer", "Carol Hughes", "2 v2", "Complaint CH-2231", "A steady record"):
        assert expected in words, expected
    assert words.count("✓") >= 24
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    (folder / "form.pdf").write_bytes(answer.body())
    subprocess.run(["pdftoppm", "-r", "50", "-png", folder / "form.pdf", folder / "form"], check=True)
    picture = Image.open(next(folder.glob("form-*.png"))).convert("L")
    assert picture.width > picture.height
    assert sum(picture.histogram()[:128]) > 2_000
