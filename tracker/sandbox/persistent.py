"""A sandboxed subprocess that serves many requests, for a module that takes long to load.

Only for trusted requests: one request can affect the next, since they share the process.
"""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from tracker.sandbox.limits import Limits
from tracker.sandbox.messages import receive, send
from tracker.sandbox.sandbox import INTERPRETER, SandboxFailed, SandboxTimeout


class PersistentSandbox:
    """A subprocess that starts with the first request, and the lock that admits one request at a time."""

    def __init__(
        self,
        module: str,
        limits: Limits,
        *,
        max_requests: int,
        passes_variable: Callable[[str], bool],
    ) -> None:
        """Describe the sandbox; nothing is started yet.

        Args:
            module: what the subprocess runs as `__main__`. It reads messages from standard input until that is
                closed, and answers each with one message on standard output.
            limits: set in the subprocess before the module is loaded.
            max_requests: the number of requests after which the subprocess is replaced, since it may leak memory.
            passes_variable: whether the subprocess gets the environment variable of this name.
        """
        self.module = module
        self.limits = limits
        self.max_requests = max_requests
        self.interpreter: Sequence[str] = INTERPRETER
        self.lock = threading.Lock()
        self._passes_variable = passes_variable
        self._process: subprocess.Popen[bytes] | None = None
        self._requests = 0

    @property
    def pid(self) -> int | None:
        """The id of the subprocess, or None while none has been started."""
        return self._process.pid if self._process else None

    def run(self, request: bytes, timeout_seconds: float) -> bytes:
        """Return the answer to one request.

        Raises `SandboxTimeout` or `SandboxFailed`.
        """
        with self.lock:
            return self._run_alone(request, timeout_seconds)

    def _run_alone(self, request: bytes, timeout_seconds: float) -> bytes:
        timed_out = threading.Event()
        try:
            process = self._start()
            with _kill_after(timeout_seconds, process, timed_out):
                send(process.stdin, request)
                return receive(process.stdout)
        except (OSError, EOFError) as error:
            self._stop()
            if timed_out.is_set():
                raise SandboxTimeout(f"{self.module} took more than {timeout_seconds} seconds") from error
            raise SandboxFailed(f"the subprocess of {self.module} died") from error

    def close(self) -> None:
        """Stop the subprocess, which fails the request that it answers; the next request starts another."""
        if process := self._process:
            process.kill()
        with self.lock:
            self._stop()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None or self._requests >= self.max_requests:
            self._stop()
            self._requests = 0
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*self.interpreter, self.limits.to_json(), self.module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={name: value for name, value in os.environ.items() if self._passes_variable(name)},
                start_new_session=True,  # Ctrl-C is for the server, which then stops the subprocess
            )
        self._requests += 1
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with suppress(OSError):  # closing flushes the buffer, and the process is gone
                    pipe.close()


@contextmanager
def _kill_after(seconds: float, process: subprocess.Popen[bytes], timed_out: threading.Event) -> Iterator[None]:
    def kill() -> None:
        timed_out.set()
        process.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
