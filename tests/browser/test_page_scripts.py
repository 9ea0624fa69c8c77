"""The page scripts: a tick that was not saved is undone, and nothing typed or chosen is lost.

They run against a small server of their own, which saves, refuses or delays as each test needs.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response, jsonify, render_template_string, request, send_from_directory
from flask.typing import ResponseReturnValue
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import make_server

from tests.browser.conftest import SECONDS_TO_NOTICE_THE_END

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parent.parent.parent
PERSON = 7

HEAD = """<!doctype html><html lang="en-GB"><head><title>A page</title><meta name="csrf-token" content="token">
<script src="/static/js/base.js" defer></script>{% for name in scripts %}<script src="/static/js/{{ name }}.js" defer></script>{% endfor %}
</head><body data-person="{{ request.args.get('person', 7) }}"><h1>A page</h1>
<form method="post" action="/out" data-sign-out><button>Sign out</button></form>"""
LOG = (
    """{% set scripts = ["autosave", "upload"] %}"""
    + HEAD
    + """
<form method="post" action="/whole" data-autosave="/draft" data-autosave-key="evidence-new">
<input type="hidden" name="version" value="0"><input name="title" aria-label="Title">
<textarea name="story" aria-label="Story"></textarea><input type="password" name="secret" aria-label="Secret">
<label><input type="checkbox" name="shared" value="y">Shared</label><p data-autosave-status></p>
<div data-upload data-upload-url="" data-upload-limit="1000"><ul data-upload-list></ul>
<input type="file" name="files" multiple aria-label="Files"><p data-upload-status></p></div>
<button>Submit</button></form>"""
)
MATRIX = (
    """{% set scripts = ["matrix"] %}"""
    + HEAD
    + """
