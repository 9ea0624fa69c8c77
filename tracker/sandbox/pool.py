"""A pool of persistent sandboxes, which serve the requests of people in turn (`tracker/turns.py`)."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from tracker.sandbox.persistent import PersistentSandbox
from tracker.sandbox.sandbox import SandboxBusy
from tracker.turns import choose_next

IDLE_SECONDS = 300
"""After so long without a request every subprocess but one ends."""


@dataclass(eq=False)
class PooledRequest:
    """A request to the pool, which waits or is being answered. Each person who waits for the same has one."""

    number: int
    person_id: int
    asked_at: int
    """A count of the requests that were made and answered so far."""
    key: bytes
    body: bytes
    timeout_seconds: float
    answer: "Future[bytes]" = field(default_factory=Future)


@dataclass(frozen=True)
class Room:
    """How many requests may wait or be answered before others are refused: each may hold a thread of the server."""

    requests: int
    of_person: int


class SandboxPool:
    """Subprocesses that start when they are needed, each with a thread that passes requests to it."""

    def __init__(self, make_sandbox: Callable[[], PersistentSandbox], count_processes: Callable[[], int]) -> None:
        """Describe the pool; nothing is started yet.

        Args:
            make_sandbox: makes one more sandbox.
            count_processes: returns how many there are at most; called with each request.
        """
        self.make_sandbox = make_sandbox
        self.count_processes = count_processes
        self.sandboxes: list[PersistentSandbox] = []
        self._changed = threading.Condition()
        self._waiting: list[PooledRequest] = []
        self._running: list[PooledRequest] = []
        self._last_done: dict[int, int] = {}
        self._idle = 0
        self._count = 0
        self._is_closed = False

    def submit(
        self, request: bytes, timeout_seconds: float, *, person_id: int, key: bytes, room: Room | None = None
    ) -> "Future[bytes]":
        """Let a request wait for its turn, and return its answer, which comes later.

        The answer raises `SandboxTimeout` or `SandboxFailed`, or `CancelledError` after `withdraw`.

        Args:
            request: what is sent to the subprocess.
            timeout_seconds: how long the answer may take once it is the request's turn.
            person_id: whose request it is.
            key: stands for what is asked for. A request with the key of one that waits or is being answered shares
                its answer. Where two people wait for it, it is answered at the earlier of their turns.
            room: how many requests there may be before this one; None for any number.

        Raises:
            SandboxBusy: there is no room, or the pool is closed.
        """
        with self._changed:
            if self._is_closed:
                raise SandboxBusy("the server is stopping")
            self._count += 1
            added = PooledRequest(self._count, person_id, self._count, key, request, timeout_seconds)
            if running := next((each for each in self._running if each.key == key), None):
                return running.answer
            if same := [each for each in self._waiting if each.key == key]:
                if person_id not in {each.person_id for each in same}:
                    self._waiting.append(replace(added, answer=same[0].answer))
                return same[0].answer
            requests = [*self._running, *self._waiting]
            own = sum(each.person_id == person_id for each in requests)
            if room and (len({each.key for each in requests}) >= room.requests or own >= room.of_person):
                raise SandboxBusy("too many requests wait")
            waiting = len({each.key for each in self._waiting})
            if self._idle <= waiting and len(self.sandboxes) < self.count_processes():
                self._start_thread()
            self._waiting.append(added)
            self._changed.notify()
            return added.answer

    def withdraw(self, key: bytes) -> None:
        """Take the request with a key out of the queue, unless it is being answered."""
        with self._changed:
            for each in [each for each in self._waiting if each.key == key]:
                self._waiting.remove(each)
                each.answer.cancel()

    def close(self) -> None:
        """End the subprocesses and cancel what waits. A later request is refused, as the process is stopping."""
        with self._changed:
            self._is_closed = True
            for each in self._waiting:
                each.answer.cancel()
            self._waiting.clear()
            self._changed.notify_all()
        for sandbox in self.sandboxes:
            sandbox.close()

    def _start_thread(self) -> None:
        sandbox = self.make_sandbox()
        threading.Thread(target=self._answer_requests, args=(sandbox,), daemon=True, name="sandbox pool").start()
        self.sandboxes.append(sandbox)  # after the start, which fails where the process may have no more threads

    def _answer_requests(self, sandbox: PersistentSandbox) -> None:
        while request := self._take_next(sandbox):
            try:
                answer = sandbox.run(request.body, request.timeout_seconds)
            except Exception as error:  # noqa: BLE001 - raised again where the answer is read
                self._note_done(request)
                request.answer.set_exception(error)
            else:
                self._note_done(request)
                request.answer.set_result(answer)

    def _take_next(self, sandbox: PersistentSandbox) -> PooledRequest | None:
        """Wait for the request whose turn it is; return None when the pool is closed."""
        with self._changed:
            self._idle += 1
            while not self._waiting and not self._is_closed:
                has_changed = self._changed.wait(None if sandbox is self.sandboxes[0] else IDLE_SECONDS)
                if not has_changed and not self._waiting:
                    sandbox.close()
            self._idle -= 1
            if self._is_closed:
                return None
            request = choose_next(self._waiting, self._last_done, {each.person_id for each in self._running})
            self._waiting = [each for each in self._waiting if each.key != request.key]
            self._running.append(request)
            return request

    def _note_done(self, request: PooledRequest) -> None:
        with self._changed:
            self._running.remove(request)
            self._count += 1
            self._last_done[request.person_id] = self._count
            people = {each.person_id for each in self._waiting}
            self._last_done = {each: count for each, count in self._last_done.items() if each in people}
