"""Sheets printed in a bounded process kept warm beside the server: a bad one cannot take the server with it.

The process reads pickled facts from its standard input and answers with a PDF. It is ours alone, so pickle
carries nothing from outside; the facts are our own frozen dataclasses.
"""

import atexit
import logging
import os
import pickle
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from tracker.errors import FormNotRendered
from tracker.recording_forms.facts import FormFacts, IndexFacts
from tracker.sandbox.child import process_of

log = logging.getLogger(__name__)

PROCESS = process_of("tracker.recording_forms.worker_process")
PASSED_ON = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "DYLD_FALLBACK_LIBRARY_PATH"}
"""Of the environment, and what fontconfig reads; no secret of the server's is the printer's business."""
SHEETS_OF_A_PROCESS = 500
"""It is replaced after so many, whatever it may have leaked."""
LENGTH = struct.Struct(">Q")


class Worker:
    """One process and the lock that lets one sheet through at a time. It starts with the first sheet."""

    def __init__(self, patience: float = 20, patience_a_row: float = 0.25) -> None:
        """Seconds that a sheet may wait for its turn, and then take; a long one has more time."""
        self.patience = patience
        self.patience_a_row = patience_a_row
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._sheets = 0

    def render(self, facts: FormFacts | IndexFacts) -> bytes:
        """The sheet as PDF. Raises `FormNotRendered` when it fails, or takes too long or too much memory."""
        patience = self.patience + self.patience_a_row * len(facts.rows)
        if not self._lock.acquire(timeout=patience):
            raise _not_rendered("the sheets before it took too long")
        try:
            answer = self._ask(facts, patience)
        except (OSError, EOFError) as error:
            self._stop()
            raise _not_rendered("its process died, or was stopped for taking too long") from error
        finally:
            self._lock.release()
        if not answer:
            raise _not_rendered("its process said why on standard error")
        return answer

    def close(self) -> None:
        """Stop the process; the next sheet starts another."""
        with self._lock:
            self._stop()

    def _ask(self, facts: FormFacts | IndexFacts, patience: float) -> bytes:
        process = self._running()
        with _killed_after(patience, process):
            send(process.stdin, pickle.dumps(facts))
            return receive(process.stdout)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None or self._sheets >= SHEETS_OF_A_PROCESS:
            self._stop()
            self._sheets = 0
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                PROCESS,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if _is_passed_on(name)},
                start_new_session=True,  # Ctrl-C is for the server, which then stops this
            )
        self._sheets += 1
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(OSError):  # what was still to be written goes nowhere
                    pipe.close()


def render_in_worker(facts: FormFacts | IndexFacts) -> bytes:
    """The sheet as PDF, printed beside the server. Raises `FormNotRendered`."""
    return _worker.render(facts)


def send(pipe: IO[bytes] | None, body: bytes) -> None:
    """Write one message: its length, then itself."""
    if pipe is None:
        raise EOFError
    pipe.write(LENGTH.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: IO[bytes] | None) -> bytes:
    """Read one message; EOFError when the other side is gone."""
    if pipe is None:
        raise EOFError
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    body = pipe.read(LENGTH.unpack(head)[0])
    if len(body) < LENGTH.unpack(head)[0]:
        raise EOFError
    return body


@contextmanager
def _killed_after(seconds: float, process: subprocess.Popen[bytes]) -> Iterator[None]:
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _not_rendered(reason: str) -> FormNotRendered:
    log.error("A sheet was not printed: %s", reason)
    return FormNotRendered(reason)


def _is_passed_on(name: str) -> bool:
    return name in PASSED_ON or name.startswith(("FONTCONFIG", "XDG_"))


def _begin_anew() -> None:
    """A forked server has a process of its own, and leaves its parent's alone."""
    global _worker  # noqa: PLW0603 - one worker a server process is the point
    _worker = Worker()


def _close() -> None:
    _worker.close()


_worker = Worker()
os.register_at_fork(after_in_child=_begin_anew)
atexit.register(_close)
