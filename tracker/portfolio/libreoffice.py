"""Conversion of office documents by LibreOffice, where it is installed.

LibreOffice runs without network, with a new profile for each document, and reads no other file of the machine: a
document can name pictures and text that LibreOffice would fetch from the web or from the disk of the server.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tracker.sandbox.isolation import FOLDER, isolate_command
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.sandbox import Sandbox, SandboxFailed
from tracker.sandbox.slots import Slots

OPEN_XML = "application/vnd.openxmlformats-officedocument."
DOC = "application/msword"
FORMATS = {
    f"{OPEN_XML}wordprocessingml.document": ("docx", "MS Word 2007 XML"),
    f"{OPEN_XML}spreadsheetml.sheet": ("xlsx", "Calc MS Excel 2007 XML"),
    f"{OPEN_XML}presentationml.presentation": ("pptx", "Impress MS PowerPoint 2007 XML"),
    "application/vnd.oasis.opendocument.text": ("odt", "writer8"),
    "application/rtf": ("rtf", "Rich Text Format"),
    DOC: ("doc", "MS Word 97"),
}
"""The media types that are converted, each with its extension and LibreOffice's name of the format."""
MAX_CONVERTED_PAGES = 61
"""One page more than is shown (`MAX_PAGES` in `tracker.portfolio.page_images`), which tells that there are more."""
PDF_OPTIONS = {
    "PageRange": {"type": "string", "value": f"1-{MAX_CONVERTED_PAGES}"},
    "ExportNotes": {"type": "boolean", "value": "false"},  # the mark of a comment would cover words
}
TARGETS = {
    "pdf": f"pdf:writer_pdf_Export:{json.dumps(PDF_OPTIONS, separators=(',', ':'))}",
    "docx": "docx:MS Word 2007 XML",
}
"""What the option `--convert-to` says for each format that documents are converted to."""
PROFILE = Path(__file__).with_name("libreoffice_profile.xml")
"""The settings of each new profile: no macros, no links followed, no formulas computed again."""
SCRIPT = """
mkdir -p profile/user converted
cp settings.xml profile/user/registrymodifications.xcu
"$@" >/dev/null 2>&1
exec cat converted/*
"""
"""Prints the converted document: the server opens no file that LibreOffice has written, which may be a link."""
CONVERTER = Sandbox(
    "tracker.sandbox.execute",
    Limits(address_space=2048 * MEGABYTE, cpu_seconds=30, file_size=64 * MEGABYTE),
    slots=Slots("libreoffice", 2, max_queued=6),
    timeout_seconds=30,
)


@dataclass(frozen=True)
class Programs:
    """The paths of the two programs that a conversion needs."""

    soffice: str
    bwrap: str


def find_programs() -> Programs | None:
    """Return where LibreOffice and Bubblewrap are; None where one is missing or LibreOffice is outside `/usr`."""
    soffice, bwrap = shutil.which("soffice"), shutil.which("bwrap")
    if soffice is None or bwrap is None or not Path(soffice).resolve().is_relative_to("/usr"):
        return None
    return Programs(soffice, bwrap)


def can_convert(media_type: str) -> bool:
    """Return whether documents of this type are converted and LibreOffice is installed."""
    return media_type in FORMATS and find_programs() is not None


def convert_document(source: Path, media_type: str, target: Literal["pdf", "docx"]) -> bytes:
    """Return a document in another format; of a long one the first `MAX_CONVERTED_PAGES` pages as PDF.

    Raises `SandboxError` where LibreOffice is not installed, is busy, takes too long or cannot convert the document.
    """
    programs = find_programs()
    if programs is None:
        raise SandboxFailed("LibreOffice is not installed")
    extension, import_format = FORMATS[media_type]
    name = f"document.{extension}"
    command = [
        *("/bin/sh", "-e", "-c", SCRIPT, "sh"),
        *(programs.soffice, f"-env:UserInstallation=file://{FOLDER}/profile"),
        *("--headless", "--norestore", "--nolockcheck", "--nodefault", "--nofirststartwizard"),
        *("--infilter=" + import_format, "--convert-to", TARGETS[target], "--outdir", f"{FOLDER}/converted"),
        f"{FOLDER}/{name}",
    ]
    return CONVERTER.run(isolate_command(programs.bwrap, command, {name: source, "settings.xml": PROFILE}))
