"""What pages show of documents, made when a file is uploaded and kept beside it: its pages as PDF, and its text."""

import io
from contextlib import suppress

from sqlalchemy import select

from tracker.errors import Invalid, NotFound
from tracker.extensions import db
from tracker.ledger.transactions import reading
from tracker.models import Attachment
from tracker.portfolio import libreoffice
from tracker.portfolio.derived_files import has_derived
from tracker.portfolio.file_checks.identify import IdentifiedFile
from tracker.portfolio.file_details import load_details, save_details
from tracker.portfolio.file_types import BY_MEDIA_TYPE, identify_file
from tracker.portfolio.page_images import PDF_NAME, load_pdf
from tracker.portfolio.text_previews import PLAIN_TEXT, has_text_preview, lacks_text_preview, load_text
from tracker.sandbox.sandbox import SandboxError
from tracker.storage import file_store
from tracker.vocabulary import ERASED_TEXT


def make_document_previews(sha256: str, media_type: str) -> None:
    """Make the pages and the text of a stored document, whose details are stored; leave out what cannot be made."""
    if BY_MEDIA_TYPE[media_type].shown_as not in {"text", "pages"} or media_type in PLAIN_TEXT:
        return
    with reading():
        lacks_pages, has_text = _lacks_pages(sha256, media_type), has_text_preview(sha256, media_type)
    if lacks_pages and (pages := _convert_to_pages(sha256, media_type)):
        save_details(sha256, IdentifiedFile(media_type, pages))
    if has_text:
        with suppress(NotFound):  # a file without a preview can be downloaded
            load_text(sha256, media_type)


def list_documents_without_previews() -> list[tuple[str, str]]:
    """Return hash and media type of each stored document that lacks pages or a text that this machine can make."""
    files = select(Attachment.sha256, Attachment.media_type).where(Attachment.name != ERASED_TEXT).distinct()
    return [
        (sha256, media_type)
        for sha256, media_type in db.session.execute(files.order_by(Attachment.sha256))
        if lacks_previews(sha256, media_type)
    ]


def lacks_previews(sha256: str, media_type: str) -> bool:
    """Return whether a stored document lacks pages or a text that this machine can make."""
    if not file_store.exists(sha256):
        return False
    return _lacks_pages(sha256, media_type) or lacks_text_preview(sha256, media_type)


def _lacks_pages(sha256: str, media_type: str) -> bool:
    if not libreoffice.can_convert(media_type):
        return False
    return not load_details(sha256).pages or not has_derived(sha256, PDF_NAME)


def _convert_to_pages(sha256: str, media_type: str) -> int:
    """Return how many pages a document has as PDF, which is stored beside it; 0 where it cannot be converted."""
    try:
        return identify_file(io.BytesIO(load_pdf(sha256, media_type)), "pages.pdf").pages
    except (SandboxError, Invalid, NotFound):
        return 0
