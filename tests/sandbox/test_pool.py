"""A pool of sandboxed subprocesses: how many run, whose request is next, and which requests share an answer."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tracker.sandbox import pool as module
from tracker.sandbox.persistent import PersistentSandbox
from tracker.sandbox.pool import Room, SandboxPool
from tracker.sandbox.sandbox import SandboxBusy, SandboxFailed

pytestmark = pytest.mark.one_database

ALICE, BOB = 1, 2


class Sandboxes:
    """Sandboxes that answer when the test lets them, and note what they were asked."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self.closed = threading.Event()
        self._changed = threading.Condition()
        self._allowed = 0

    def make(self) -> PersistentSandbox:
        return cast("PersistentSandbox", SimpleNamespace(run=self.run, close=self.closed.set))

    def run(self, request: bytes, _timeout_seconds: float) -> bytes:
        with self._changed:
            self.begun.append(request)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._allowed > 0, 10)
            self._allowed -= 1
        if request == b"fail":
            raise SandboxFailed("it died")
        return request.upper()

    def allow(self, answers: int) -> None:
        with self._changed:
            self._allowed += answers
            self._changed.notify_all()

    def wait_until_begun(self, requests: int) -> list[bytes]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= requests, 10)
            return list(self.begun)


@pytest.fixture
def sandboxes() -> Iterator[Sandboxes]:
    sandboxes = Sandboxes()
    yield sandboxes
    sandboxes.allow(1000)


@pytest.fixture
def start(sandboxes: Sandboxes) -> Callable[..., SandboxPool]:
    return lambda processes=1: SandboxPool(sandboxes.make, lambda: processes)


def ask(pool: SandboxPool, request: bytes, person_id: int = ALICE, **options: Any) -> "Future[bytes]":
    return pool.submit(request, 20, person_id=person_id, key=request, **options)


def test_as_many_requests_are_answered_at_once_as_there_are_processes(
    start: Callable[..., SandboxPool], sandboxes: Sandboxes
) -> None:
    pool = start(2)
    answers = [ask(pool, letter.encode()) for letter in "abc"]
    assert set(sandboxes.wait_until_begun(2)) == {b"a", b"b"}
    assert (len(sandboxes.begun), len(pool.sandboxes)) == (2, 2)
    sandboxes.allow(3)
    assert [answer.result(10) for answer in answers] == [b"A", b"B", b"C"]


def test_no_process_starts_for_a_request_that_an_idle_one_can_take(
    start: Callable[..., SandboxPool], sandboxes: Sandboxes
) -> None:
    pool = start(4)
    sandboxes.allow(1)
    ask(pool, b"a").result(10)
    while pool._idle == 0:
        threading.Event().wait(0.01)
    sandboxes.allow(1)
    ask(pool, b"b").result(10)
    assert len(pool.sandboxes) == 1


def test_the_single_request_of_one_person_comes_before_the_rest_of_anothers(
    start: Callable[..., SandboxPool], sandboxes: Sandboxes
) -> None:
    pool = start()
    ask(pool, b"a1")
    sandboxes.wait_until_begun(1)
    last = [ask(pool, f"a{number}".encode()) for number in range(2, 5)][-1]
    ask(pool, b"b1", BOB)
    sandboxes.allow(5)
    last.result(10)
    assert sandboxes.begun == [b"a1", b"b1", b"a2", b"a3", b"a4"]


def test_the_same_request_is_answered_once(start: Callable[..., SandboxPool], sandboxes: Sandboxes) -> None:
    pool = start()
    first = ask(pool, b"a")
    sandboxes.wait_until_begun(1)
    assert ask(pool, b"a", BOB) is first, "it is being answered"
    waiting = ask(pool, b"b")
    assert ask(pool, b"b", BOB, room=Room(0, 0)) is waiting, "it needs no room of its own"
    sandboxes.allow(2)
    assert (first.result(10), waiting.result(10)) == (b"A", b"B")
    assert sandboxes.begun == [b"a", b"b"]


