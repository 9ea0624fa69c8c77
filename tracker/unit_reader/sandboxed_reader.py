"""Reading of a document in a sandboxed subprocess: from its bytes to its lines and the unit in them.

Documents come from outside, and a damaged or hostile one can take much longer than any unit should. A subprocess
starts in about a tenth of a second for a web page, and two tenths for a PDF.
"""

import json
import logging
from dataclasses import dataclass

from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxBusy, SandboxError
from tracker.sandbox.slots import Slots
from tracker.unit_reader.document_model import NoUnit, SourceText, UnitReading, Unreadable
from tracker.units.documents import guidance_from_json

log = logging.getLogger(__name__)

MAX_BYTES = 20 * MEGABYTE
READER = Sandbox(
    "tracker.unit_reader.reader_subprocess",
    # Twenty pages of a PDF take two seconds of CPU time on a slow machine.
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=4, file_size=64 * MEGABYTE),
    slots=Slots("unit_reader", 2),
    timeout_seconds=15,
)
TOO_MUCH = (
    "{name} needs more time or memory than any unit should, so reading was stopped. "
    "Save one unit’s pages as a separate file, or save it again from the program that made it, and use that."
)


@dataclass(frozen=True)
class DocumentReading:
    """A document's lines, and the unit that was read from them."""

    source: SourceText
    reading: UnitReading


def read_document(name: str, body: bytes) -> DocumentReading:
    """Return the unit in a document, with the document's lines.

    Raises:
        Unreadable: The document cannot be read; the sentence says why, and how to put it right.
        NoUnit: It holds no unit. If it is learning guidance, the error carries the guidance.
    """
    if len(body) > MAX_BYTES:
        raise Unreadable(
            f"{name} is larger than {MAX_BYTES // MEGABYTE} MB, so it was not opened. "
            "Save one unit’s pages as a separate file and use that."
        )
    try:
        answer = json.loads(READER.run(stdin=json.dumps(name).encode() + b"\n" + body))
    except SandboxBusy as error:
        raise Unreadable(
            f"{name} was not read, because other documents are being read. Try again in a minute."
        ) from error
    except (SandboxError, ValueError) as error:
        log.warning("A document could not be read: %s", error)
        raise Unreadable(TOO_MUCH.format(name=name)) from error
    if "unreadable" in answer:
        raise Unreadable(answer["unreadable"])
    if "no_unit" in answer:
        raise NoUnit(answer["no_unit"], guidance_from_json(answer["guidance"]) if answer["guidance"] else None)
    source = SourceText.from_json(name, answer["kind"], answer["source"])
    return DocumentReading(source, UnitReading.from_json(answer["reading"]))
