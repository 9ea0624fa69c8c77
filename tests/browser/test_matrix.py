"""The matrix of an attempt by keyboard, as its assessor reads it on a narrow screen."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import factories
from tests.browser.conftest import LiveServer
from tracker.accounts.sessions import COOKIE_NAME, start_session
from tracker.extensions import db
from tracker.ledger import transactions

pytestmark = pytest.mark.browser
COVERED_CELLS = """() => {
  const box = document.querySelector(".matrix-box").getBoundingClientRect();
  const left = document.querySelector("table.matrix tbody th").getBoundingClientRect().right;
  return [...document.querySelectorAll("table.matrix :is(tfoot td, thead th[colspan])")].filter((cell) => {
    const place = cell.getBoundingClientRect(), x = place.left + place.width / 2, y = place.top + place.height / 2;
    return x > left && x < box.right && !cell.contains(document.elementFromPoint(x, y));
  }).map((cell) => cell.innerText);
}"""
"""The counts and the group headings in view beside the column of numbers whose centre another cell covers."""


@pytest.fixture
def matrix(live_server: LiveServer, browser: Browser) -> Iterator[Page]:
    """Open Alice's matrix as Bob; one submitted item claims the criteria 1, 2 and 13."""
    with live_server.app.app_context(), transactions.transaction():
        attempt = db.session.merge(live_server.world.cfacc15)
        evidence = factories.make_evidence(attempt, "Complaint CH-2231")
        factories.claim(attempt, evidence, "1", "2", "13")
        factories.submit(evidence)
        attempt_id = attempt.id
        token = start_session(db.session.merge(live_server.world.bob), "127.0.0.1", "Chrome", proven=True)
    context = browser.new_context(viewport={"width": 390, "height": 1200})
    context.add_cookies([{"name": COOKIE_NAME, "value": token, "url": live_server.address}])
    page = context.new_page()
    page.goto(f"{live_server.address}/attempts/{attempt_id}?view=matrix&columns=all")
    yield page
    context.close()


def test_arrow_keys_reach_claims_that_nobody_has_decided(matrix: Page) -> None:
    matrix.get_by_role("link", name="1", exact=True).focus()
    matrix.keyboard.press("ArrowDown")
    expect(matrix.get_by_role("img", name="1, 1: claimed")).to_be_focused()
    matrix.keyboard.press("ArrowRight")
    expect(matrix.get_by_role("img", name="1, 2: claimed")).to_be_focused()
    expect(matrix.locator("[data-matrix-strip]")).to_contain_text("Complaint CH-2231 – claimed, not yet assessed")


def test_headings_and_counts_stay_visible_when_scrolled(matrix: Page) -> None:
    matrix.get_by_role("link", name="1", exact=True).focus()
    matrix.keyboard.press("End")
    assert matrix.locator(".matrix-box").evaluate("box => box.scrollLeft") > 0
    assert matrix.evaluate(COVERED_CELLS) == []


def test_a_phone_shows_headings_in_place_of_criteria(matrix: Page) -> None:
    matrix.goto(matrix.url.replace("&columns=all", ""))
    expect(matrix.locator(".matrix")).to_be_hidden()
    box = matrix.locator(".short-matrix-box")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth"), "every heading is in view"
    expect(box.get_by_role("img", name="2 claimed")).to_be_visible()
    matrix.get_by_role("link", name="Show every criterion").click()
    expect(matrix.locator(".matrix")).to_be_visible()
    matrix.set_viewport_size({"width": 1280, "height": 800})
    matrix.goto(matrix.url.replace("&columns=all", ""))
    expect(matrix.locator(".matrix")).to_be_visible()
    expect(matrix.locator(".short-matrix")).to_be_hidden()


def test_the_first_row_and_the_first_criterion_are_in_the_first_window(matrix: Page) -> None:
    matrix.set_viewport_size({"width": 1280, "height": 800})
    matrix.goto(matrix.url.replace("&columns=all", ""))
    assert matrix.locator("table.matrix tbody tr").first.evaluate("(row) => row.getBoundingClientRect().bottom") < 760
    matrix.set_viewport_size({"width": 390, "height": 844})
    matrix.goto(matrix.url.split("?")[0])
    first = matrix.locator(".criterion-row").first
    assert first.evaluate("(row) => row.getBoundingClientRect().top") < 844 - 60, "above the bar of the navigation"