def test_a_request_that_two_people_share_is_answered_at_the_earlier_of_their_turns(
    start: Callable[..., SandboxPool], sandboxes: Sandboxes
) -> None:
    pool = start()
    ask(pool, b"a1")
    sandboxes.wait_until_begun(1)
    for request in (b"a2", b"a3", b"shared"):
        ask(pool, request)
    shared = ask(pool, b"shared", BOB)
    last = ask(pool, b"a4")
    sandboxes.allow(5)
    assert (shared.result(10), last.result(10)) == (b"SHARED", b"A4")
    assert sandboxes.begun == [b"a1", b"shared", b"a2", b"a3", b"a4"], "Bob has waited for nothing else"


def test_a_closed_pool_answers_nothing_more(start: Callable[..., SandboxPool], sandboxes: Sandboxes) -> None:
    pool = start()
    ask(pool, b"a")
    sandboxes.wait_until_begun(1)
    waiting = ask(pool, b"b")
    pool.close()
    sandboxes.allow(5)
    with pytest.raises(CancelledError):
        waiting.result(10)
    with pytest.raises(SandboxBusy):
        ask(pool, b"c")
    for thread in threading.enumerate():
        if thread.name == "sandbox pool" and thread._args[0] in pool.sandboxes:  # type: ignore[attr-defined]
            thread.join(10)
    assert sandboxes.begun == [b"a"]


def test_a_thread_that_cannot_be_started_leaves_no_process_behind(
    start: Callable[..., SandboxPool], sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = start()

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            ask(pool, b"a")
    sandboxes.allow(1)
    assert ask(pool, b"a").result(10) == b"A"


def test_requests_beyond_the_room_are_refused(start: Callable[..., SandboxPool], sandboxes: Sandboxes) -> None:
    pool, room = start(), Room(3, 2)
    for request in (b"a1", b"a2"):
        ask(pool, request, room=room)
    with pytest.raises(SandboxBusy):
        ask(pool, b"a3", room=room)
    ask(pool, b"b1", BOB, room=room)
    with pytest.raises(SandboxBusy):
        ask(pool, b"b2", BOB, room=room)
    assert ask(pool, b"a4"), "who may wait as long as it takes is not refused"


def test_a_request_that_waits_can_be_withdrawn(start: Callable[..., SandboxPool], sandboxes: Sandboxes) -> None:
    pool = start()
    running = ask(pool, b"a")
    sandboxes.wait_until_begun(1)
    waiting = ask(pool, b"b")
    for key in (b"a", b"b", b"unknown"):
        pool.withdraw(key)
    with pytest.raises(CancelledError):
        waiting.result(10)
    sandboxes.allow(1)
    assert running.result(10) == b"A", "one that is being answered is answered"
    assert sandboxes.begun == [b"a"]


def test_a_request_that_failed_does_not_stop_the_next_one(
    start: Callable[..., SandboxPool], sandboxes: Sandboxes
) -> None:
    pool = start()
    failed, answered = ask(pool, b"fail"), ask(pool, b"b")
    sandboxes.allow(2)
    with pytest.raises(SandboxFailed):
        failed.result(10)
    assert answered.result(10) == b"B"


def test_all_processes_but_one_end_when_nobody_asks(
    start: Callable[..., SandboxPool], sandboxes: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.01)
    pool = start(1)
    sandboxes.allow(1)
    ask(pool, b"a").result(10)
    assert not sandboxes.closed.wait(0.1)
    two = start(2)
    answers = [ask(two, b"a"), ask(two, b"b")]
    sandboxes.wait_until_begun(3)
    sandboxes.allow(2)
    assert [answer.result(10) for answer in answers] == [b"A", b"B"]
    assert sandboxes.closed.wait(10)
    sandboxes.allow(1)
    assert ask(two, b"c").result(10) == b"C"
