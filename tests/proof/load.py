"""People at work over HTTP, who record what the server acknowledged and send the rest again."""

import hashlib
import http.client
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import lxml.html

from tests.factories import PASSWORD
from tracker.vocabulary import Method

ANSWER_TIMEOUT = 60  # seconds for a response, and for a server to restart
CONNECTION_ERRORS = (OSError, http.client.HTTPException)
Body = dict[str, Any]


@dataclass
class AcknowledgedWork:
    """The work that the server acknowledged, and the texts sent last, which may or may not have been saved."""

    items: dict[str, int] = field(default_factory=dict)
    """The item of each title."""
    texts: dict[int, str] = field(default_factory=dict)
    """The text of each item that was last acknowledged."""
    sent_texts: dict[int, str] = field(default_factory=dict)
    """The text of each item that was last sent."""
    ticks: dict[tuple[int, int], int] = field(default_factory=dict)
    """The attempt of each item and criterion."""
    files: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Item and hash of each attachment."""
    submitted_texts: dict[int, str] = field(default_factory=dict)
    """The submitted text of each item."""
    accepted: set[int] = field(default_factory=set)
    """Accepted items."""
    comments: list[str] = field(default_factory=list)
    """The closing comments of signatures, in order."""
    retractions: int = 0
    keys: dict[tuple[int, str], str] = field(default_factory=dict)
    """The location after each form, by person and idempotency key."""


class Gate:
    """A gate that is closed before the server is stopped and opened when it has started again."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.is_over = False


@dataclass
class Answer:
    status: int
    location: str
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


class WorkEnded(Exception):
    """The end of the work, raised in each client."""


class Client(threading.Thread):
    """A person's browser, which sends each request again, unchanged, until it has read a whole response."""

    def __init__(
        self, name: str, person_id: int, cookie: str, port: int, gate: Gate, acknowledged: AcknowledgedWork
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.person_id, self.port, self.gate, self.acknowledged = person_id, port, gate, acknowledged
        self.cookies = {"tracker_session": cookie}
        self.interrupted, self.error = threading.Event(), ""
        self.sent_again = self.refusals = self.acts = 0
        self.routine: Callable[[], object] = lambda: None

    paths: tuple[str, ...]
    """The pages that this person opens first."""

    def run(self) -> None:
        try:
            while True:
                self.routine()
        except WorkEnded:
            pass
        except Exception as error:  # noqa: BLE001 - the test reports it
            self.error = f"{self.name}: {error!r}"[:3000]
        finally:
            self.interrupted.set()

    def ask(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        expected: Iterable[int] = (200,),
        retry_status: int = 0,
    ) -> Answer:
        """Return the response; `retry_status` is also accepted where the request was sent again."""
        if self.gate.is_over:
            raise WorkEnded
        times = 0
        while (answer := self._ask_once(method, path, body)) is None:
            self.interrupted.set()
            assert self.gate.opened.wait(ANSWER_TIMEOUT)
            times += 1
            assert times < 40, f"{path} gets no answer"
        self.sent_again += bool(times)
        expected_statuses = {*expected, retry_status} if times else {*expected}
        assert answer.status in expected_statuses, (method, path, answer.status, times, read_message(answer))
        self.acts += method == "POST"
        return answer

    def _ask_once(self, method: str, path: str, body: Body | None) -> Answer | None:
        """Return None if the connection broke, or if the server answered 503 with a message."""
        try:
            answer = self._exchange(method, path, body)
        except CONNECTION_ERRORS:
            assert not self.gate.opened.is_set(), f"{path} was cut off, and nothing was killed"
            return None
        if answer.status != 503:
            return answer
        assert read_message(answer).count(".") >= 2, answer.text
        assert "Traceback" not in answer.text
        self.refusals += 1
        if self.gate.opened.is_set():
            time.sleep(0.05)
        return None

    def _exchange(self, method: str, path: str, body: Body | None) -> Answer:
        content, kind = encode_body(body or {})
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Content-Type": kind,
            "Accept": "application/json"
            if path.endswith(("/draft", "/tick", "/files", "/assessment"))
            else "text/html",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_TIMEOUT)
        try:
            connection.request(method, path, content if method == "POST" else None, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.getheader("Location", "") or "", response.read())
            for line in response.headers.get_all("Set-Cookie") or ():
                name, _, rest = line.partition("=")
                self.cookies[name] = rest.partition(";")[0]
        finally:
            connection.close()
        return answer

    def form(self, path: str, to: str = "") -> Body:
        """Return what the page's form that posts to `to` would send, with each requirement ticked."""
        page = lxml.html.fromstring(self.ask("GET", path).text)
        ends = to or path
        form = next(each for each in page.forms if (each.action or path).endswith(ends) and each.method == "POST")
        body: Body = {}
        for name, value in form.form_values():
            body.setdefault(name, []).append(value)
        for box in form.xpath('.//input[@type="checkbox" and @name="requirement" and not(@checked)]'):
            body.setdefault("requirement", []).append(box.get("value"))
        return body

    def send(self, path: str, body: Body, *, retry_status: int = 0) -> Answer:
        """Send a form and follow its redirect. Record the location for its idempotency key, if it has one."""
        answer = self.ask("POST", path, body, expected=(303,), retry_status=retry_status)
        for key in [*body.get("idempotency_key", []), *body.get("key", [])]:
            self.acknowledged.keys[self.person_id, key] = answer.location
        return answer


