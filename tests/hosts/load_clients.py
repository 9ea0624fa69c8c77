"""People at work over HTTPS through nginx: how long each request takes, and what the product acknowledged.

A request without an answer is sent again until it is answered, as people and their pages do, and is counted. Ticks and
files may be sent again safely: a tick says what it shall be, and the same file of an item is stored once.
"""

import hashlib
import http.client
import io
import json
import os
import random
import re
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

import lxml.html
from PIL import Image

CONNECTION_ERRORS = (OSError, http.client.HTTPException)
ANSWER_TIMEOUT = 60
SHARES = {"read": 0.85, "tick": 0.10, "upload": 0.04, "print": 0.01}
READERS = {"candidates": 0.60, "assessors": 0.25, "verifiers": 0.10, "administrators": 0.05}
"""The shares of the kinds of people who read."""
NO_ANSWER = frozenset({0, 502, 504})
"""What a client gets where no host answered: no response at all, or nginx's own."""


@dataclass
class Request:
    """One request of a person, with all its attempts."""

    kind: str
    path: str
    began: float
    seconds: float
    status: int
    unanswered: list[int]
    """What came instead of an answer of the product, each time: nginx's own status, or 0 for a broken connection."""


@dataclass
class Acknowledged:
    """What the product has acknowledged to one client."""

    ticks: dict[tuple[int, int, int], bool] = field(default_factory=dict)
    """Whether a cell is ticked, by attempt, item and criterion."""
    files: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Item and hash of each attachment."""


class Browser:
    """One person's browser: cookies, and a connection that is kept."""

    def __init__(self, port: int, cookie: str, token: str) -> None:
        self.port, self.cookies, self.csrf = port, {cookie: token}, ""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=ANSWER_TIMEOUT, context=context)

    def ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes, str]:
        """Return status, body and location; status 0 where the connection broke.

        A connection that was kept may have been closed meanwhile: then the request is sent on a new one, as browsers do.
        """
        is_kept = self._connection.sock is not None
        answer = self._exchange(method, path, body, kind)
        return self._exchange(method, path, body, kind) if is_kept and answer[0] == 0 else answer

    def _exchange(self, method: str, path: str, body: bytes | None, kind: str) -> tuple[int, bytes, str]:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Accept": "application/json" if path.endswith(("/tick", "/files")) else "text/html",
            "Accept-Encoding": "identity",
        }
        if kind:
            headers |= {"Content-Type": kind, "X-CSRFToken": self.csrf}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except CONNECTION_ERRORS:
            self.close()
            return 0, b"", ""
        for line in response.headers.get_all("Set-Cookie") or ():
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return response.status, content, response.headers.get("Location", "")

    def close(self) -> None:
        with suppress(OSError):
            self._connection.close()

    def read_csrf_token(self, path: str) -> None:
        status, content, _ = self.ask("GET", path)
        found = re.search(rb'name="csrf-token" content="([^"]+)"', content)
        assert found, (path, status)
        self.csrf = found[1].decode()


class Candidate(Browser):
    """A candidate with a draft, to which they add files and claims."""

    def __init__(self, port: int, cookie: str, described: dict[str, Any]) -> None:
        super().__init__(port, cookie, described["token"])
        self.attempt, self.criteria, self.pages = (described[each] for each in ("attempt", "criteria", "pages"))
        self.is_ticked: dict[int, bool] = {}

    def begin_draft(self) -> None:
        status, content, _ = self.ask("GET", "/evidence/new")
        assert status == 200, status
        page = lxml.html.fromstring(content)
        form = next(each for each in page.forms if each.method == "POST" and each.xpath('.//*[@name="narrative"]'))
        body = dict(form.form_values()) | {
            "title": "Calls of one shift",
            "method": "work_product",
            "happened_from": "2026-10-05",
            "narrative": "I took the calls.",
            "act": "draft",
        }
        body.pop("files", None)
        path = form.action or "/evidence/new"
        answer = self.ask("POST", path, urlencode(body).encode(), "application/x-www-form-urlencoded")
        assert answer[0] == 303, (answer[0], answer[1][-3000:])
        found = re.search(r"/evidence/(\d+)", answer[2])
        assert found
        self.draft = int(found[1])
        self.read_csrf_token(f"/evidence/{self.draft}/edit")


