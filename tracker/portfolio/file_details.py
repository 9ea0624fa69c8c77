"""Details of a stored file that its check at upload found, kept beside it: the page count and a remark."""

import json
from dataclasses import dataclass
from pathlib import Path

from tracker.portfolio.file_checks.identify import IdentifiedFile
from tracker.storage import file_store

REMARKS = {
    "hevc": "This video is in the HEVC format, which some browsers play without a picture. Download it to play it.",
    "unplayed": "Some browsers cannot play this recording. Download it to play it.",
    "xfa": "This PDF is an XFA form: its pages may not show what was filled in. Download it to see the whole form.",
    "files_inside": "This PDF has other files inside it, which are not shown here. Download it to read them.",
}


@dataclass(frozen=True)
class FileDetails:
    """What is known of a stored file beside its bytes."""

    pages: int = 0
    """The page count of a PDF, or of the PDF that a document was converted to; 0 where there is none."""
    remark: str = ""
    """A sentence to show with the file, or empty."""

    @property
    def is_xfa_form(self) -> bool:
        """Whether the file is a PDF with an XFA form, whose data are read as text."""
        return self.remark == REMARKS["xfa"]


def save_details(sha256: str, identified: IdentifiedFile) -> None:
    """Store the page count and the remark beside a file; store nothing where it has neither."""
    if not identified.pages and not identified.remark:
        return
    with file_store.replacing(_find_path(sha256)) as temporary:
        temporary.write_text(json.dumps({"pages": identified.pages, "remark": identified.remark}), encoding="utf-8")


def load_details(sha256: str) -> FileDetails:
    """Return the details that were stored when the file was uploaded, without opening the file."""
    try:
        stored = json.loads(_find_path(sha256).read_text(encoding="utf-8"))
        return FileDetails(int(stored["pages"]), REMARKS.get(stored["remark"], ""))
    except FileNotFoundError:
        return FileDetails(_read_old_page_count(sha256))
    except (OSError, ValueError, KeyError, TypeError):
        return FileDetails()


def _read_old_page_count(sha256: str) -> int:
    """Return the page count of a file uploaded before there were details, which is in a file of its own; else 0."""
    try:
        return int(file_store.get_path(sha256).with_suffix(".pages").read_text() or 0)
    except (OSError, ValueError):
        return 0


def _find_path(sha256: str) -> Path:
    return file_store.get_path(sha256).with_suffix(".details")
