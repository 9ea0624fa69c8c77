"""Axe, which finds what is not accessible on a page."""

from collections.abc import Iterator

from axe_playwright_python.sync_playwright import Axe, AxeResults
from playwright.sync_api import BrowserContext, Page

RUN = """axe.run({resultTypes: ["violations"]}).then(({violations}) => ({violations}))"""
"""The rules that hold are left out of the answer, for sending them takes long."""


def bring_axe(context: BrowserContext) -> None:
    """Give every page of a browser axe when it opens. It is compiled once then, and not again for each check."""
    context.add_init_script(Axe().axe_script)


def find_violations(page: Page) -> Iterator[str]:
    """Yield axe's report on a page of a browser that brings axe, as its window shows it, if anything is not accessible."""
    results = AxeResults(page.evaluate(RUN))
    if results.violations_count:
        yield results.generate_report()
