"""The sandboxed subprocess that reads one document into a unit.

Standard input holds the document's name as a line of JSON, then its bytes. Standard output gets JSON: the lines and
the unit, or why there is none.
"""

import json
import logging
import sys
from typing import Any

from tracker.unit_reader.assembly import read_unit
from tracker.unit_reader.document_model import NoUnit, Unreadable
from tracker.unit_reader.extraction import extract_lines

log = logging.getLogger(__name__)

MAX_CALL_DEPTH = 5_000
"""Of Python's calls. The extraction refuses documents nested far less deeply."""
DAMAGED = "is damaged, or not written as its format requires. Save it again from the program that made it."


def main() -> None:
    """Read one document from standard input and print the answer."""
    sys.setrecursionlimit(MAX_CALL_DEPTH)
    head, _, body = sys.stdin.buffer.read().partition(b"\n")
    name = json.loads(head)
    try:
        answer = _read(name, body)
    except Unreadable as error:
        answer = {"unreadable": str(error)}
    except NoUnit as error:
        answer = {"no_unit": str(error), "guidance": error.guidance.as_json() if error.guidance else None}
    except Exception:  # libraries raise all kinds of errors for hostile files
        log.exception("A document could not be read")
        answer = {"unreadable": f"{name} {DAMAGED}"}
    sys.stdout.write(json.dumps(answer))


def _read(name: str, body: bytes) -> dict[str, Any]:
    source = extract_lines(name, body)
    reading = read_unit(source)
    return {
        "kind": source.file_format,
        "source": source.as_json(),
        "reading": {**reading.as_json(), "places": list(reading.places.items())},
    }


if __name__ == "__main__":
    main()
