"""Adding evidence on a phone: two screens, ten taps for five criteria, and Save within reach."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import func, select

from tests.browser.conftest import LiveServer
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.clock import today
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Evidence
from tracker.vocabulary import Method

pytestmark = pytest.mark.browser
SCREEN = 844
MAX_TAPS = 10


@pytest.fixture
def phone(live_server: LiveServer, browser: Browser) -> Iterator[Page]:
    """Alice's phone, with a camera button, at her home page."""
    context = browser.new_context(
        viewport={"width": 390, "height": SCREEN}, has_touch=True, is_mobile=True, locale="en-GB"
    )
    context.set_default_timeout(30_000)
    with live_server.app.app_context(), transaction():
        token = start_session(live_server.world.alice, "127.0.0.1", "Chromium", proven=True)
    context.add_cookies([{"name": COOKIE_NAME, "value": token, "url": live_server.address}])
    page = context.new_page()
    page.goto(live_server.address)
    yield page
    context.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (320, 200), "#e8e4da").save(path)
    return path


def load_saved(live_server: LiveServer) -> tuple[Method | None, date | None, int]:
    """Return the method, the date and the number of claims of the only item."""
    with live_server.app.app_context():
        item = db.session.scalars(select(Evidence)).one()
        claims = db.session.scalar(select(func.count(Claim.id)).where(Claim.evidence_id == item.id))
        return item.method, item.happened_from, claims or 0


def test_a_photo_and_five_criteria_take_ten_taps_from_the_home_page(
    phone: Page, live_server: LiveServer, photo: Path
) -> None:
    taps = 0

    def tap(control: Locator) -> None:
        nonlocal taps
        control.tap()
        taps += 1

    tap(phone.get_by_role("link", name="Add evidence").first)
    with phone.expect_file_chooser() as chooser:
        tap(phone.get_by_text("Take a photo"))
    chooser.value.set_files(photo)
    tap(phone.get_by_label("Title", exact=True))
    phone.keyboard.type("Complaint CH-2231, three contacts")
    tap(phone.get_by_label("Work product"))
    tap(phone.get_by_role("button", name="Save and choose criteria"))
    expect(phone.get_by_role("heading", level=1)).to_have_text("Choose criteria")
    boxes = phone.locator(f"input[type=checkbox][value^='{live_server.world.cfacc15.id}-']:not([name^='also-'])")
    for index in range(5):
        with phone.expect_response(lambda response: response.request.method == "POST"):
            tap(boxes.nth(index))
    assert load_saved(live_server) == (Method.WORK_PRODUCT, today(), 5)
    assert taps <= MAX_TAPS


def test_the_form_has_two_screens_with_the_photo_first_and_save_in_view(phone: Page) -> None:
    phone.get_by_role("link", name="Add evidence").first.tap()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Add evidence")
    assert phone.evaluate("document.documentElement.scrollHeight") <= 2 * SCREEN
    for first in (phone.get_by_text("Take a photo"), phone.get_by_label("Title", exact=True)):
        expect(first).to_be_in_viewport()
    for place in ("0", "document.documentElement.scrollHeight"):
        phone.evaluate(f"window.scrollTo(0, {place})")
        expect(phone.get_by_role("button", name="Save and choose criteria")).to_be_in_viewport()


def test_the_first_automatic_save_keeps_the_date_that_was_filled_in(
    phone: Page, live_server: LiveServer, photo: Path
) -> None:
    phone.goto(f"{live_server.address}/evidence/new")
    phone.locator("input[type=file][multiple]").set_input_files(photo)
    expect(phone.get_by_role("link", name="photo.jpg")).to_be_visible()
    assert load_saved(live_server)[1] == today()
