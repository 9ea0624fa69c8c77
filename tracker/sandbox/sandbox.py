"""Sandboxed subprocesses, a new one for each request, so that one file cannot affect the reading of the next.

A subprocess starts in about a tenth of a second, since it imports nothing of the server. It gets none of the server's
environment variables.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tracker.sandbox.limits import Limits
from tracker.sandbox.slots import NoFreeSlot, Slots

INTERPRETER = (sys.executable, "-I", str(Path(__file__).with_name("child.py")))
"""Our own interpreter, isolated from the environment; the limits, the module and its arguments follow."""


class SandboxError(Exception):
    """A request to a sandbox that gave no result."""


class SandboxTimeout(SandboxError):
    """The subprocess took longer than its time-out and was killed, with all processes that it started."""


class SandboxBusy(SandboxError):
    """No slot became free in time, or too many requests are queued already; no subprocess was started."""


class SandboxFailed(SandboxError):
    """The subprocess could not be started or ended with an error, for example because it reached a limit."""


class Sandbox:
    """A module that is run in subprocesses with limits, few at once."""

    def __init__(self, module: str, limits: Limits, *, slots: Slots, timeout_seconds: float) -> None:
        """Describe the sandbox; nothing is started yet.

        Args:
            module: what the subprocess runs as `__main__`.
            limits: set in the subprocess before the module is loaded.
            slots: how many subprocesses may run at once; sandboxes may share them.
            timeout_seconds: how long a request waits for a slot, and then how long its subprocess may take.
        """
        self.module = module
        self.limits = limits
        self.timeout_seconds = timeout_seconds
        self.interpreter: Sequence[str] = INTERPRETER
        self.slots = slots

    def run(self, arguments: Sequence[str] = (), stdin: bytes | IO[bytes] = b"") -> bytes:
        """Return what the module writes to standard output. A stream is copied from its beginning.

        Raises `SandboxBusy`, `SandboxTimeout` or `SandboxFailed`.
        """
        command = [*self.interpreter, self.limits.to_json(), self.module, *arguments]
        try:
            with (
                self.slots.take(self.timeout_seconds),
                tempfile.TemporaryFile() as input_file,
                tempfile.TemporaryFile() as output_file,
            ):
                # Files, not pipes: the limit on file size then applies to the output, which is not buffered here.
                if isinstance(stdin, bytes):
                    input_file.write(stdin)
                else:
                    stdin.seek(0)
                    shutil.copyfileobj(stdin, input_file)
                input_file.seek(0)
                self._run_process(command, input_file, output_file)
                output_file.seek(0)
                return output_file.read()
        except NoFreeSlot as error:
            raise SandboxBusy(f"no slot for {self.module} became free, or too many requests are queued") from error

    def _run_process(self, command: Sequence[str], input_file: IO[bytes], output_file: IO[bytes]) -> None:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                env={},
                stdin=input_file,
                stdout=output_file,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a process group of its own, with the processes that it starts
            )
        except OSError as error:
            raise SandboxFailed(f"{self.module} could not be started: {error}") from error
        try:
            status = process.wait(self.timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise SandboxTimeout(f"{self.module} took more than {self.timeout_seconds} seconds") from error
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if status:
            raise SandboxFailed(f"{self.module} ended with status {status}")
