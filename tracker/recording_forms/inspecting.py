"""What a PDF that somebody brings says of itself: its seal and what it carries, found in a bounded process."""

import json
import subprocess
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tracker.errors import Invalid, Refused
from tracker.recording_forms.pdf_seals import SealFinding
from tracker.sandbox.child import process_of

PROCESS = process_of("tracker.recording_forms.inspect_process")
MEGABYTE = 1024 * 1024
MAX_SIZE = 10 * MEGABYTE
"""Of a form brought to be checked; ours are some hundred kilobytes."""
PATIENCE = 20
"""Seconds that one file may take, and that the next waits for its turn."""
MAX_IN_LINE = 4
"""Files looked at and waiting together. Anybody may bring one, and each waits in a thread that serves others too."""
BUSY = "Other files are being looked at just now. Try again in a minute."
_in_line = threading.BoundedSemaphore(MAX_IN_LINE)
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Inspection:
    seal: SealFinding
    attached: Mapping[str, bytes]


def inspect_pdf(pdf: bytes, certificates: Mapping[str, str]) -> Inspection:
    """The seal, held against the certificates of the installation's keys, and the files attached.

    Raises `Invalid` for what is no PDF or too large, `Refused` while too many others are being looked at.
    """
    if len(pdf) > MAX_SIZE:
        raise Invalid("That file is larger than 10 MB, and no form of ours is. Choose the form itself.", "file")
    if b"%PDF-" not in pdf[:1024]:
        raise Invalid("That is no PDF. Choose the file of the form, as it was downloaded or sent.", "file")
    with _turn():
        said = _ask(pdf, certificates)
    attached = {name: b64decode(content) for name, content in said["attached"].items()}
    return Inspection(SealFinding(said["key"], said["fault"]), attached)


@contextmanager
def _turn() -> Iterator[None]:
    """A turn of one's own, waited for; `Refused` at once where too many wait already."""
    if not _in_line.acquire(blocking=False):
        raise Refused(BUSY)
    try:
        if not _one_at_a_time.acquire(timeout=PATIENCE):
            raise Refused(BUSY)
        try:
            yield
        finally:
            _one_at_a_time.release()
    finally:
        _in_line.release()


def _ask(pdf: bytes, certificates: Mapping[str, str]) -> dict[str, Any]:
    """What the process found; a file that it dies of cannot be read."""
    question = json.dumps(dict(certificates)).encode() + b"\n" + pdf
    with suppress(subprocess.SubprocessError, ValueError):
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            PROCESS, input=question, capture_output=True, timeout=PATIENCE, env={}, check=True
        )
        return dict(json.loads(done.stdout))
    return {"key": "", "fault": "it cannot be read", "attached": {}}
