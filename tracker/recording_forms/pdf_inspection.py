"""Inspection of an uploaded PDF in a sandboxed subprocess: its seal and its attachments."""

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from tracker.errors import Invalid, Refused
from tracker.recording_forms.pdf_seals import SealCheck
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxBusy, SandboxError
from tracker.sandbox.slots import Slots

MAX_SIZE = 10 * MEGABYTE
"""Of a form uploaded to be checked; ours have a few hundred kilobytes."""
INSPECTOR = Sandbox(
    "tracker.recording_forms.pdf_inspection_subprocess",
    Limits(address_space=1024 * MEGABYTE, cpu_seconds=10),
    # Anybody may upload a file, and each waits in a thread that serves others too.
    slots=Slots("pdf_inspection", 1, max_queued=4),
    timeout_seconds=20,
)


@dataclass(frozen=True)
class Inspection:
    """What a PDF says of itself; `attachments` are its attached files by name."""

    seal: SealCheck
    attachments: Mapping[str, bytes]


def inspect_pdf(pdf: bytes, certificates: Mapping[str, str]) -> Inspection:
    """Return a PDF's seal, checked against the certificates (PEM, by key), and its attachments.

    A file that breaks the subprocess has a seal that cannot be read. Raises `Invalid` for a file that is no PDF or is
    too large, `Refused` while too many others are being checked.
    """
    if len(pdf) > MAX_SIZE:
        raise Invalid(
            "The file is larger than 10 MB. Forms issued here are smaller. Choose the form’s own PDF file.", "file"
        )
    if b"%PDF-" not in pdf[:1024]:
        raise Invalid("The file is not a PDF. Choose the PDF file that you downloaded or were sent.", "file")
    try:
        answer = json.loads(INSPECTOR.run(stdin=json.dumps(dict(certificates)).encode() + b"\n" + pdf))
    except SandboxBusy as error:
        raise Refused("Other files are being checked at the moment. Try again in a minute.") from error
    except (SandboxError, ValueError):
        return Inspection(SealCheck(fault="it cannot be read"), {})
    attachments = {name: b64decode(content) for name, content in answer["attachments"].items()}
    return Inspection(SealCheck(answer["key"], answer["fault"]), attachments)
