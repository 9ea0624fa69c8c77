"""Several people at work over HTTP, who note what was acknowledged to them, and send again what was not."""

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

ANSWER_TIMEOUT = 60  # seconds for an answer, and for a server to come back
CONNECTION_ERRORS = (OSError, http.client.HTTPException)
Body = dict[str, Any]


@dataclass
class AcknowledgedWork:
    """What people were told is safe; and beside it what they have sent and may be there."""

    begun: dict[str, int] = field(default_factory=dict)
    """By its title, the item."""
    texts: dict[int, str] = field(default_factory=dict)
    """By item, what was last saved of it."""
    typed: dict[int, str] = field(default_factory=dict)
    """By item, what was last sent."""
    ticks: dict[tuple[int, int], int] = field(default_factory=dict)
    """By item and criterion, the attempt."""
    files: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By attachment, its item and its hash."""
    submitted: dict[int, str] = field(default_factory=dict)
    """By item, the text that was submitted."""
    accepted: set[int] = field(default_factory=set)
    """Items."""
    signed: list[str] = field(default_factory=list)
    """The closing comments, in order."""
    retracted: int = 0
    keys: dict[tuple[int, str], str] = field(default_factory=dict)
    """By person and idempotency key, where the form led."""


class Gate:
    """Closed before something is broken, opened when it is repaired."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.over = False


@dataclass
class Answer:
    status: int
    location: str
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


class WorkEnded(Exception):
    """The working day."""


