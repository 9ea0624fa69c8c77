"""The layout of a page: one left edge, one measure, bars that stand under each other, and no scrolling sideways."""

from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page

MEASURE, WIDE_MEASURE = 40 * 16, 86 * 16
"""Pixels: `--measure` and `--measure-wide` of static/css/base.css."""
PADDING = 16
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
  };
}"""
READ_SCROLLING = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
WIDEST = """() => [...document.querySelectorAll("main *, header *")]
  .filter((each) => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(-3).map((each) => `${each.tagName.toLowerCase()}.${each.className}: ${each.textContent.trim().slice(0, 40)}`)
  .join(" | ")"""
"""What reaches beyond the right edge, the innermost last."""


def find_scrolling(page: Page) -> Iterator[str]:
    """Yield by how much the page scrolls sideways, and what reaches beyond its right edge."""
    beyond = page.evaluate(READ_SCROLLING)
    if beyond > 0:
        yield f"scrolls sideways by {beyond} px: {page.evaluate(WIDEST)}"


def find_layout_faults(page: Page) -> Iterator[str]:
    """Yield what is wrong with the layout of the page in a window of its width."""
    width = (page.viewport_size or {"width": 0})["width"]
    layout: dict[str, Any] = page.evaluate(READ_LAYOUT, MEASURE)
    left = max(PADDING, (width - WIDE_MEASURE) // 2)
    measure = min(width - 2 * PADDING, WIDE_MEASURE if layout["isWide"] else MEASURE)
    faults = {
        f"left edges {layout['edges']}, not {left}": set(layout["edges"]) != {left},
        f"{layout['width']} px wide, not {measure}": layout["width"] != measure,
        f"text beyond the measure: {layout['tooWide']}": bool(layout["tooWide"]),
        f"bars at {layout['bars']}": bool(layout["bars"]),
    }
    yield from (fault for fault, is_so in faults.items() if is_so)
    yield from find_scrolling(page)
