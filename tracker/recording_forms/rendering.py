"""Rendering of forms as PDF by WeasyPrint: PDF/UA-1, reproducible, and without fetching anything.

The same content gives the same bytes.
"""

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pydyf
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import ImageFile
from weasyprint import CSS, HTML, Attachment
from weasyprint.document import Document
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from tracker.errors import FormNotRendered
from tracker.recording_forms.answers_content import AnswersRecord
from tracker.recording_forms.discussion_content import DiscussionRecord
from tracker.recording_forms.form_content import CODE_FILE, SNAPSHOT_FILE, FormContent, FormIssue
from tracker.recording_forms.grid_painting import paint_grids
from tracker.recording_forms.index_content import IndexContent
from tracker.recording_forms.observation_content import PrintedRecord, QuestionsRecord
from tracker.recording_forms.pdf_table_tags import complete_table_tags
from tracker.recording_forms.sheet_content import SectionedSheet
from tracker.recording_forms.staff_content import StaffContent
from tracker.recording_forms.witness_list_content import WitnessListContent
from tracker.recording_forms.written_objects import write_objects_once
from tracker.vocabulary import use_terms
from tracker.web.text_direction import isolate_output

ImageFile.LOAD_TRUNCATED_IMAGES = (
    False  # WeasyPrint's import turns it on for the whole process: a truncated photo would pass as whole
)

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
QR_CODE_URL = "form:qr-code"
"""The address by which a form refers to the image of its QR code."""
MISSING_GLYPH = re.compile(r"\.notdef glyph .*\(U\+([0-9A-F]+)\)$", re.DOTALL)
"""What WeasyPrint logs when no font has a character."""
BLANK_ROWS = 13
"""As many as the awarding body's own form has."""


class ForbiddenAddress(ValueError):
    """A form referred to an address that may not be fetched."""


class CharactersNotPrintable(ValueError):
    """Characters of a form to be issued for which no installed font has a glyph."""

    def __init__(self, characters: str) -> None:
        super().__init__(characters)
        self.characters = characters


class StaticFetcher(URLFetcher):
    """Fetcher that opens files of our static folder and nothing else, for HTML, CSS and attachments."""

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        """Return a static file. Raises `ForbiddenAddress` for every other address."""
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(STATIC.resolve()):
            raise ForbiddenAddress(url)
        return super().fetch(url, headers)


class FormFetcher(StaticFetcher):
    """Fetcher that also returns the images made for this form, by their addresses."""

    def __init__(self, images: Mapping[str, bytes]) -> None:
        super().__init__()
        self.images = images

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        """Return one of the images or a static file. Raises `ForbiddenAddress` for every other address."""
        if url in self.images:
            return URLFetcherResponse(url, self.images[url], {"Content-Type": "image/png"})
        return super().fetch(url, headers)


class RenderingResources(threading.local):
    """Fonts and the style sheet, kept between forms for each thread: shared by threads, they corrupt the heap."""

    @cached_property
    def fonts(self) -> FontConfiguration:
        """Return the font configuration of this thread."""
        return FontConfiguration()

    @cached_property
    def style(self) -> CSS:
        """Return the parsed style sheet of printed pages."""
        return CSS(filename=STATIC / "css" / "print.css", url_fetcher=StaticFetcher(), font_config=self.fonts)


_resources = RenderingResources()


def render_form_pdf(content: FormContent) -> bytes:
    """Return the recording form as PDF.

    Raises:
        CharactersNotPrintable: the form is to be issued, and no font has some of its characters.
        FormNotRendered: a part of it would be missing.
    """
    blank_rows = BLANK_ROWS if content.is_blank else 0
    html = _render_html("recording_forms/recording_form.html", form_content=content, blank_rows=blank_rows)
    return _write_pdf(html, content.issue)


def render_index(content: IndexContent) -> bytes:
    """Return the index of evidence as PDF. Raises `FormNotRendered`."""
    return _write_pdf(_render_html("recording_forms/index_of_evidence.html", form_content=content))


