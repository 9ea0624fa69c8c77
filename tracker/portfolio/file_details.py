"""Details of a stored file that its check at upload found: the page count and a remark."""

from dataclasses import dataclass

from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import FileDetail
from tracker.portfolio.file_checks.identify import IdentifiedFile

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
    """Store the page count and the remark of a file, in a transaction of its own; nothing where it has neither."""
    if not identified.pages and not identified.remark:
        return
    with transaction():
        db.session.merge(FileDetail(sha256=sha256, pages=identified.pages, remark=identified.remark))


def load_details(sha256: str) -> FileDetails:
    """Return the details that were stored when the file was uploaded, without opening the file."""
    return describe_details(db.session.get(FileDetail, sha256))


def describe_details(stored: FileDetail | None) -> FileDetails:
    """Return the details of a file for a page."""
    return FileDetails(stored.pages, REMARKS.get(stored.remark, "")) if stored else FileDetails()
