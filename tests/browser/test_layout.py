"""One left edge and one measure on every page, bars that stand under each other, and no page wider than a phone."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import LiveServer
from tests.browser.test_every_page import sign_in
from tests.every_page import list_addresses

pytestmark = pytest.mark.browser
MEASURE, WIDE_MEASURE = 40 * 16, 86 * 16
"""Pixels: `--measure` and `--measure-wide` of static/css/base.css."""
PADDING = 16
WIDTHS = (390, 1280, 1920)
READ_LAYOUT = """(measure) => {
  const box = (element) => element.getBoundingClientRect();
  const [head, main, h1] = [".site-header-row", "main", "main h1"].map((each) => document.querySelector(each));
  const breadcrumbs = document.querySelector(".breadcrumbs");
  const tooWide = [...main.querySelectorAll("p, dd, textarea, input:not([type=hidden]), select")].filter((each) =>
    box(each).width > measure + 1 && !each.closest("table, .unit-head, .act-bar") && getComputedStyle(each).display !== "flex");
  const bars = [".unit-rows .bar", ".registered-unit .bar"].map((each) =>
    [...main.querySelectorAll(each)].map((bar) => Math.round(box(bar).left)));
  return {
    edges: [head.firstElementChild, main, h1, ...(breadcrumbs ? [breadcrumbs] : [])].map((each) => Math.round(box(each).left)),
    width: Math.round(box(main).width),
    isWide: document.querySelector(".page").classList.contains("wide"),
    tooWide: tooWide.slice(0, 3).map((each) => `${each.tagName}.${each.className} ${Math.round(box(each).width)}: ${each.textContent.trim().slice(0, 40)}`),
    bars: bars.filter((lefts) => new Set(lefts).size > 1),
    beyond: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
}"""


def find_faults(layout: dict[str, Any], width: int) -> list[str]:
    """Return what is wrong with the layout of a page in a window of this width."""
    left = max(PADDING, (width - WIDE_MEASURE) // 2)
    measure = min(width - 2 * PADDING, WIDE_MEASURE if layout["isWide"] else MEASURE)
    faults = {
        f"left edges {layout['edges']}, not {left}": set(layout["edges"]) != {left},
        f"{layout['width']} px wide, not {measure}": layout["width"] != measure,
        f"text beyond the measure: {layout['tooWide']}": bool(layout["tooWide"]),
        f"bars at {layout['bars']}": bool(layout["bars"]),
        f"scrolls sideways by {layout['beyond']} px": layout["beyond"] > 0,
    }
    return [fault for fault, is_so in faults.items() if is_so]


def test_every_page_has_the_same_left_edge_and_measure_and_fits_a_phone(
    live_server: LiveServer, browser: Browser
) -> None:
    faults: list[str] = []
    for name, paths in list_addresses(live_server.app).items():
        context = sign_in(live_server, browser, name, WIDTHS[0])
        page = context.new_page()
        for path in paths:
            page.goto(live_server.address + path)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 844})
                layout = page.evaluate(READ_LAYOUT, MEASURE)
                faults += [f"{name or 'nobody'}, {path}, {width} px: {each}" for each in find_faults(layout, width)]
        context.close()
    assert not faults, "\n".join(faults)