def render_record(content: PrintedRecord) -> bytes:
    """Return a record that an assessor wrote as PDF. Raises `FormNotRendered`."""
    names = {
        AnswersRecord: "answers_record",
        DiscussionRecord: "discussion_record",
        QuestionsRecord: "questions_record",
    }
    name = names.get(type(content), "observation_record")
    return _write_pdf(_render_html(f"recording_forms/{name}.html", form_content=content))


def render_sectioned_sheet(content: SectionedSheet) -> bytes:
    """Return a sheet in sections as PDF. Raises `FormNotRendered`."""
    return _write_pdf(_render_html("recording_forms/sectioned_sheet.html", form_content=content))


def render_staff_record(content: StaffContent) -> bytes:
    """Return the sheet "Staff register and CPD" as PDF. Raises `FormNotRendered`."""
    return _write_pdf(_render_html("recording_forms/staff_record.html", form_content=content))


def render_witness_list(content: WitnessListContent) -> bytes:
    """Return a witness list as PDF. Raises `FormNotRendered`."""
    return _write_pdf(_render_html("recording_forms/witness_list.html", form_content=content))


def _render_html(template: str, **values: Any) -> str:
    return environment().get_template(template).render(**values)


def _write_pdf(html: str, issue: FormIssue | None = None) -> bytes:
    fetcher = FormFetcher({QR_CODE_URL: issue.qr_code} if issue else {})
    with _errors_raised(refuse_missing_glyphs=issue is not None):
        document = HTML(string=html, base_url=f"{STATIC.as_uri()}/", url_fetcher=fetcher)
        options = {
            "stylesheets": [_resources.style],
            "pdf_variant": "pdf/ua-1",
            "pdf_identifier": b"recording form",  # the other half of the file's ID is the hash of what it says
            "attachments": _attachments(issue) if issue else None,
        }
        laid_out = document.render(font_config=_resources.fonts, **options)
        paint_grids(laid_out)
        pdf = laid_out.write_pdf(finisher=_complete, **options)
    return bytes(pdf)


def _complete(document: Document, pdf: pydyf.PDF) -> None:
    """Complete a PDF just before the file is written."""
    complete_table_tags(document, pdf)
    write_objects_once(pdf)


def _attachments(issue: FormIssue) -> list[Attachment]:
    """Return the snapshot that was signed, byte for byte, and the code."""
    files = (
        (SNAPSHOT_FILE, issue.snapshot, "What was signed: the snapshot of the round"),
        (CODE_FILE, issue.code, "The code of this form, signed"),
    )
    return [
        Attachment(
            string=content.encode("ascii"),
            name=name,
            description=description,
            created=issue.issued_at,
            modified=issue.issued_at,
            relationship="Data",
        )
        for name, content, description in files
    ]


@cache
def environment() -> Environment:
    """Return a plain Jinja environment: forms need no app, no request and no database."""
    plain = Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=isolate_output,
    )
    plain.filters["in_terms"] = use_terms
    return plain


class _Errors(logging.Handler):
    """Log handler that collects the errors and the missing glyphs that WeasyPrint logs in this thread."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.thread = threading.get_ident()
        self.messages: list[str] = []
        self.missing: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, or the character without a glyph, of a record of this thread."""
        if record.thread != self.thread:
            return
        if record.levelno >= logging.ERROR:
            self.messages.append(record.getMessage())
        elif found := MISSING_GLYPH.search(record.getMessage()):
            self.missing.append(chr(int(found[1], 16)))


@contextmanager
def _errors_raised(*, refuse_missing_glyphs: bool) -> Iterator[None]:
    """Raise `FormNotRendered` for an error that WeasyPrint logs: it would continue and leave a part out.

    With `refuse_missing_glyphs`, raise `CharactersNotPrintable` where it would print a box in place of a character.
    """
    logger, errors = logging.getLogger("weasyprint"), _Errors()
    if not logger.isEnabledFor(logging.WARNING):
        logger.setLevel(logging.WARNING)  # a silenced log must not let forms through with parts missing
    logger.addHandler(errors)
    try:
        yield
    finally:
        logger.removeHandler(errors)
    if errors.messages:
        raise FormNotRendered(errors.messages[0])
    if refuse_missing_glyphs and errors.missing:
        raise CharactersNotPrintable("".join(dict.fromkeys(errors.missing)))
