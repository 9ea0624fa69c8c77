"""Invalid requests to every route, by people who may use it: no server error, and no internal detail in a response."""

import io
import random
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.factories import PASSWORD, World
from tests.inspection import PlainClient
from tests.proof.proof_size import choose_size, record_figures
from tests.web.test_routes import TABLE, Prepare, SampleRequests, list_methods
from tracker.models import Person

Browser = Callable[[Person], FlaskClient]

NUMBERS = [
    "0",
    "-1",
    "2147483647",
    "2147483648",
    "9223372036854775808",
    "1e9",
    "0x10",
    "٣",
    "1.5",
    "999999999999999999999",
]
WORDS = [
    "", " ", "\x00", "a\x00b", "\ud800", "\u202e", "\ufeff", "x" * 30_000, "é" * 300, "🙂" * 300, "'; DROP TABLE person; --",
    "%00", "%s%n", "../../etc/passwd", "{{7*7}}", "${7*7}", "<script>alert(1)</script>", "NaN", "Infinity", "null", "true",
    "[]", "{}", "\r\nSet-Cookie: a=b", "\t", "on", "y", "met", "accepted", "yes", "1-1", "1-2-3", "9" * 5_000, f"1-{'9' * 5_000}", f"{2**63}-1", f"1-{2**31}", f"{2**31}-{2**31}-1", "1:1", "-", "ﷺ" * 100,
]  # fmt: skip
DATES = [
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "10000-01-01",
    "2026-13-01",
    "-0001-01-01",
    "31/12/2026",
    "1",
]
VALUES = [*NUMBERS, *WORDS, *DATES, PASSWORD]
JSON = [
    b"", b"null", b"[]", b"{}", b"{", b'"x"', b"1e999", b"[" * 5_000, b'{"a":' * 5_000, b'{"a": 1' + b"0" * 5_000 + b"}",
    b"\xff\xfe", b'{"password": {"x": 1}}', b'{"on": NaN}', b'[{"criterion": 9223372036854775808}]',
]  # fmt: skip
TYPES = [
    "application/json",
    "text/plain",
    "application/xml",
    "multipart/form-data",
    "application/x-www-form-urlencoded; charset=x",
]
FILES = [
    b"",
    b"\x00" * 100,
    b"%PDF-1.7\n",
    b"PK\x03\x04",
    b"\xff\xd8\xff",
    b"<svg onload=alert(1)>",
    b"a,b\n=1+1,\x00\n",
    b"name: [",
]
FILE_NAMES = [
    "x.pdf",
    "../../x.pdf",
    "x\x00.pdf",
    "",
    "x" * 400 + ".csv",
    "unit.yaml",
    "a\r\nb.txt",
    "con",
    ".matrix",
    "x.docx",
]
ACTORS = ("alice", "bob", "carol", "dan", "eve")
FIELD = re.compile(r'<(?:input|select|textarea|button)[^>]*?\bname="([^"]+)"')
ENDS_THE_SESSION = {"accounts.sign_out", "accounts.sign_in", "accounts.end_own_session"}


