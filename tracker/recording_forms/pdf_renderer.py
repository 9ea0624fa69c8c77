"""Rendering of recording forms and indexes as PDF, in a persistent sandboxed subprocess beside the server.

The subprocess reads the pickled content of a form and answers with a PDF. Both ends are ours, so pickle carries
nothing from outside; the content is made of our own frozen dataclasses.
"""

import atexit
import logging
import os
import pickle
import time

from tracker.counters import count_render
from tracker.errors import Busy, FormNotRendered, Refused
from tracker.recording_forms.form_content import MISSING_CHARACTERS, FormContent, find_texts_with
from tracker.recording_forms.index_content import IndexContent
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.persistent import PersistentSandbox
from tracker.sandbox.sandbox import SandboxBusy, SandboxError
from tracker.web.text_direction import isolate

log = logging.getLogger(__name__)

LIMITS = Limits(address_space=1024 * MEGABYTE)
"""A form of 400 rows and 53 columns takes about a third of it. The subprocess sets its CPU time for each form."""
MAX_FORMS = 500
"""The subprocess is replaced after so many."""
MAX_QUEUED = max(1, int(os.environ.get("THREADS", "16")) // 2)
"""The most forms that are rendered or wait in a server process: half of its threads stay free for other pages."""
BUSY = "Many forms are being printed at the moment. Nothing was changed. Try again in a minute."
ENVIRONMENT = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "DYLD_FALLBACK_LIBRARY_PATH"}
"""Variables that the subprocess gets, besides those of fontconfig; none of the server's secrets."""


class PdfRenderer:
    """One subprocess that renders one form at a time. It starts with the first form."""

    def __init__(self, timeout_seconds: float = 20, timeout_seconds_per_row: float = 0.25) -> None:
        """Set how long a form may wait for its turn, and then take; a long form has more time."""
        self.timeout_seconds = timeout_seconds
        self.timeout_seconds_per_row = timeout_seconds_per_row
        self.sandbox = PersistentSandbox(
            "tracker.recording_forms.pdf_renderer_subprocess",
            LIMITS,
            max_requests=MAX_FORMS,
            max_queued=MAX_QUEUED,
            passes_variable=_passes_variable,
        )

    def render(self, content: FormContent | IndexContent) -> bytes:
        """Return the PDF.

        Raises:
            Busy: too many forms wait already, or the wait took too long.
            FormNotRendered: rendering fails, or takes too long or too much memory.
            Refused: no font has some characters of a form to be issued.
        """
        timeout = self.timeout_seconds + self.timeout_seconds_per_row * content.row_count
        try:
            pdf = self.sandbox.run(pickle.dumps(content), timeout)
        except SandboxBusy as error:
            raise Busy(BUSY) from error
        except SandboxError as error:
            log.error("A form was not rendered: %s", error)  # noqa: TRY400 - the error names its cause
            raise FormNotRendered(str(error)) from error
        if not pdf:
            raise FormNotRendered("the subprocess wrote the reason to standard error")
        if isinstance(content, FormContent) and pdf.startswith(MISSING_CHARACTERS):
            raise Refused(_describe_missing(content, pdf.removeprefix(MISSING_CHARACTERS).decode()))
        return pdf

    def close(self) -> None:
        """Stop the subprocess; the next form starts another."""
        self.sandbox.close()


def render_pdf(content: FormContent | IndexContent) -> bytes:
    """Return the PDF of a form or an index, rendered beside the server, and count it.

    Raises what `PdfRenderer.render` raises.
    """
    started_at, outcome = time.perf_counter(), "failed"
    try:
        pdf = _renderer.render(content)
        outcome = "rendered"
    except Busy:
        outcome = "refused"
        raise
    finally:
        count_render(outcome, time.perf_counter() - started_at)
    return pdf


def _describe_missing(content: FormContent, characters: str) -> str:
    """Return the sentence that names the characters and where they stand."""
    named = ", ".join(f"“{isolate(each)}” (U+{ord(each):04X})" for each in characters[:10])
    parts = ", ".join(find_texts_with(content, characters)[:10]) or "the form"
    return (
        f"No installed font has the characters {named}, which are in {parts}. Nothing was issued. "
        "Correct the text, or ask your system operator to install a font that has them."
    )


def _passes_variable(name: str) -> bool:
    return name in ENVIRONMENT or name.startswith(("FONTCONFIG", "XDG_"))


def _start_again_after_fork() -> None:
    """Give a forked server a subprocess of its own; that of its parent stays the parent's."""
    global _renderer  # noqa: PLW0603 - one renderer for each server process
    _renderer = PdfRenderer()


def _close() -> None:
    _renderer.close()


_renderer = PdfRenderer()
os.register_at_fork(after_in_child=_start_again_after_fork)
atexit.register(_close)
