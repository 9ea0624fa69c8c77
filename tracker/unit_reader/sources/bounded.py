"""Documents with a structure are taken apart in a process of their own: a bad one cannot take the server with it.

A new process for each document, as for the pictures of pages in the portfolio: reading is a rare act, and what one
document did to its process never meets the next. It starts in about a tenth of a second for a web page, two tenths
for a PDF, since it loads nothing of the server.
"""

import json
import logging
import subprocess
import tempfile
import threading
from typing import IO, Any

from tracker.sandbox.child import process_of
from tracker.unit_reader.lines import Doubt, Line, SourceText, Unreadable
from tracker.unit_reader.sources.kinds import Kind

log = logging.getLogger(__name__)

PROCESS = process_of("tracker.unit_reader.sources.process")
SECONDS = 15
"""By the wall clock, for a machine that is busy."""
WORK = 4
"""Seconds of the processor's. Twenty pages of a PDF take two, on a slow machine."""
MAX_ANSWER = 64 * 1024 * 1024
at_once = threading.BoundedSemaphore(2)
TOO_MUCH = (
    "{name} asks for more time or memory than any unit needs, and reading it was stopped. "
    "Take the pages of the one unit out of it, or save it anew from the program that made it, and read that."
)


def read_bounded(kind: Kind, name: str, body: bytes) -> SourceText:
    """The document's lines. Raises `Unreadable` with the process's reason, or when it was stopped."""
    return as_source(kind, name, ask(kind.value, name, body))


def as_source(kind: Kind, name: str, answer: dict[str, Any]) -> SourceText:
    """The lines that such a process found."""
    lines = tuple(
        Line(number, text, page, heading, tuple(cells), item)
        for number, (text, page, heading, cells, item) in enumerate(answer["lines"], start=1)
    )
    doubts = tuple(Doubt(tuple(numbers), what, assumed) for numbers, what, assumed in answer["doubts"])
    return SourceText(name, kind.value, lines, doubts, answer["title"])


def ask(what: str, name: str, body: bytes) -> Any:
    """What a process of its own makes of a body. Raises `Unreadable` with its reason, or when it was stopped."""
    too_much = TOO_MUCH.format(name=name)
    if not at_once.acquire(timeout=SECONDS):
        raise Unreadable(f"{name} was not read: the documents before it take too long. Try again in a minute.")
    try:
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as sink:
            source.write(body)
            source.seek(0)
            answer = json.loads(_run(what, source, sink))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.warning("A %s could not be read: %s", what, error)
        raise Unreadable(too_much) from error
    finally:
        at_once.release()
    if "refused" in answer:
        raise Unreadable(f"{name} {answer['refused']}")
    return answer


def _run(what: str, source: IO[bytes], sink: IO[bytes]) -> bytes:
    # Without our environment: no secret of ours is a document's business.
    subprocess.run(  # noqa: S603 - our own module
        [*PROCESS, what, str(WORK)],
        env={},
        stdin=source,
        stdout=sink,
        stderr=subprocess.DEVNULL,
        timeout=SECONDS,
        check=True,
    )
    sink.seek(0)
    return sink.read(MAX_ANSWER)
