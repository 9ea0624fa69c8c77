"""Takes one document that a stranger made apart, in a process that can do little and not for long.

`KIND SECONDS` reads the document from standard input and prints its lines as JSON; `unit SECONDS` reads such lines,
and prints the unit in them. After so many seconds of work it is stopped.
"""

import json
import logging
import resource
import sys
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

MEGABYTE = 1024 * 1024
LIMITS = {
    resource.RLIMIT_AS: 1024 * MEGABYTE,
    resource.RLIMIT_FSIZE: 64 * MEGABYTE,
    resource.RLIMIT_CORE: 0,
}
MAX_DEPTH = 5_000
"""Of Python's own calls. The readers refuse what is nested far less deeply than that."""
DAMAGED = "is damaged, or made in a way that no program should. Save it anew from the program that made it."


def main(kind: str, seconds: str) -> None:
    for limit, most in {**LIMITS, resource.RLIMIT_CPU: int(seconds)}.items():
        with suppress(ValueError, OSError):  # macOS has no limit on address space
            resource.setrlimit(limit, (most, most))
    sys.setrecursionlimit(MAX_DEPTH)
    from tracker.unit_reader.lines import Unreadable

    try:
        answer = _read(kind, sys.stdin.buffer.read())
    except Unreadable as error:
        answer = {"refused": str(error)}
    except Exception:  # whatever a library makes of a file that was made to break it
        log.exception("A %s could not be read", kind)
        answer = {"refused": DAMAGED}
    sys.stdout.write(json.dumps(answer))


def _read(kind: str, body: bytes) -> dict[str, Any]:
    """Only the libraries of its kind are loaded."""
    if kind == "pdf":
        from tracker.unit_reader.sources.pdf import read_pdf

        return read_pdf(body)
    if kind == "docx":
        from tracker.unit_reader.sources.docx import read_docx

        return read_docx(body)
    if kind == "unit":
        from tracker.unit_reader.apart import make_out

        return make_out(body)
    from tracker.unit_reader.sources.html import read_html

    return read_html(body)


if __name__ == "__main__":
    main(*sys.argv[1:])