class Requests:
    """Random requests: route, actor, address and body; the same ones for the same seed."""

    def __init__(self, app: Flask, sample: SampleRequests, seed: int) -> None:
        self.app, self.sample, self.chance = app, sample, random.Random(seed)  # noqa: S311 - no secret
        self.routes = [
            (endpoint, method)
            for endpoint in sorted(set(TABLE) - ENDS_THE_SESSION)
            for method, _ in list_methods(app)[endpoint]
        ]
        self.fields: dict[str, list[str]] = {}

    def learn_fields(self, browsers: dict[str, FlaskClient]) -> None:
        """Collect the names of the controls on every page, by the address of the page."""
        every: set[str] = set()
        for endpoint, method in self.routes:
            if method == "GET":
                for actor in sorted(TABLE[endpoint] & set(ACTORS)):
                    answer = browsers[actor].get(self.sample.address(endpoint, method))
                    if answer.mimetype == "text/html":
                        names = FIELD.findall(answer.text)
                        self.fields.setdefault(self.sample.address(endpoint, method), []).extend(names)
                        every.update(names)
                    answer.close()
        self.all_fields = sorted(every)

    def __iter__(self) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
        """Yield actor, method, address and arguments of a request, endlessly."""
        while True:
            for endpoint, method in self.routes:
                actors = sorted(TABLE[endpoint] & set(ACTORS)) or ["alice"]
                yield self.chance.choice(actors), method, self.address(endpoint, method), self.body(endpoint, method)

    def address(self, endpoint: str, method: str) -> str:
        """Return the address, sometimes with one number replaced or with a query."""
        address = self.sample.address(endpoint, method)
        if self.chance.random() < 0.2:
            bad = self.chance.choice([*NUMBERS, "%00", "..", "%ff", "a" * 3_000, "%F0%9F%99%82", "'"])
            address = re.sub(r"/\d+", f"/{bad}", address, count=1)
        if self.chance.random() < 0.3:
            name = self.chance.choice(
                [
                    "page",
                    "after",
                    "before",
                    "q",
                    "show",
                    "view",
                    "candidate",
                    "unit",
                    "to",
                    "edit",
                    "with",
                    "next",
                    "done",
                ]
            )
            bad = self.chance.choice([*NUMBERS, "%00", "%ff%fe", "x" * 3_000, "%F0%9F%99%82", "matrix", "%EF%BF%BE"])
            address += f"?{name}={bad}"
        return address

    def body(self, endpoint: str, method: str) -> dict[str, Any]:
        if method == "GET":
            return {}
        kind = self.chance.random()
        if kind < 0.1:
            return {"data": self.chance.choice(JSON), "content_type": self.chance.choice(TYPES)}
        if kind < 0.15:
            return {
                "data": b'--x\r\nContent-Disposition: form-data; name="a',
                "content_type": "multipart/form-data; boundary=x",
            }
        names = self.fields.get(self.sample.address(endpoint, method)) or self.all_fields
        chosen_names = self.chance.sample(names, min(len(names), self.chance.randint(1, 8)))
        data: dict[str, Any] = {
            name: [self.value(name) for _ in range(self.chance.choice([1, 1, 1, 3]))] for name in chosen_names
        }
        if self.chance.random() < 0.15:
            content, name = self.chance.choice(FILES), self.chance.choice(FILE_NAMES)
            data[self.chance.choice(["file", "files", "source", "csv"])] = (io.BytesIO(content), name)
        headers = {"Accept": self.chance.choice(["text/html", "application/json", "*/*", ""])}
        return {"data": data, "headers": headers}

    def value(self, name: str) -> str:
        if name == "password" and self.chance.random() < 0.7:
            return PASSWORD
        value = self.chance.choice(VALUES)
        # a program can send bytes that a browser cannot
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if "\ud800" in value else value


def test_invalid_requests_are_answered_with_a_message(
    app: Flask, world: World, client: Browser, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    # other tests check that pages are valid; here they repeat input that no browser sends
    monkeypatch.setattr(app, "test_client_class", PlainClient)
    sample = SampleRequests(app, world, prepare)
    browsers = {name: client(sample.people[name]) for name in ACTORS}
    app.config["PROPAGATE_EXCEPTIONS"] = False
    requests = Requests(app, sample, seed=23)
    requests.learn_fields(browsers)
    max_count, count, faults = choose_size(260, 5_000), 0, []
    for actor, method, address, body in requests:
        if count == max_count:
            break
        count += 1
        with suppress(UnicodeEncodeError):  # the client itself cannot send it
            answer = browsers[actor].open(address, method=method, **body)
            content = answer.get_data()
            answer.close()
            if answer.status_code >= 500 and answer.status_code != 503:
                faults.append((answer.status_code, actor, method, address[:200], repr(body)[:600]))
            elif b"Traceback" in content or b"sqlalchemy" in content.lower():
                faults.append(("trace", actor, method, address[:200], repr(body)[:600]))
    assert not faults, "\n".join(map(str, faults[:10]))
    record_figures(requests=count, server_errors=len(faults))