def encode_body(body: Body) -> tuple[bytes, str]:
    """Return the encoded body and its content type: multipart where `file` is in it."""
    content = body.get("file")
    if content is None:
        return urlencode(body, doseq=True).encode(), "application/x-www-form-urlencoded"
    parts = [
        f'--proof\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in body.items()
        if name != "file"
    ]
    head = '--proof\r\nContent-Disposition: form-data; name="file"; filename="call.txt"\r\n\r\n'
    return "".join([*parts, head]).encode() + content + b"\r\n--proof--\r\n", "multipart/form-data; boundary=proof"


def read_message(answer: Answer) -> str:
    """Return the message of a refusal."""
    if answer.content.startswith(b"{"):
        return str(json.loads(answer.content).get("message", answer.text))
    page = lxml.html.fromstring(answer.text or "<p></p>")
    messages = page.xpath(
        '//*[@data-error-page or @role="alert" or contains(@class, "error-summary") or @id="errors"]'
    )
    return " ".join(each.text_content() for each in messages) or answer.text[:500]


# --- the people ---------------------------------------------------------------------------------------------

NUMBERS = itertools.count(1)


class Writer(Client):
    """A candidate, who makes an item, writes its text, adds a file, claims two criteria and submits it."""

    cells: list[tuple[int, int]]
    """Attempt and criterion of each possible claim."""
    paths = ("/evidence/new",)

    def work(self) -> None:
        item, csrf = self.begin()
        for line in range(3):
            self.type(item, csrf, f"{self.name}, line {line}: {os.urandom(40).hex()}")
        self.add_file(item, csrf)
        for attempt, criterion in self.cells[item % 5 : item % 5 + 2]:
            self.ask("POST", f"/evidence/{item}/tick", csrf | {"attempt": attempt, "criterion": criterion, "on": "1"})
            self.acknowledged.ticks[item, criterion] = attempt
        self.send(f"/evidence/{item}/submit", self.form(f"/evidence/{item}/submit") | {"declared": "y"})
        self.acknowledged.submitted_texts[item] = self.acknowledged.texts[item]

    def add_files(self) -> None:
        """Add one file after the other to an item that stays a draft, as from a phone."""
        item, csrf = self.begin()
        for _ in range(10):
            self.add_file(item, csrf)
            self.read_back(item)

    def begin(self) -> tuple[int, Body]:
        title, text = f"{self.name} {next(NUMBERS)}", "I took the call myself."
        body = self.form("/evidence/new") | {
            "title": title,
            "method": Method.WORK_PRODUCT.value,
            "happened_from": "2026-10-05",
            "occasion": "Late shift",
            "customers": "Case CH-2231",
            "narrative": text,
            "act": "draft",
        }
        body.pop("files", None)
        item = int(self.send("/evidence/new", body).location.rpartition("/")[2])
        self.acknowledged.items[title] = item
        self.acknowledged.texts[item] = self.acknowledged.sent_texts[item] = text
        return item, {"csrf_token": body["csrf_token"][0]}

    def type(self, item: int, csrf: Body, text: str) -> None:
        self.acknowledged.sent_texts[item] = text
        self.ask("POST", f"/evidence/{item}/draft", csrf | {"changed": "narrative", "narrative": text})
        self.acknowledged.texts[item] = text

    def add_file(self, item: int, csrf: Body) -> None:
        content = os.urandom(150_000).hex().encode()
        answer = self.ask("POST", f"/evidence/{item}/files", csrf | {"file": content}, expected=(201,))
        self.acknowledged.files[json.loads(answer.content)["id"]] = item, hashlib.sha256(content).hexdigest()

    def read_back(self, item: int) -> None:
        """Check that the newest file of an item is returned byte for byte."""
        attachment, (_, sha256) = max(
            (key, value) for key, value in self.acknowledged.files.items() if value[0] == item
        )
        answer = self.ask("GET", f"/evidence/{item}/files/{attachment}")
        assert hashlib.sha256(answer.content).hexdigest() == sha256


class Assessor(Client):
    """An assessor, who assesses the items in the queue, or signs a unit and retracts the signature."""

    path: str

    @property
    def paths(self) -> tuple[str, ...]:  # type: ignore[override]  # computed here, a constant elsewhere
        return "/queue", self.path

    def assess(self) -> None:
        links = lxml.html.fromstring(self.ask("GET", "/queue").text).xpath('//a[contains(@href, "/assess")]/@href')
        if not links:
            time.sleep(0.02)
            return
        path = str(links[0]).partition("?")[0]
        body = self.form(path, "/assess")
        claims = {name.partition("-")[2] for name in body if name.startswith("comment-")}
        marks = {f"outcome-{claim}": "met" for claim in claims}
        marks |= dict.fromkeys(("valid", "authentic", "current"), "y")
        if "warnings_reason" in body:
            marks["warnings_reason"] = "Seen at work by the assessor."
        body |= {name: [value] for name, value in marks.items()}
        self.ask("POST", f"{path.removesuffix('/assess')}/assessment", body | {"changed": list(marks)})
        self.send(path, body | {"act": "accept"}, retry_status=409)  # refused as done already
        self.acknowledged.accepted.add(int(path.split("/")[4]))

    def sign(self) -> None:
        comment = f"A steady record, {next(NUMBERS)}."
        body = self.form(self.path) | {"act": "sign", "comment": comment, "password": PASSWORD}
        body |= {"warnings_reason": "The calls show each criterion."}
        self.send(self.path, body)
        self.acknowledged.comments.append(comment)
        retract = self.path.replace("/sign", "/retract")
        self.send(retract, self.form(self.path, "/retract") | {"reason": "Too early."})
        self.acknowledged.retractions += 1


class Reader(Client):
    """A person who reads pages and sends nothing."""

    def read(self) -> None:
        for path in self.paths:
            self.ask("GET", path)
