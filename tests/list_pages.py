"""The pages of a list as somebody reads them: by the links below the rows."""

import html
import re
from collections.abc import Callable, Iterator

from flask.testing import FlaskClient

NEXT, PREVIOUS, FIRST = "Next page", "Previous page", "First page"


def find_page_link(page: str, words: str) -> str | None:
    """Return the address of the link with these words below a list, or None."""
    found = re.search(rf'<a (?:rel="\w+" )?href="([^"]*)">{words}</a>', page)
    return html.unescape(found[1]) if found else None


def walk(browser: FlaskClient, address: str, words: str = NEXT) -> Iterator[str]:
    """Yield a page of a list and those that a link leads to from there, in turn."""
    link: str | None = address
    while link is not None:
        page = browser.get(link).text
        yield page
        link = find_page_link(page, words)


def read_all(browser: FlaskClient, address: str, read: Callable[[str], list[str]]) -> list[str]:
    """Return what is read from a page of a list and from all that follow."""
    return [each for page in walk(browser, address) for each in read(page)]
