"""Navigation, banners, footers and hidden parts of a web page, which are removed before its text is read."""

import re
from collections.abc import Iterator
from typing import Any

Element = Any
INVISIBLE_TAGS = ("script", "style", "noscript", "template", "svg", "select", "textarea")
NAVIGATION_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary", "dialog", "alertdialog"}
NAVIGATION_TAGS = {"nav", "header", "footer", "aside", "dialog", "form"}
NAVIGATION_NAME = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|breadcrumbs?|cookies?|consent|skip|share|social|pagination|sidebar"
    r"|footer|masthead)(?:$|[\s_-])",
    re.IGNORECASE,
)
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
MAX_SHARES = {"form": 0.25, "hidden": 0.1}
"""An element with a larger share of the page's text is kept, whatever it is called."""
MAX_SHARE = 0.75
MAX_REMOVED_SHARE = 0.9


def remove_navigation(page: Element) -> None:
    """Remove navigation, banners, footers and hidden parts, unless almost nothing would be left."""
    for element in list(page.iter(*INVISIBLE_TAGS)):
        element.drop_tree()
    body = page.find("body")
    total = _count_characters(body)
    if not total:
        return
    navigation = list(_find_outermost(body, total))
    if sum(_count_characters(element) for element in navigation) > total * MAX_REMOVED_SHARE:
        return
    for element in navigation:
        element.drop_tree()


def _find_outermost(element: Element, total: int) -> Iterator[Element]:
    for child in element:
        kind = _classify(child)
        if kind and _count_characters(child) <= total * MAX_SHARES.get(kind, MAX_SHARE):
            yield child
        else:
            yield from _find_outermost(child, total)


def _classify(element: Element) -> str:
    """Return the kind of navigation that an element is, by its tag, role or name; empty if it is none."""
    tag, role = element.tag, element.get("role") or ""
    if tag in {"html", "body", "main", "article"} or role == "main":
        return ""
    if tag == "header" or role == "banner":
        return "" if _is_page_header(element) else "header"
    if tag == "footer" and _has_ancestor(element, "blockquote"):
        return ""
    if tag in NAVIGATION_TAGS or role in NAVIGATION_ROLES:
        return "form" if tag == "form" else tag
    if element.get("hidden") is not None or HIDDEN_STYLE.search(element.get("style") or ""):
        return "hidden"
    names = f"{element.get('class') or ''} {element.get('id') or ''}"
    return "named" if NAVIGATION_NAME.search(names) and _is_mostly_links(element) else ""


def _is_page_header(header: Element) -> bool:
    """Return whether a header is the page's own: inside the article, or with the page's only `h1`."""
    if _has_ancestor(header, "article", "main", "section"):
        return True
    headings_inside = sum(1 for _ in header.iter("h1"))
    return bool(headings_inside) and headings_inside == sum(1 for _ in header.getroottree().getroot().iter("h1"))


def _has_ancestor(element: Element, *tags: str) -> bool:
    return next(element.iterancestors(*tags), None) is not None


def _is_mostly_links(element: Element) -> bool:
    """Return whether most of an element's text is links, as in a menu."""
    return sum(_count_characters(link) for link in element.iter("a")) > _count_characters(element) / 2


def _count_characters(element: Element) -> int:
    return sum(len(part.strip()) for part in element.itertext())
