"""The checks of the test clients: each fault of a page is reported, and each uncommitted change."""

import pytest
from flask import Flask

from tests import inspection
from tests.factories import World
from tests.inspection import find_page_faults, list_new_faults
from tracker.extensions import db

pytestmark = pytest.mark.one_database

PAGE = """<!doctype html><html lang="en"><head><title>Sign in – Evidence tracker</title></head>
<body><h1>Sign <b>in</b></h1>{}</body></html>"""


@pytest.mark.parametrize(
    "markup",
    [
        '<label>Email <input name="email"></label>',
        '<label for="method">Method</label><select id="method"><option>Observation</option></select>',
        '<input aria-label="Email" aria-describedby="hint"><p id="hint">As on your badge</p>',
        '<input type="hidden" name="key"><button>Sign in</button>',
        '<img src="/logo.png" alt=""><a href="https://example.org/standard">The standard</a>',
        '<svg aria-hidden="true"><path d="M0 0h1"/></svg><script src="/static/js/base.js" nonce="x" defer></script>',
    ],
)
def test_a_valid_page_passes(markup: str) -> None:
    assert list(find_page_faults(PAGE.format(markup))) == []


@pytest.mark.parametrize(
    ("markup", "fault"),
    [
        ("<div><p>open", "line 2: "),
        ("<h1>Another</h1>", "one title that contains its one h1"),
        ('<p id="a"></p><p id="a"></p>', "2 elements have the id 'a'"),
        ('<input name="email">', "no label"),
        ('<label for="other">Email</label><textarea id="email"></textarea>', "no label"),
        ('<label for="gone">Email</label>', "refers to 'gone'"),
        ('<p aria-describedby="gone">x</p>', "refers to 'gone'"),
        ('<a href="#gone">Skip</a>', "refers to 'gone'"),
        ('<p style="color: red">x</p>', "style beside"),
        ('<script nonce="x">go()</script>', "a script that is inline"),
        ('<script src="/static/js/base.js"></script>', "without the nonce of its response"),
        ('<p onclick="go()">x</p>', "event handler"),
        ('<img src="/logo.png">', "no alt"),
        ('<script src="https://cdn.example/x.js"></script>', "external address"),
        ('<button class="x"></button>', "no text"),
    ],
)
def test_a_fault_is_reported(markup: str, fault: str) -> None:
    assert fault in "\n".join(find_page_faults(PAGE.format(markup)))


def test_the_title_holds_the_heading() -> None:
    assert "one title that contains its one h1" in "\n".join(
        find_page_faults(PAGE.format("").replace("Sign in –", "Welcome –"))
    )


def test_a_page_like_a_valid_one_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.format('<p id="item-{0}">{1}</p><label for="on-{0}">On</label><input id="on-{0}" value="{1}">')
    assert list_new_faults(page.format(1, "Call")) == []
    monkeypatch.setattr(inspection, "find_page_faults", lambda _html: ["parsed"])
    assert list_new_faults(page.format(27, "Letter of 5 October")) == []


@pytest.mark.parametrize(
    ("valid", "faulty"),
    [
        ('<p id="a1"></p><p id="a2"></p>', '<p id="a1"></p><p id="a1"></p>'),
        ('<p id="a"></p><a href="#a">Skip</a>', '<p id="a"></p><a href="#b">Skip</a>'),
        ('<p id="a"></p><p aria-describedby="a">x</p>', '<p id="a"></p><p aria-describedby="b">x</p>'),
        ("<p>R and D</p>", "<p>R&\x00D</p>"),
        ("<p>R and D</p>", "<p>R \x01 D</p>"),
        ('<p title="R and D">x</p>', '<p title="R &bad; D">x</p>'),
        ('<button class="x">Go</button>', '<button class="x"> </button>'),
        ('<input type="hidden" name="a">', '<input type="text" name="a">'),
        ('<input aria-label="Email">', '<input aria-label="">'),
        ('<img alt="" src="/a.png">', '<img alt="" src="//a.png">'),
        ('<img alt="" src="/a.png">', '<img src="/a.png">'),
        ('<form action="/a"></form>', '<form action="https://example.org/a"></form>'),
        ('<p class="a">x</p>', '<p style="a">x</p>'),
        ('<p class="a">x</p>', '<p onclick="a">x</p>'),
        ("<div>x</div>", "<div>x"),
        ("<p>x</p>", "<h1>x</h1>"),
        ("<ul><li>x</li></ul>", "<ul><li>x</ul></li>"),
        ("<h2>x</h2>", "<h2>x</h3>"),
    ],
)
def test_a_fault_on_a_page_like_a_valid_one_is_reported(valid: str, faulty: str) -> None:
    assert list_new_faults(PAGE.format(valid)) == []
    assert list_new_faults(PAGE.format(faulty)) != []


def test_another_heading_on_a_page_like_a_valid_one_is_compared_with_its_title() -> None:
    assert list_new_faults(PAGE.format("")) == []
    assert list_new_faults(PAGE.format("").replace("<h1>Sign <b>in</b>", "<h1>Sign <b>up</b>")) != []


def test_a_change_left_uncommitted_is_noticed(app: Flask, world: World) -> None:
    def rename(_response: object) -> object:
        world.alice.name = "Somebody else"
        return _response

    app.after_request_funcs.setdefault(None, []).append(rename)
    try:
        with pytest.raises(AssertionError, match="left uncommitted"):
            app.test_client().get("/nothing-here")
    finally:
        app.after_request_funcs[None].remove(rename)
        db.session.rollback()


def test_a_flush_without_a_commit_is_noticed(app: Flask, world: World) -> None:
    def rename(_response: object) -> object:
        world.alice.name = "Somebody else"
        db.session.flush()
        return _response

    app.after_request_funcs.setdefault(None, []).append(rename)
    try:
        with pytest.raises(AssertionError, match="did not commit"):
            app.test_client().get("/nothing-here")
    finally:
        app.after_request_funcs[None].remove(rename)
        db.session.rollback()
