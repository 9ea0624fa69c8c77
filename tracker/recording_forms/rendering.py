"""Facts to PDF by WeasyPrint: PDF/UA-1, the same bytes for the same facts, and nothing fetched from anywhere."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import ImageFile
from weasyprint import CSS, HTML, Attachment
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from tracker.errors import FormNotRendered
from tracker.recording_forms.form_content import CODE_FILE, SNAPSHOT_FILE, FormContent, FormIssue, IndexContent
from tracker.recording_forms.tags import name_heads

ImageFile.LOAD_TRUNCATED_IMAGES = (
    False  # WeasyPrint's import turns it on for everybody: a cut photo would pass as whole
)

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
SQUARE = "form:square"
"""Where a sheet finds the picture of its code."""
ROWS_FOR_THE_PEN = 13
"""As many as the awarding body's own form has."""


class ForbiddenAddress(ValueError):
    """A sheet asked for something that is not ours to print."""


class StaticFetcher(URLFetcher):
    """Opens files of our static folder and nothing else, whoever asks: HTML, CSS or an attachment."""

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(STATIC.resolve()):
            raise ForbiddenAddress(url)
        return super().fetch(url, headers)


class SheetFetcher(StaticFetcher):
    """Also hands out what was made for this very sheet, by a name that leads nowhere else."""

    def __init__(self, made: Mapping[str, bytes]) -> None:
        super().__init__()
        self.made = made

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        if url in self.made:
            return URLFetcherResponse(url, self.made[url], {"Content-Type": "image/png"})
        return super().fetch(url, headers)


class Press(threading.local):
    """Fonts and the style sheet, kept between sheets. One a thread: shared, they corrupt the heap."""

    @cached_property
    def fonts(self) -> FontConfiguration:
        return FontConfiguration()

    @cached_property
    def style(self) -> CSS:
        return CSS(filename=STATIC / "css" / "print.css", url_fetcher=StaticFetcher(), font_config=self.fonts)


_press = Press()


def render_form(facts: FormContent) -> bytes:
    """The recording form as PDF. Raises `FormNotRendered`."""
    blank_rows = ROWS_FOR_THE_PEN if facts.is_blank else 0
    html = _html("recording_forms/recording_form.html", facts=facts, blank_rows=blank_rows)
    return _print(html, facts.issue)


def render_index(facts: IndexContent) -> bytes:
    """The index of evidence as PDF. Raises `FormNotRendered`."""
    return _print(_html("recording_forms/index_of_evidence.html", facts=facts))


def _html(template: str, **values: Any) -> str:
    return environment().get_template(template).render(**values)


def _print(html: str, issue: FormIssue | None = None) -> bytes:
    fetcher = SheetFetcher({SQUARE: issue.square} if issue else {})
    with _errors_are_failures():
        document = HTML(string=html, base_url=f"{STATIC.as_uri()}/", url_fetcher=fetcher)
        pdf = document.write_pdf(
            stylesheets=[_press.style],
            font_config=_press.fonts,
            pdf_variant="pdf/ua-1",
            pdf_identifier=b"recording form",  # the other half of the file's ID is the hash of what it says
            finisher=name_heads,
            attachments=_attachments(issue) if issue else None,
        )
    return bytes(pdf)


def _attachments(issue: FormIssue) -> list[Attachment]:
    """The snapshot that was signed, byte for byte, and the code."""
    found = (
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
        for name, content, description in found
    ]


@cache
def environment() -> Environment:
    """A plain Jinja environment: sheets need no app, no request and no database."""
    return Environment(
        loader=FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class _Errors(logging.Handler):
    """Collects what WeasyPrint complains of in this thread."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.thread = threading.get_ident()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.heard.append(record.getMessage())


@contextmanager
def _errors_are_failures() -> Iterator[None]:
    """WeasyPrint logs what it could not load and goes on; a form with a part missing is worse than none."""
    logger, errors = logging.getLogger("weasyprint"), _Errors()
    if not logger.isEnabledFor(logging.ERROR):
        logger.setLevel(logging.ERROR)  # whoever silenced it did not mean to have forms printed with parts missing
    logger.addHandler(errors)
    try:
        yield
    finally:
        logger.removeHandler(errors)
    if errors.heard:
        raise FormNotRendered(errors.heard[0])
