"""What a phone shows first, and what it leaves out, on the demonstration's pages under its banner."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.demonstration import Demonstration

pytestmark = pytest.mark.browser


@pytest.fixture
def page(demonstration_site: Demonstration, browser: Browser) -> Iterator[Page]:
    context = demonstration_site.open_browser(browser, "Alice", 390)
    yield context.new_page()
    context.close()


def test_the_first_criterion_of_a_unit_is_in_the_first_window(page: Page, demonstration_site: Demonstration) -> None:
    unit = next(path for path in demonstration_site.paths["Alice"] if path.startswith("/attempts/"))
    page.goto(demonstration_site.address + unit)
    expect(page.get_by_text("Demonstration: invented people")).to_be_in_viewport()
    words = page.locator(".criterion-words").first.bounding_box()
    navigation = page.locator(".main-nav").bounding_box()
    assert words
    assert navigation
    assert words["y"] + words["height"] < navigation["y"]


def test_the_list_of_evidence_shows_no_empty_values(page: Page, demonstration_site: Demonstration) -> None:
    page.goto(f"{demonstration_site.address}/evidence")
    empty = page.get_by_role("cell", name="–", exact=True)
    expect(empty).to_have_count(0)
    page.set_viewport_size({"width": 1280, "height": 844})
    expect(empty.first).to_be_visible()
