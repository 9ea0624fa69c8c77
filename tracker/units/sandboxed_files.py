"""Parsing of files of units in a sandboxed subprocess: a small file can take much memory or time to parse."""

import json
import logging

from tracker.errors import Busy, Invalid
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxBusy, SandboxError
from tracker.sandbox.slots import Slots
from tracker.units.documents import unit_from_json
from tracker.units.formats.files import ExchangedLink, FileContents
from tracker.vocabulary import LinkKind

log = logging.getLogger(__name__)

PARSER = Sandbox(
    "tracker.units.file_subprocess",
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=60, file_size=200 * MEGABYTE),
    slots=Slots("unit_files", 1),
    timeout_seconds=90,
)


def parse_sandboxed(format_name: str, body: bytes) -> FileContents:
    """Return the units and links of a file.

    Raises `Invalid` if it cannot be read or needs too much time or memory, `Busy` while others are parsed.
    """
    try:
        answer = json.loads(PARSER.run([format_name], stdin=body))
    except SandboxBusy as error:
        raise Busy("Other files of units are being read. Nothing was imported. Try again in a minute.") from error
    except (SandboxError, ValueError) as error:
        log.warning("A file of units could not be parsed: %s", error)
        raise Invalid(
            "The file needs more time or memory than files of units should, so reading was stopped. Nothing was "
            "imported. Split it, or export it again from the program that made it.",
            "file",
        ) from error
    if "invalid" in answer:
        raise Invalid(*answer["invalid"])
    return FileContents(
        tuple(unit_from_json(unit) for unit in answer["units"]),
        tuple(ExchangedLink(**{**link, "kind": LinkKind(link["kind"])}) for link in answer["links"]),
        tuple(answer["remarks"]),
    )
