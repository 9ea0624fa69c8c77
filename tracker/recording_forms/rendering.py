"""Facts to PDF by WeasyPrint: PDF/UA-1, the same bytes for the same facts, and nothing fetched from anywhere."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from tracker.errors import TrackerError
from tracker.recording_forms.facts import FormFacts, IndexFacts

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
ROWS_FOR_THE_PEN = 13


class FormNotRendered(TrackerError):
    """The sheet could not be made."""

    status = 503
    title = "The form could not be printed"

    def __init__(self) -> None:
        super().__init__(
            "The form could not be made just now. Nothing is lost: everything on it is saved. Try again."
        )


class StaticFetcher(URLFetcher):
    """Opens files of our static folder and nothing else, whoever asks: HTML, CSS or an attachment."""

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(STATIC.resolve()):
            raise FormNotRendered
        return super().fetch(url, headers)


def render_form(facts: FormFacts) -> bytes:
    """The recording form as PDF."""
    blank_rows = ROWS_FOR_THE_PEN if facts.is_blank else 0
    return _render("recording_forms/recording_form.html", facts=facts, blank_rows=blank_rows)


def render_index(facts: IndexFacts) -> bytes:
    """The index of evidence as PDF."""
    return _render("recording_forms/index_of_evidence.html", facts=facts)


def _render(template: str, **values: Any) -> bytes:
    html = environment().get_template(template).render(**values)
    with _errors_are_failures():
        document = HTML(string=html, base_url=f"{STATIC.as_uri()}/", url_fetcher=StaticFetcher())
        # a font configuration belongs to one rendering: shared between threads it corrupts the heap
        pdf = document.write_pdf(
            pdf_variant="pdf/ua-1", font_config=FontConfiguration(), custom_metadata=False, pdf_identifier=b"tracker"
        )
    return bytes(pdf)


@cache
def environment() -> Environment:
    """A plain Jinja environment: sheets need no app, no request and no database."""
    return Environment(
        loader=FileSystemLoader(ROOT.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@contextmanager
def _errors_are_failures() -> Iterator[None]:
    """WeasyPrint logs what it could not load and goes on; a form with a part missing is worse than none."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    logger, listener = logging.getLogger("weasyprint"), Listener(level=logging.ERROR)
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
    if heard:
        raise FormNotRendered
