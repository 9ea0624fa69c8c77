"""The main acts that `scripts/bench` measures: tick, save a draft, upload, submit, decide.

What an act changes is put back after it, without being measured, so that each repetition finds the same. The acts are
those of a second candidate and of their assessor, so that the measured pages stay as they were loaded.
"""

import html
import io
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import bench_cost_worker as base
from sqlalchemy import select

from tests.bulk.pages import find_candidate, find_waiting_item
from tests.bulk.people import LoadedCentre
from tracker.extensions import db
from tracker.models import Allocation, Claim
from tracker.vocabulary import Role

SCRIPT = {"HTTP_ACCEPT": "application/json"}
BOUNDARY = "a-boundary-of-the-parts"
NARRATIVE = "I took the call, listened, and did what our procedure asks. " * 6


def do_nothing() -> None:
    """Do nothing before or after an act."""


@dataclass(frozen=True)
class Act:
    """A request that is measured, and what is done before and after it without being measured."""

    run: Callable[[], bytes]
    before: Callable[[], object] = do_nothing
    after: Callable[[], object] = do_nothing


class Browser:
    """A signed-in person who sends forms; it keeps the CSRF token and the last answer's location."""

    def __init__(self, token: str, page: str) -> None:
        self.token, self.location = token, ""
        found = re.search(r'name="csrf-token" content="([^"]+)"', self.get(page))
        assert found, page
        self.csrf = html.unescape(found[1])

    def get(self, path: str) -> str:
        """Return a page as text."""
        environ = base.make_environ(path, self.token)
        environ.pop("HTTP_ACCEPT_ENCODING")
        return self._send(environ).decode()

    def post(self, path: str, values: dict[str, Any], **headers: str) -> bytes:
        """Send a form, and return the body of the answer."""
        return self.post_body(path, urlencode(values).encode(), "application/x-www-form-urlencoded", **headers)

    def post_body(self, path: str, body: bytes, media_type: str, **headers: str) -> bytes:
        environ = base.make_environ(path, self.token) | {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": media_type,
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_CSRFTOKEN": self.csrf,
            "wsgi.input": io.BytesIO(body),
            **headers,
        }
        return self._send(environ)

    def _send(self, environ: dict[str, Any]) -> bytes:
        status, headers, body = base.send(base.APP, environ, self.token)
        if status[:3] not in {"200", "201", "303"}:
            raise SystemExit(f"{environ['PATH_INFO']} answered {status}: {body[:2000]!r}")
        self.location = headers.get("Location", "")
        return body


class CandidateActs:
    """The acts of a candidate on a draft that is made for them."""

    def __init__(self, browser: Browser, attempt: int, criterion: int) -> None:
        self.browser, self.attempt, self.criterion = browser, attempt, criterion
        fields = {"title": "Complaint CH-9000", "method": "work_product", "happened_from": "2026-11-02",
                  "occasion": "Late shift", "narrative": NARRATIVE, "key": uuid.uuid4().hex, "act": "draft"}  # fmt: skip
        browser.post("/evidence/new", fields)
        self.item = browser.location.rpartition("/")[2]
        self.ticked, self.removal = False, ""
        self.tick()

    def tick(self) -> bytes:
        self.ticked = not self.ticked
        values = {"evidence": self.item, "criterion": self.criterion, "on": int(self.ticked)}
        return self.browser.post(f"/attempts/{self.attempt}/tick", values, **SCRIPT)

    def untick(self) -> None:
        if not self.ticked:
            self.tick()

    def save_draft(self) -> bytes:
        values = {"changed": "narrative", "narrative": NARRATIVE + uuid.uuid4().hex}
        return self.browser.post(f"/evidence/{self.item}/draft", values, **SCRIPT)

    def upload(self) -> bytes:
        """Upload a text file of 20 KB with new content."""
        body = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n'
            f"Content-Type: text/plain\r\n\r\n{uuid.uuid4().hex}\n{NARRATIVE * 56}\r\n--{BOUNDARY}--\r\n"
        ).encode()
        media_type = f"multipart/form-data; boundary={BOUNDARY}"
        answer = self.browser.post_body(f"/evidence/{self.item}/files", body, media_type, **SCRIPT)
        self.removal = json.loads(answer)["remove_url"]
        return answer

    def remove_file(self) -> None:
        self.browser.post(self.removal, {}, **SCRIPT)

    def submit(self) -> bytes:
        return self.browser.post(f"/evidence/{self.item}/submit", {"declared": "y"})

    def withdraw(self) -> None:
        self.browser.post(f"/evidence/{self.item}/withdraw", {})


class AssessorActs:
    """The acts of an assessor on an item that waits for assessment."""

    def __init__(self, browser: Browser, page: str, claims: list[int]) -> None:
        self.browser, self.path = browser, page
        self.met = {f"outcome-{claim}": "met" for claim in claims}

    def save(self) -> bytes:
        values = {"changed": "feedback", "feedback": f"Clear. {uuid.uuid4().hex}"}
        return self.browser.post(f"{self.path}ment", values, **SCRIPT)

    def accept(self) -> bytes:
        checks = dict.fromkeys(("valid", "authentic", "current"), "y")
        reason = {"warnings_reason": "I saw the system and spoke to the team leader."}
        return self.browser.post(self.path, {**self.met, **checks, **reason, "act": "accept"})

    def undo(self) -> None:
        found = re.search(r"done=(\d+)", self.browser.location)
        assert found, self.browser.location
        self.browser.post(f"/assessments/{found[1]}/undo", {})


@dataclass(frozen=True)
class WaitingItem:
    """An item that waits for its assessor, with the sessions of those who act on it."""

    attempt: int
    item: int
    claims: list[int]
    criterion: int
    candidate_token: str
    assessor_token: str


def find_item(centre: LoadedCentre, open_session: Callable[[int], str]) -> WaitingItem:
    """Return an item of the centre's second candidate who has one; `open_session` returns a person's session token."""
    candidate, attempt = find_candidate(centre, but={find_candidate(centre)[0]})
    item = find_waiting_item(attempt)
    claims = db.session.execute(
        select(Claim.id, Claim.criterion_id).where(Claim.evidence_id == item, Claim.attempt_id == attempt.id)
    ).all()
    query = select(Allocation.person_id).where(Allocation.attempt_id == attempt.id, Allocation.role == Role.ASSESSOR)
    people = candidate, db.session.scalars(query).one()
    ids = attempt.id, item, [row.id for row in claims], claims[0].criterion_id
    return WaitingItem(*ids, *(open_session(person) for person in people))


def list_acts(found: WaitingItem) -> dict[str, Act]:
    """Return the acts by name. The caller has no application context, which would keep who is signed in."""
    own = CandidateActs(Browser(found.candidate_token, "/evidence/new"), found.attempt, found.criterion)
    page = f"/attempts/{found.attempt}/evidence/{found.item}/assess"
    theirs = AssessorActs(Browser(found.assessor_token, page), page, found.claims)
    return {
        "tick": Act(own.tick),
        "save a draft": Act(own.save_draft),
        "upload a file": Act(own.upload, after=own.remove_file),
        "submit": Act(own.submit, before=own.untick, after=own.withdraw),
        "save an assessment": Act(theirs.save),
        "accept": Act(theirs.accept, after=theirs.undo),
    }
