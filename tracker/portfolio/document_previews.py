"""What pages show of documents, made when a file is uploaded and kept beside it: its pages as PDF, and its text."""

import io
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import select

from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.models import Attachment
from tracker.portfolio import libreoffice
from tracker.portfolio.file_checks.identify import IdentifiedFile
from tracker.portfolio.file_details import load_details, save_details
from tracker.portfolio.file_types import identify_file
from tracker.portfolio.page_images import PDF_SUFFIX
from tracker.portfolio.text_previews import has_text_preview, make_text_preview
from tracker.sandbox.sandbox import SandboxError
from tracker.storage import file_store
from tracker.storage.file_references import ERASED_TEXT


def make_document_previews(sha256: str, identified: IdentifiedFile) -> None:
    """Store the details of a stored file, and the pages and the text of a document; leave out what cannot be made."""
    pages = identified.pages or _convert_to_pages(sha256, identified.media_type)
    save_details(sha256, replace(identified, pages=pages))
    if has_text_preview(identified.media_type):
        with suppress(NotFound):  # a file without a preview can be downloaded
            make_text_preview(sha256, identified.media_type)


def list_documents_without_pages() -> list[tuple[str, str]]:
    """Return hash and media type of each stored document that LibreOffice converts and that has no pages yet."""
    documents = select(Attachment.sha256, Attachment.media_type).where(
        Attachment.media_type.in_(libreoffice.FORMATS), Attachment.name != ERASED_TEXT
    )
    return [
        (sha256, media_type)
        for sha256, media_type in db.session.execute(documents.distinct().order_by(Attachment.sha256))
        if file_store.get_path(sha256).exists() and not load_details(sha256).pages
    ]


def _convert_to_pages(sha256: str, media_type: str) -> int:
    """Return how many pages a document has as PDF, which is stored beside it; 0 where it cannot be converted."""
    if media_type not in libreoffice.FORMATS or libreoffice.find_programs() is None:
        return 0
    if pages := load_details(sha256).pages:
        return pages
    source = file_store.get_path(sha256)
    try:
        pdf = libreoffice.convert_document(source, media_type, "pdf")
        pages = identify_file(io.BytesIO(pdf), "pages.pdf").pages
    except (SandboxError, Invalid):
        return 0
    with file_store.replacing(source.with_suffix(PDF_SUFFIX)) as temporary:
        temporary.write_bytes(pdf)
    return pages
