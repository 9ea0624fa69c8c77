"""Every page that test_whole_life.py does not open, on the demonstration's data: open, accessible, in one layout."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.accessibility import find_violations
from tests.browser.demonstration import Demonstration
from tests.browser.layout import find_layout_faults, find_scrolling
from tests.every_page import PEOPLE

WIDTHS_WITH_AXE, WIDTH_OF_LAYOUT_ONLY = (390, 1280), 1920
pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.parametrize("name", PEOPLE)]


def test_every_page_opens_fits_is_accessible_and_has_the_one_layout(
    name: str, demonstration_site: Demonstration, browser: Browser
) -> None:
    problems: list[str] = []

    def note_refused_content(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            problems.append(message.text)

    context = demonstration_site.open_browser(browser, name, WIDTHS_WITH_AXE[0])
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", note_refused_content)
    for path in demonstration_site.paths[name]:
        answer = page.goto(demonstration_site.address + path)
        if answer is None or answer.status >= 500:
            problems.append(f"{path} answered {answer and answer.status}")
            continue
        if name and page.url.endswith("/sign-in"):
            problems.append(f"{path} asked to sign in")
        problems += [f"{path} {problem}" for problem in find_problems(page)]
    context.close()
    assert not problems, "\n\n".join(problems)


def find_problems(page: Page) -> Iterator[str]:
    """Yield what is wrong with a page at each width. One visit does: the page is the same, and its window grows."""
    for width in (*WIDTHS_WITH_AXE, WIDTH_OF_LAYOUT_ONLY):
        page.set_viewport_size({"width": width, "height": 844})
        yield from (f"at {width} px: {fault}" for fault in find_layout_faults(page))
        if width in WIDTHS_WITH_AXE:
            yield from (f"at {width} px: {report}" for report in find_violations(page))


def test_long_words_never_widen_a_phone_page(
    name: str, site_with_long_words: Demonstration, browser: Browser
) -> None:
    context = site_with_long_words.open_browser(browser, name, 390)
    page = context.new_page()
    problems = []
    for path in site_with_long_words.paths[name]:
        page.goto(site_with_long_words.address + path)
        problems += [f"{path} {problem}" for problem in find_scrolling(page)]
    context.close()
    assert not problems, "\n\n".join(problems)
