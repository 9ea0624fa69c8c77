"""Renders sheets in a bounded process kept warm beside the server: a bad page cannot take the server with it.

The child reads pickled facts from its standard input and answers with PDF bytes. It is ours alone, so pickle
carries nothing from outside; the facts are our own frozen dataclasses.
"""

import atexit
import pickle
import resource
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from tracker.recording_forms.facts import FormFacts, IndexFacts
from tracker.errors import FormNotRendered
from tracker.recording_forms.rendering import render_form, render_index

MEMORY = 1536 * 1024 * 1024
SECONDS_OF_WORK = 600
"""CPU time of one child in all; it is replaced when it has used it up."""
PATIENCE = 30
"""Seconds that one sheet may take."""
ROOT = Path(__file__).resolve().parent.parent.parent
LENGTH = struct.Struct(">Q")


class Worker:
    """One child process and the lock that lets one sheet through at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def render(self, facts: FormFacts | IndexFacts) -> bytes:
        """The sheet as PDF. Raises `FormNotRendered` when it fails, takes too long or takes too much."""
        with self._lock:
            child = self._running()
            timer = threading.Timer(PATIENCE, child.kill)
            timer.start()
            try:
                _send(child.stdin, pickle.dumps(facts))
                answer = _receive(child.stdout)
            except (OSError, EOFError, struct.error) as error:
                self._stop()
                raise FormNotRendered from error
            finally:
                timer.cancel()
        if not answer:
            raise FormNotRendered
        return answer

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._stop()
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tracker.recording_forms.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
            )
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()


_worker = Worker()
atexit.register(_worker.close)


def render_in_worker(facts: FormFacts | IndexFacts) -> bytes:
    """The sheet as PDF, rendered beside the server."""
    return _worker.render(facts)


def _send(pipe: IO[bytes] | None, body: bytes) -> None:
    if pipe is None:
        raise EOFError
    pipe.write(LENGTH.pack(len(body)) + body)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> bytes:
    if pipe is None:
        raise EOFError
    size = LENGTH.unpack(pipe.read(LENGTH.size))[0]
    body = pipe.read(size)
    if len(body) != size:
        raise EOFError
    return body


def serve() -> None:
    """The child: one answer for each question, empty when a sheet could not be made."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_OF_WORK, SECONDS_OF_WORK))
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        try:
            facts = pickle.loads(_receive(source))  # noqa: S301 - written by our own parent process
        except (EOFError, struct.error):
            return
        try:
            answer = render_form(facts) if isinstance(facts, FormFacts) else render_index(facts)
        except Exception:  # noqa: BLE001 - whatever went wrong, the parent is told, and the next sheet is made
            answer = b""
        _send(sink, answer)


if __name__ == "__main__":
    serve()
