"""The witness list on a phone and a laptop: an entry added, whose status ends, removed, and the sheets for signatures."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.accessibility import find_violations
from tests.browser.conftest import LiveServer
from tests.browser.test_countersigning import open_page
from tracker.clock import today

pytestmark = pytest.mark.browser


def check_page(page: Page, width: int) -> None:
    assert list(find_violations(page)) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_a_witness_is_listed_and_removed(live_server: LiveServer, browser: Browser, width: int) -> None:
    with live_server.open_world() as world:
        at = f"{live_server.address}/centres/{world.northgate.id}/witnesses"
    context, page = open_page(live_server, browser, live_server.world.dan, width)
    page.goto(at)
    expect(page.get_by_text("No witnesses yet.")).to_be_visible()
    check_page(page, width)
    page.get_by_role("link", name="Add a witness").click()
    page.get_by_label("Name of the witness").fill("Margaret Ellis")
    page.get_by_label("Email address").fill("m.ellis@corvell.example")
    page.get_by_label("Job or relationship").fill("Operations manager")
    page.get_by_label("Familiar with the standards").check()
    page.get_by_label("First day of the status").fill(f"{today():%Y-%m-%d}")
    page.get_by_label("Last day of the status").fill(f"{today():%Y-%m-%d}")
    check_page(page, width)
    page.get_by_role("button", name="Add the witness").click()
    expect(page.get_by_text("Margaret Ellis", exact=True).first).to_be_visible()
    check_page(page, width)
    for name in ("Print the list for signatures (PDF)", "Print a blank list (PDF)"):
        address = page.get_by_role("link", name=name).get_attribute("href")
        answer = page.request.get(f"{live_server.address}{address}")
        assert answer.headers["content-type"] == "application/pdf", answer.status
    page.get_by_role("link", name=re.compile("^Remove")).click()
    check_page(page, width)
    page.get_by_label("Reason").fill("She has left the company.")
    page.get_by_role("button", name="Remove the witness").click()
    page.goto(at)
    expect(page.get_by_role("link", name=re.compile("^Remove"))).to_have_count(0)
    check_page(page, width)
    context.close()