<form method="post" data-matrix data-tick-url="/tick"><div data-matrix-strip></div><div class="matrix-box">
<table class="matrix"><thead><tr><td colspan="2"></td><th colspan="3">Performance criteria</th></tr>
<tr><th>No.</th><th>Evidence</th>{% for n in (1, 2, 3) %}<th data-text="Text of {{ n }}"><a href="#{{ n }}">{{ n }}</a></th>{% endfor %}</tr></thead>
<tbody>{% for e in (4, 5) %}<tr><th>{{ e }}</th><td class="what"><a href="/e">Item {{ e }}</a></td>
<td><input type="checkbox" value="{{ e }}-1" aria-label="{{ e }}, 1"></td><td class="met"><a href="/e" aria-label="{{ e }}, 2: met" data-note="Bob Archer">✓</a></td>
<td><input type="checkbox" value="{{ e }}-3" aria-label="{{ e }}, 3"></td></tr>{% endfor %}</tbody>
<tfoot><tr><th colspan="2">Items</th><td>0</td><td>2</td><td>0</td></tr></tfoot></table></div></form>"""
)


PREVIEWS = (
    HEAD
    + """<img class="preview" src="/preview" alt="Minutes, page 1" loading="lazy"><img src="/other" alt="Logo">"""
)


class Server:
    """A server that keeps the requests sent to it; `refusal` is its answer instead of saving, `refused` that for a field."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, list[str]]]] = []
        self.files: list[str] = []
        self.refusal = ""
        self.refused: dict[str, str] = {}
        self.seconds = 0.0
        app = Flask("scripts", static_folder=str(ROOT / "static"))
        app.add_url_rule("/log", view_func=lambda: render_template_string(LOG), endpoint="log")
        app.add_url_rule("/matrix", view_func=lambda: render_template_string(MATRIX), endpoint="matrix")
        app.add_url_rule("/previews", view_func=lambda: render_template_string(PREVIEWS), endpoint="previews")
        app.add_url_rule("/preview", view_func=self.show_image, endpoint="preview")
        app.add_url_rule("/other", view_func=self.show_image, endpoint="other")
        app.add_url_rule("/files", view_func=self.take_file, methods=["POST"])
        app.add_url_rule("/<path>", view_func=self.save, methods=["POST"])
        self.http = make_server("127.0.0.1", 0, app, threaded=True)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(SECONDS_TO_NOTICE_THE_END,))
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def save(self, path: str) -> ResponseReturnValue:
        self.requests.append((path, request.form.to_dict(flat=False)))
        time.sleep(self.seconds)
        if request.headers.get("X-CSRFToken") != "token":
            return Response("<h1>A whole page</h1>", mimetype="text/html")
        if self.refusal:
            return jsonify(message=self.refusal), 409
        fields = {"version": len(self.requests)}
        return jsonify(saved_at="10:42", fields=fields, upload_url="/files", refused=self.refused)

    def show_image(self) -> ResponseReturnValue:
        """Refuse an image twice, as the server does when too many are opened at once."""
        self.requests.append((request.path, {}))
        if len([path for path, _ in self.requests if path == request.path]) <= 2:
            return Response("Wait a moment.", status=429)
        return send_from_directory(str(ROOT / "static"), "icon.svg")

    def take_file(self) -> ResponseReturnValue:
        file = request.files["file"]
        if file.filename and file.filename.endswith(".exe"):
            return jsonify(message="Not kept: this kind of file is not taken."), 422
        self.files.append(file.filename or "")
        preview = "/f?show=1" if self.files[-1].endswith(".jpg") else ""
        return jsonify(id=1, name=file.filename, size="1 KB", url="/f", preview_url=preview, remove_url="/remove")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.thread.start()
    yield server
    server.http.shutdown()
    server.thread.join()
    server.http.server_close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One browser for all tests of this module: each test has a server, so a port and a local storage, of its own."""
    context = browser.new_context()
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()


def read_local_storage(page: Page) -> str:
    return page.evaluate("JSON.stringify({...localStorage})")


def test_a_preview_that_was_refused_for_the_moment_is_requested_again(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/previews")
    page.wait_for_function("document.querySelector('img.preview').naturalWidth > 0", timeout=30_000)
    assert [path for path, _ in server.requests].count("/preview") == 3
    assert [path for path, _ in server.requests].count("/other") == 1, "other images are not"


class TestAutosave:
    def test_only_what_changed_is_sent_and_the_browser_keeps_nothing_more(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.fill("[name=title]", "Escalation log")
        page.wait_for_selector("text=Saved 10:42")
        assert server.requests == [("draft", {"changed": ["title"], "title": ["Escalation log"], "version": ["0"]})]
        assert page.input_value("[name=version]") == "1"
        assert read_local_storage(page) == "{}"

    def test_an_unticked_box_is_sent_as_changed_without_a_value(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.check("[name=shared]")
        page.wait_for_selector("text=Saved 10:42")
        page.uncheck("[name=shared]")
        page.wait_for_function("document.querySelector('[name=version]').value === '2'")
        assert server.requests[1][1] == {"changed": ["shared"], "version": ["1"]}

    def test_a_refused_field_is_named_and_kept_in_the_browser(self, page: Page, server: Server) -> None:
        server.refused = {"title": "It takes at most 200 characters."}
        page.goto(f"{server.url}/log")
        page.fill("[name=title]", "x" * 300)
        page.fill("[name=story]", "I took the third call.")
        page.wait_for_selector("text=Saved 10:42. Not saved: It takes at most 200 characters.")
        page.wait_for_function("!JSON.stringify({...localStorage}).includes('third call')")
        assert "x" * 300 in read_local_storage(page)

    def test_a_form_sent_during_an_autosave_waits_for_its_response(self, page: Page, server: Server) -> None:
        server.seconds = 0.5
        page.goto(f"{server.url}/log")
        page.fill("[name=title]", "Escalation log")
        with page.expect_navigation():
            page.press("[name=title]", "Enter")
        assert [path for path, _ in server.requests] == ["draft", "whole"]
        assert server.requests[1][1]["version"] == ["1"]

    def test_text_that_did_not_arrive_is_restored_next_time(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.route("**/draft", lambda route: route.abort())
        page.fill("[name=story]", "I took the third call.")
        page.wait_for_selector("text=Not saved: there is no connection")
        page.unroute("**/draft")
        page.goto(f"{server.url}/log")
        page.wait_for_selector("text=It has been restored below")
        assert page.input_value("[name=story]") == "I took the third call."
        page.wait_for_selector("text=Saved 10:42")
        assert server.requests[-1][1]["story"] == ["I took the third call."]
        assert read_local_storage(page) == "{}"

    def test_another_person_at_the_same_phone_sees_no_unsaved_text(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.route("**/draft", lambda route: route.abort())
        page.fill("[name=story]", "Alice's words")
        page.wait_for_selector("text=Not saved")
        page.goto(f"{server.url}/log?person=8")
        page.wait_for_selector("html.js")
        assert page.input_value("[name=story]") == ""

    def test_signing_out_asks_first_and_then_clears_unsaved_text(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.route("**/draft", lambda route: route.abort())
        page.fill("[name=story]", "Alice's words")
        page.wait_for_selector("text=Not saved")
        questions: list[str] = []
        page.once("dialog", lambda dialog: (questions.append(dialog.message), dialog.dismiss()))  # type: ignore[call-overload]  # the handler may return anything
        page.click("text=Sign out")
        assert "Alice" in read_local_storage(page)
        page.once("dialog", lambda dialog: dialog.accept())
        page.click("text=Sign out")
        page.wait_for_url("**/out")
        assert read_local_storage(page) == "{}"
        assert "is not saved yet" in questions[0]

    def test_a_refusal_is_shown_in_the_server_s_words(self, page: Page, server: Server) -> None:
        server.refusal = "A date cannot lie in the future."
        page.goto(f"{server.url}/log")
        page.fill("[name=title]", "x")
        page.wait_for_selector("text=A date cannot lie in the future.")
        assert '"title"' in read_local_storage(page).replace("\\", "")

    def test_passwords_are_neither_sent_nor_kept(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.fill("[name=secret]", "hunter2")
        page.fill("[name=title]", "x")
        page.wait_for_selector("text=Saved 10:42")
        assert "hunter2" not in f"{server.requests}{read_local_storage(page)}"


class TestUpload:
    def test_a_new_item_is_saved_first_and_each_file_has_its_result(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.set_input_files(
            "[type=file]",
            [
                {"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"},
                {"name": "b.exe", "mimeType": "text/plain", "buffer": b"words"},
                {"name": "c.txt", "mimeType": "text/plain", "buffer": b""},
                {"name": "d.txt", "mimeType": "text/plain", "buffer": b"x" * 1001},
            ],
        )
        page.wait_for_selector("text=3 files were not added.")
        rows = page.locator("[data-upload-list] li").all_inner_texts()
        assert "✓ Added" in rows[0]
        assert "this kind of file is not taken" in rows[1]
        assert "the file is empty" in rows[2]
        assert "larger than 1 KB" in rows[3]
        assert server.requests[0][0] == "draft"
        assert server.files == ["a.txt"]

    def test_dropped_files_are_uploaded_in_their_order_with_thumbnails(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.evaluate(
            """() => {
                const files = new DataTransfer();
                for (const name of ["a.jpg", "b.txt", "c.txt"]) files.items.add(new File(["x".repeat(name === "a.jpg" ? 900 : 1)], name));
                const drop = (kind) => new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true });
                const part = document.querySelector("[data-upload]");
                if (part.dispatchEvent(drop("dragover"))) throw new Error("the browser would open the file");
                part.dispatchEvent(drop("drop"));
            }"""
        )
        page.wait_for_function("document.querySelectorAll('[data-upload-list] li.added').length === 3")
        assert server.files == ["a.jpg", "b.txt", "c.txt"]
        assert page.locator("[data-upload-list] img.thumbnail").count() == 1
        assert not page.locator(".drop-target").count()

    def test_an_interrupted_upload_can_be_sent_again(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.route("**/files", lambda route: route.abort())
        page.set_input_files("[type=file]", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"})
        page.wait_for_selector("text=the connection was lost")
        page.unroute("**/files")
        page.click("text=Try again")
        page.wait_for_selector("text=✓ Added")
        assert server.files == ["a.txt"]

    def test_the_form_stops_once_for_a_file_that_was_not_kept(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.set_input_files("[type=file]", {"name": "b.exe", "mimeType": "text/plain", "buffer": b"words"})
        page.wait_for_selector("text=1 file was not added.")
        page.click("text=Submit")
        page.wait_for_selector("text=Press the button again to continue without it")
        assert page.url.endswith("/log")
        page.click("text=Submit")
        page.wait_for_url("**/whole")


class TestMatrix:
    def test_keys_move_and_tick_and_the_count_is_updated(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/matrix")
        page.focus("[value='4-1']")
        for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Space"):
            page.keyboard.press(key)
        page.wait_for_selector("text=Saved 10:42")
        assert server.requests == [("tick", {"evidence": ["5"], "criterion": ["3"], "on": ["1"]})]
        assert page.locator("tfoot td").all_inner_texts() == ["0", "2", "1"]

    def test_one_cell_at_a_time_is_a_tab_stop(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/matrix")
        page.keyboard.press("End")
        page.focus("[value='5-3']")
        stops = page.locator("tbody td:not(.what) [tabindex='0'], thead [tabindex='0']")
        assert stops.count() == 1
        assert stops.get_attribute("value") == "5-3"

    def test_a_decided_cell_names_the_criterion_and_who_decided(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/matrix")
        page.focus("[aria-label='4, 2: met']")
        text = page.inner_text("[data-matrix-strip]")
        assert "Text of 2" in text
        assert "Item 4 – met: Bob Archer" in text

    @pytest.mark.parametrize("cause", ["refused", "no connection"])
    def test_a_tick_that_was_not_saved_is_undone(self, page: Page, server: Server, cause: str) -> None:
        page.goto(f"{server.url}/matrix")
        if cause == "refused":
            server.refusal = "Bob Archer has decided this meanwhile."
        else:
            page.route("**/tick", lambda route: route.abort())
        page.focus("[value='4-1']")  # not by mouse: the text above the table moves it on this page
        page.keyboard.press("Space")
        page.wait_for_selector("td.failed")
        assert not page.is_checked("[value='4-1']")
        assert page.locator("tfoot td").first.inner_text() == "0"
        expected = server.refusal or "The change was undone"
        assert expected in page.inner_text(".matrix-status")


class TestEveryForm:
    def test_a_form_pressed_twice_is_sent_once(self, page: Page, server: Server) -> None:
        page.goto(f"{server.url}/log")
        page.route("**/whole", lambda _route: None)  # no response: the page stays
        urls: list[str] = []
        page.on(
            "request",
            lambda sent_request: urls.append(sent_request.url) if sent_request.url.endswith("/whole") else None,
        )
        page.evaluate("() => { const b = [...document.querySelectorAll('button')].at(-1); b.click(); b.click(); }")
        page.wait_for_timeout(200)
        assert len(urls) == 1
