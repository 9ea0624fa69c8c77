"""Checks of PDFs with PDFium: a PDF that it opens is accepted."""

from typing import IO

import pypdfium2  # type: ignore[import-untyped]  # it carries no types
from pypdfium2 import raw

from tracker.portfolio.file_checks.faults import LOCKED, FileFaultError

XFA_FORMS = {raw.FORMTYPE_XFA_FULL, raw.FORMTYPE_XFA_FOREGROUND}


def inspect_pdf(stream: IO[bytes]) -> tuple[int, str]:
    """Return the number of pages and a remark: `xfa`, `files_inside` or empty.

    Raises `FileFaultError` when PDFium cannot open it, it is locked, or it has no pages.
    """
    stream.seek(0)
    try:
        with pypdfium2.PdfDocument(stream) as document:
            pages = len(document)
            if document.get_formtype() in XFA_FORMS:
                remark = "xfa"
            else:
                remark = "files_inside" if document.count_attachments() else ""
    except pypdfium2.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD and _is_encrypted(stream):
            raise FileFaultError(LOCKED) from error
        pages, remark = 0, ""
    if not pages:
        raise FileFaultError("the PDF is damaged: it has no pages. Save or scan it again.")
    return pages, remark


def _is_encrypted(stream: IO[bytes]) -> bool:
    """Return whether the file names an encryption dictionary.

    PDFium reports a password for some damaged files too.
    """
    stream.seek(0)
    overlap = b""
    while chunk := stream.read(1024 * 1024):
        if b"/Encrypt" in overlap + chunk:
            return True
        overlap = chunk[-8:]
    return False
