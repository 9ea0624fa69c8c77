"""Navigation, banners, footers and hidden parts of a web page, which are removed before its text is read."""

import re
from collections.abc import Iterator
from typing import Any

Element = Any
SILENT = ("script", "style", "noscript", "template", "svg", "select", "textarea")
ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alertdialog"}
TAGS = {"nav", "header", "footer", "aside", "dialog", "form"}
NAMED = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|breadcrumbs?|cookies?|consent|skip|share|social|pagination|sidebar"
    r"|footer|masthead)(?:$|[\s_-])",
    re.IGNORECASE,
)
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
MAX_OF_PAGE = {"form": 0.25, "hidden": 0.1}
"""What holds more of the page's words than this is kept, whatever it calls itself."""
MOST = 0.75
ALL = 0.9


def leave_out_furniture(page: Element) -> None:
    """Take the furniture out of the page, unless nothing would be left of it."""
    for element in list(page.iter(*SILENT)):
        element.drop_tree()
    body = page.find("body")
    total = _signs(body)
    if not total:
        return
    found = list(_outermost(body, total))
    if sum(_signs(element) for element in found) > total * ALL:
        return
    for element in found:
        element.drop_tree()


def _outermost(element: Element, total: int) -> Iterator[Element]:
    for child in element:
        kind = _kind(child)
        if kind and _signs(child) <= total * MAX_OF_PAGE.get(kind, MOST):
            yield child
        else:
            yield from _outermost(child, total)


def _kind(element: Element) -> str:
    """What sort of furniture an element is, by what it calls itself; empty for none."""
    tag, role = element.tag, element.get("role") or ""
    if tag in {"html", "body", "main", "article"} or role == "main":
        return ""
    if tag == "header" or role == "banner":
        return "" if _titles_page(element) else "header"
    if tag == "footer" and _ancestor(element, "blockquote"):
        return ""
    if tag in TAGS or role in ROLES:
        return "form" if tag == "form" else tag
    if element.get("hidden") is not None or HIDDEN.search(element.get("style") or ""):
        return "hidden"
    named = f"{element.get('class') or ''} {element.get('id') or ''}"
    return "named" if NAMED.search(named) and _is_links(element) else ""


def _titles_page(header: Element) -> bool:
    """A header inside the article, or one that holds the page's only first heading, is the page's own."""
    if _ancestor(header, "article", "main", "section"):
        return True
    inside = sum(1 for _ in header.iter("h1"))
    return bool(inside) and inside == sum(1 for _ in header.getroottree().getroot().iter("h1"))


def _ancestor(element: Element, *tags: str) -> bool:
    return next(element.iterancestors(*tags), None) is not None


def _is_links(element: Element) -> bool:
    """Most of its words are links, as in a menu."""
    return sum(_signs(link) for link in element.iter("a")) > _signs(element) / 2


def _signs(element: Element) -> int:
    return sum(len(part.strip()) for part in element.itertext())