class Client(threading.Thread):
    """A person's browser. What it sends it sends again, unchanged, until it has read an answer to the end."""

    def __init__(
        self, name: str, person_id: int, cookie: str, port: int, gate: Gate, noted: AcknowledgedWork
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.person_id, self.port, self.gate, self.noted = person_id, port, gate, noted
        self.cookies = {"tracker_session": cookie}
        self.held, self.wrong = threading.Event(), ""
        self.sent_again = self.told = self.acts = 0
        self.story: Callable[[], object] = lambda: None

    paths: tuple[str, ...]
    """Pages that this person begins with."""

    def run(self) -> None:
        try:
            while True:
                self.story()
        except WorkEnded:
            pass
        except Exception as error:  # noqa: BLE001 - told to the test
            self.wrong = f"{self.name}: {error!r}"[:3000]
        finally:
            self.held.set()

    def ask(
        self, method: str, path: str, body: Body | None = None, *, expected: Iterable[int] = (200,), again: int = 0
    ) -> Answer:
        """The answer; `again` is a status that also does where the request is sent once more."""
        if self.gate.over:
            raise WorkEnded
        times = 0
        while (answer := self._asked_once(method, path, body)) is None:
            self.held.set()
            assert self.gate.opened.wait(ANSWER_TIMEOUT)
            times += 1
            assert times < 40, f"{path} gets no answer"
        self.sent_again += bool(times)
        wanted = {*expected, again} if times else {*expected}
        assert answer.status in wanted, (method, path, answer.status, times, read_message(answer))
        self.acts += method == "POST"
        return answer

    def _asked_once(self, method: str, path: str, body: Body | None) -> Answer | None:
        """None where the line broke, or the server said in a sentence that it cannot just now."""
        try:
            answer = self._exchange(method, path, body)
        except CONNECTION_ERRORS:
            assert not self.gate.opened.is_set(), f"{path} was cut off, and nothing was killed"
            return None
        if answer.status != 503:
            return answer
        assert read_message(answer).count(".") >= 2, answer.text
        assert "Traceback" not in answer.text
        self.told += 1
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
        """What the page's form that posts there would send as it stands, each requirement ticked."""
        page = lxml.html.fromstring(self.ask("GET", path).text)
        ends = to or path
        form = next(each for each in page.forms if (each.action or path).endswith(ends) and each.method == "POST")
        body: Body = {}
        for name, value in form.form_values():
            body.setdefault(name, []).append(value)
        for box in form.xpath('.//input[@type="checkbox" and @name="requirement" and not(@checked)]'):
            body.setdefault("requirement", []).append(box.get("value"))
        return body

    def send(self, path: str, body: Body, *, again: int = 0) -> Answer:
        """A whole form; it leads somewhere. Its key, where it has one, is noted with where that is."""
        answer = self.ask("POST", path, body, expected=(303,), again=again)
        for key in [*body.get("idempotency_key", []), *body.get("key", [])]:
            self.noted.keys[self.person_id, key] = answer.location
        return answer


def encode_body(body: Body) -> tuple[bytes, str]:
    """As a form; as one with a file where `file` holds bytes."""
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
    """What a person reads of a refusal."""
    if answer.content.startswith(b"{"):
        return str(json.loads(answer.content).get("message", answer.text))
    page = lxml.html.fromstring(answer.text or "<p></p>")
    found = page.xpath('//*[@data-error-page or @role="alert" or contains(@class, "error-summary") or @id="errors"]')
    return " ".join(each.text_content() for each in found) or answer.text[:500]


# --- what people do ----------------------------------------------------------------------------------------

NUMBERS = itertools.count(1)


class Writer(Client):
    """A candidate: an item is begun, typed at, given a file, ticked against two criteria and submitted."""

    cells: list[tuple[int, int]]
    """Attempt and criterion, of those that may be claimed."""
    paths = ("/evidence/new",)

    def work(self) -> None:
        item, csrf = self.begin()
        for line in range(3):
            self.type(item, csrf, f"{self.name}, line {line}: {os.urandom(40).hex()}")
        self.add_file(item, csrf)
        for attempt, criterion in self.cells[item % 5 : item % 5 + 2]:
            self.ask("POST", f"/evidence/{item}/tick", csrf | {"attempt": attempt, "criterion": criterion, "on": "1"})
            self.noted.ticks[item, criterion] = attempt
        self.send(f"/evidence/{item}/submit", self.form(f"/evidence/{item}/submit") | {"declared": "y"})
        self.noted.submitted[item] = self.noted.texts[item]

    def add_files(self) -> None:
        """From the phone: one file after the other, to an item that stays a draft."""
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
        self.noted.begun[title] = item
        self.noted.texts[item] = self.noted.typed[item] = text
        return item, {"csrf_token": body["csrf_token"][0]}

    def type(self, item: int, csrf: Body, text: str) -> None:
        self.noted.typed[item] = text
        self.ask("POST", f"/evidence/{item}/draft", csrf | {"changed": "narrative", "narrative": text})
        self.noted.texts[item] = text

    def add_file(self, item: int, csrf: Body) -> None:
        content = os.urandom(150_000).hex().encode()
        answer = self.ask("POST", f"/evidence/{item}/files", csrf | {"file": content}, expected=(201,))
        self.noted.files[json.loads(answer.content)["id"]] = item, hashlib.sha256(content).hexdigest()

    def read_back(self, item: int) -> None:
        """The newest file of an item, byte for byte."""
        attachment, (_, sha256) = max((key, value) for key, value in self.noted.files.items() if value[0] == item)
        answer = self.ask("GET", f"/evidence/{item}/files/{attachment}")
        assert hashlib.sha256(answer.content).hexdigest() == sha256


class Assessor(Client):
    """Assess what is in the queue; or sign a unit and retract it, again and again."""

    path: str

    @property
    def paths(self) -> tuple[str, ...]:  # type: ignore[override]  # computed here, a constant elsewhere
        return "/queue", self.path

    def assess(self) -> None:
        waiting = lxml.html.fromstring(self.ask("GET", "/queue").text).xpath('//a[contains(@href, "/assess")]/@href')
        if not waiting:
            time.sleep(0.02)
            return
        place = str(waiting[0]).partition("?")[0]
        body = self.form(place, "/assess")
        claims = {name.partition("-")[2] for name in body if name.startswith("comment-")}
        marks = {f"outcome-{claim}": "met" for claim in claims}
        marks |= dict.fromkeys(("valid", "authentic", "current"), "y")
        if "warnings_reason" in body:
            marks["warnings_reason"] = "Seen at work by the assessor."
        body |= {name: [value] for name, value in marks.items()}
        self.ask("POST", f"{place.removesuffix('/assess')}/assessment", body | {"changed": list(marks)})
        self.send(place, body | {"act": "accept"}, again=409)  # it was done, and says that it is not done twice
        self.noted.accepted.add(int(place.split("/")[4]))

    def sign(self) -> None:
        comment = f"A steady record, {next(NUMBERS)}."
        body = self.form(self.path) | {"act": "sign", "comment": comment, "password": PASSWORD}
        self.send(self.path, body)
        self.noted.signed.append(comment)
        retract = self.path.replace("/sign", "/retract")
        self.send(retract, self.form(self.path, "/retract") | {"reason": "Too early."})
        self.noted.retracted += 1


class Reader(Client):
    """Reads pages, and sends nothing."""

    def read(self) -> None:
        for path in self.paths:
            self.ask("GET", path)
