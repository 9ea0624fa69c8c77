"""Test clients that check the HTML of each page, and that each request committed its changes."""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from flask import g
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from tracker.extensions import db

UNLABELLED = {"hidden", "submit", "reset", "button"}
LABELLING_ATTRIBUTES = ("aria-label", "aria-labelledby")
REFERENCING_ATTRIBUTES = (
    "for",
    "form",
    "list",
    "headers",
    "aria-describedby",
    "aria-labelledby",
    "aria-controls",
    "aria-owns",
)
EXTERNAL_ADDRESSES = ("http:", "https:", "//", "javascript:")
PLAIN = r"[^<>&\"\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
"""A character that means the same to every check: no markup, and none that HTML forbids."""
HEADING = re.compile(r"<(title|h1)[ >].*?</\1>", re.DOTALL)
TEXT = re.compile(rf">(?={PLAIN}*[^\s<]){PLAIN}+<")
LOCAL_ADDRESS = re.compile(rf' (href|src|action|formaction|poster)="/(?!/){PLAIN}*"')
UNCHECKED_VALUE = re.compile(
    rf' (?!(?:id|type|href|src|action|formaction|poster|{"|".join(REFERENCING_ATTRIBUTES)})=)([\w:-]+)="{PLAIN}+"'
)
NUMBER = re.compile(r"(?<!<h)(?<!/h)\d+")


class PlainClient(FlaskClient):
    """A client whose requests share the test's application context; each starts signed out and without a transaction."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        for name in list(g):
            g.pop(name)
        if not list_uncommitted_changes():
            db.session.commit()
        return super().open(*args, **kwargs)


class CommitCheckingClient(PlainClient):
    """A client that fails where a request left changes uncommitted."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        db.session.info["flushed"] = False
        response = super().open(*args, **kwargs)
        request = f"{response.request.method} {response.request.path}"
        assert not (changes := list_uncommitted_changes()), f"{request} left uncommitted: {changes}"
        assert not db.session.info["flushed"], f"{request} wrote to the database and did not commit"
        return response


class PageCheckingClient(CommitCheckingClient):
    """A client that also fails where a page is not valid."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        if response.mimetype == "text/html" and response.status_code not in range(300, 400) and not response.history:
            page = gzip.decompress(response.data) if response.content_encoding == "gzip" else response.data
            page_faults = list_new_faults(page.decode()) if page else []
            request = f"{response.request.method} {response.request.path}"
            assert not page_faults, f"{request} ({response.status_code}):\n  " + "\n  ".join(page_faults)
        return response


def list_uncommitted_changes() -> list[Any]:
    """Return the objects of the session whose changes are not flushed."""
    session = db.session
    return [*session.new, *session.deleted, *(row for row in session.dirty if session.is_modified(row))]


@event.listens_for(db.session, "after_flush")
@event.listens_for(db.session, "after_rollback")
@event.listens_for(db.session, "after_commit")
def record_flush(session: Any, flush: Any = None) -> None:
    session.info["flushed"] = flush is not None


valid_pages: set[str] = set()
"""What `reduce_page` returned for pages in which no fault was found."""


def list_new_faults(html: str) -> list[str]:
    """Return the faults of a page, which is parsed only if no page like it was found valid: parsing takes long."""
    if (reduced := reduce_page(html)) in valid_pages:
        return []
    faults = list(find_page_faults(html))
    if not faults:
        valid_pages.add(reduced)
    return faults


def reduce_page(html: str) -> str:
    """Return the page without what no check depends on: pages that reduce to the same text have the same faults.

    Headings stay. Plain text elsewhere, addresses on this site and the values of attributes that are not checked are
    replaced by one letter. Each number is replaced by that of its first place, so that equal ids stay equal and
    different ones different.
    """
    headings = "".join(match[0] for match in HEADING.finditer(html))
    places: dict[str, str] = {}
    for pattern, replacement in ((TEXT, ">t<"), (LOCAL_ADDRESS, r' \1="/"'), (UNCHECKED_VALUE, r' \1="t"')):
        html = pattern.sub(replacement, html)
    return headings + NUMBER.sub(lambda each: places.setdefault(each[0], f"\a{len(places)}"), html)


def find_page_faults(html: str) -> Iterator[str]:
    """Yield each fault of a page as a sentence."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    page = parser.parse(html)
    lines = html.split("\n")
    for (line, _column), code, names in parser.errors:
        yield f"line {line}: {code} {names or ''}: {''.join(lines[line - 1 : line]).strip()[:100]}"
    elements = list(page.iter())
    ids = Counter(element.get("id") for element in elements if element.get("id") is not None)
    yield from (f"{times} elements have the id {each!r}" for each, times in ids.items() if times > 1 or not each)
    titles, tops = [[get_text(element) for element in page.findall(path)] for path in ("head/title", ".//h1")]
    if len(titles) != 1 or len(tops) != 1 or not tops[0] or tops[0] not in titles[0]:
        yield f"the page needs one title that contains its one h1: {titles}, {tops}"
    labelled = {label.get("for") for label in page.iter("label")}
    labelled |= {id(element) for label in page.iter("label") for element in label.iter()}
    for element in elements:
        if isinstance(element.tag, str):
            description = f"<{element.tag} {' '.join(map('='.join, element.items()))[:160]}>"
            yield from (f"{description}: {fault}" for fault in find_element_faults(element, ids, labelled))


def find_element_faults(element: Element, ids: Counter[Any], labelled: set[Any]) -> Iterator[str]:
    tag, get = element.tag, element.get
    if "style" in element.attrib or tag == "style":
        yield "style beside the style sheet"
    yield from (f"event handler {name}" for name in element.attrib if name.startswith("on"))
    if tag == "script" and not (get("src") and get("nonce")):
        yield "a script that is inline, or without the nonce of its response"
    if tag == "img" and get("alt") is None:
        yield "no alt"
    if tag in {"button", "a"} and not (
        get_text(element) or any(child.get("aria-label") or child.get("alt") for child in element.iter())
    ):
        yield "no text"
    needs_label = tag in {"select", "textarea"} or (tag == "input" and get("type") not in UNLABELLED)
    if needs_label and not (any(map(get, LABELLING_ATTRIBUTES)) or {get("id", ""), id(element)} & labelled):
        yield "no label"
    for name in ("src", "action", "formaction", "poster", *(() if tag == "a" else ("href",))):
        if get(name, "").lower().startswith(EXTERNAL_ADDRESSES):
            yield f"external address in {name}"
    targets = [each for name in REFERENCING_ATTRIBUTES for each in get(name, "").split()]
    link = get("href", "")
    targets += [link[1:]] if link.startswith("#") and len(link) > 1 else []
    yield from (f"refers to {each!r}, which does not exist" for each in targets if each not in ids)


def get_text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