class Worker(threading.Thread):
    """A client that sends one request after the other for its people, in the shares of the load."""

    def __init__(self, load: "Load", number: int) -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self.load, self.acknowledged, self.error = load, Acknowledged(), ""
        self.dice = random.Random(number)  # noqa: S311 - a mix, no secret
        port, people = load.port, load.people
        share = slice(number, None, load.clients)
        own = people["candidates"][share] or [people["candidates"][number % len(people["candidates"])]]
        self.candidates = [Candidate(port, people["cookie"], each) for each in own]
        self.readers: dict[str, list[tuple[Browser, list[str]]]] = {
            "candidates": [(each, each.pages) for each in self.candidates]
        }
        for kind in ("assessors", "verifiers", "administrators"):
            self.readers[kind] = [
                (Browser(port, people["cookie"], each["token"]), each["pages"])
                for each in people[kind][number % max(1, len(people[kind])) :][:1]
            ]
        assessors = people["assessors"]
        self.forms = [*assessors[number]["forms"]] if number < len(assessors) else []
        """The attempts whose forms this client's assessor prints, each in turn, so that none is still in memory.

        Two clients never print for one person, who would have to wait (docs/operations.md, Fair shares).
        """

    def run(self) -> None:
        try:
            for each in self.candidates:
                each.begin_draft()
            self.load.begin.wait()
            while not self.load.is_over.is_set():
                (kind,) = self.dice.choices([*SHARES], [*SHARES.values()])
                getattr(self, f"do_{kind}")()
        except Exception as error:  # noqa: BLE001 - the load reports it
            self.error = f"{self.name}: {error!r}"[:3000]
            self.load.begin.abort()
        finally:
            for browsers in self.readers.values():
                for browser, _ in browsers:
                    browser.close()

    def do_read(self) -> None:
        kinds = [each for each in READERS if self.readers[each]]
        (kind,) = self.dice.choices(kinds, [READERS[each] for each in kinds])
        browser, pages = self.dice.choice(self.readers[kind])
        self.send("read", browser, self.dice.choice(pages), expected=(200,))

    def do_print(self) -> None:
        if not self.forms:
            self.do_read()
            return
        browser, _ = self.readers["assessors"][0]
        self.forms.append(form := self.forms.pop(0))
        self.send("print", browser, f"/attempts/{form}/form.pdf", expected=(200, 303))  # 303: the page of a job

    def do_tick(self) -> None:
        candidate = self.dice.choice(self.candidates)
        criterion = self.dice.choice(candidate.criteria)
        on = not candidate.is_ticked.get(criterion, False)
        body = urlencode({"evidence": candidate.draft, "criterion": criterion, "on": int(on)}).encode()
        path = f"/attempts/{candidate.attempt}/tick"
        if self.send("tick", candidate, path, body, "application/x-www-form-urlencoded", expected=(200,)):
            candidate.is_ticked[criterion] = on
            self.acknowledged.ticks[candidate.attempt, candidate.draft, criterion] = on

    def do_upload(self) -> None:
        candidate = self.dice.choice(self.candidates)
        name, content = make_file(self.dice)
        head = f'--load\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + b"\r\n--load--\r\n"
        path = f"/evidence/{candidate.draft}/files"
        answer = self.send("upload", candidate, path, body, "multipart/form-data; boundary=load", expected=(201,))
        if answer:
            self.acknowledged.files[json.loads(answer)["id"]] = candidate.draft, hashlib.sha256(content).hexdigest()

    def send(
        self,
        kind: str,
        browser: Browser,
        path: str,
        body: bytes | None = None,
        content_type: str = "",
        *,
        expected: tuple[int, ...],
    ) -> bytes | None:
        """Send a request until it is answered, and record it; return the body if the status is an expected one."""
        began, unanswered = time.monotonic(), list[int]()
        while (answer := browser.ask("POST" if body else "GET", path, body, content_type))[0] in NO_ANSWER:
            unanswered.append(answer[0])
            if time.monotonic() - began > ANSWER_TIMEOUT:
                break
            time.sleep(0.2)
        seconds = time.monotonic() - began
        self.load.requests.append(Request(kind, path, began, seconds, answer[0], unanswered))
        if answer[0] in expected:
            return answer[1]
        self.load.errors.append(f"{kind} {path}: {answer[0]} {answer[1][-300:]!r}")
        return None


class Load:
    """Clients that work at once during a block; their requests, and what was acknowledged to them."""

    def __init__(self, port: int, people: dict[str, Any], clients: int = 8) -> None:
        self.port, self.people, self.clients = port, people, clients
        self.requests: list[Request] = []
        self.errors: list[str] = []
        self.begin, self.is_over = threading.Barrier(clients + 1), threading.Event()
        self.workers = [Worker(self, number) for number in range(clients)]

    def __enter__(self) -> Self:
        """Start the clients, and return when each has made its drafts."""
        for each in self.workers:
            each.start()
        try:
            self.begin.wait(ANSWER_TIMEOUT)
        except threading.BrokenBarrierError:
            raise AssertionError([each.error for each in self.workers if each.error]) from None
        self.began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for each in self.workers:
            each.join(2 * ANSWER_TIMEOUT)
        self.seconds = time.monotonic() - self.began
        self.errors += [each.error for each in self.workers if each.error]

    @property
    def ticks(self) -> dict[tuple[int, int, int], bool]:
        return {key: value for each in self.workers for key, value in each.acknowledged.ticks.items()}

    @property
    def files(self) -> dict[int, tuple[int, str]]:
        return {key: value for each in self.workers for key, value in each.acknowledged.files.items()}


def make_photo() -> bytes:
    """Return a JPEG of about 100 KB."""
    sink = io.BytesIO()
    Image.effect_noise((480, 360), 60).convert("RGB").save(sink, "JPEG", quality=75)
    return sink.getvalue()


PHOTO = make_photo()


def make_file(dice: random.Random) -> tuple[str, bytes]:
    """Return the name and the bytes of a file that nobody else has: a photo or a text of about 100 KB."""
    if dice.random() < 0.5:
        return "call.txt", os.urandom(50_000).hex().encode()
    comment = os.urandom(32)
    return "call.jpg", PHOTO[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + PHOTO[2:]
