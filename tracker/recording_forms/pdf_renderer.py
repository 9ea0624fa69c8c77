"""Rendering of forms, indexes and records as PDF, in persistent sandboxed subprocesses beside the server or worker.

A subprocess reads the pickled content of a form and answers with a PDF. Both ends are ours, so pickle carries
nothing from outside; the content is made of our own frozen dataclasses.
"""

import atexit
import hashlib
import logging
import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress

from tracker.config import Settings
from tracker.counters import count_render
from tracker.errors import Busy, FormNotRendered, Refused, TrackerError
from tracker.recording_forms.form_content import MISSING_CHARACTERS, FormContent, find_texts_with
from tracker.recording_forms.index_content import IndexContent
from tracker.recording_forms.observation_content import PrintedRecord
from tracker.recording_forms.sheet_content import SectionedSheet
from tracker.recording_forms.staff_content import StaffContent
from tracker.recording_forms.witness_list_content import WitnessListContent
from tracker.sandbox.limits import MEGABYTE, Limits
from tracker.sandbox.persistent import PersistentSandbox
from tracker.sandbox.pool import Room, SandboxPool
from tracker.sandbox.sandbox import SandboxBusy, SandboxError
from tracker.web.text_direction import isolate

log = logging.getLogger(__name__)

LIMITS = Limits(address_space=1024 * MEGABYTE)
"""A form of 400 rows and 53 columns takes about a third of it. The subprocess sets its CPU time for each form."""
MAX_TIMEOUT_SECONDS = 100
"""The longest time that a form may take. A job that renders for `STALLED_AFTER` would be thought to have died."""
MAX_FORMS = 500
"""A subprocess is replaced after so many."""
MAX_QUEUED = max(1, int(os.environ.get("THREADS", "16")) // 2)
"""The most forms that are rendered or wait in a server process: half of its threads stay free for other pages."""
MAX_OF_PERSON = 3
"""The most of these that are of one person."""
ROOM = Room(MAX_QUEUED, MAX_OF_PERSON)
BUSY = "Many forms are being printed at the moment. Nothing was changed. Try again in a minute."
ENVIRONMENT = {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "DYLD_FALLBACK_LIBRARY_PATH"}
"""Variables that the subprocess gets, besides those of fontconfig; none of the server's secrets."""
Content = FormContent | IndexContent | PrintedRecord | SectionedSheet | StaffContent | WitnessListContent


class PdfRenderer:
    """Subprocesses that render one form at a time each, for people in turn. They start when they are needed."""

    def __init__(
        self,
        timeout_seconds: float = 20,
        timeout_seconds_per_row: float = 0.25,
        count_processes: Callable[[], int] = lambda: Settings.from_environment().print_processes,
    ) -> None:
        """Set how long a form may take; a long form has more time."""
        self.timeout_seconds = timeout_seconds
        self.timeout_seconds_per_row = timeout_seconds_per_row
        self.pool = SandboxPool(_make_sandbox, count_processes)

    def render(
        self,
        content: Content,
        person_id: int,
        wait_seconds: float | None = None,
        keep: Callable[[bytes], None] = lambda _pdf: None,
    ) -> bytes:
        """Return the PDF when it is the person's turn; requests for the same content share it.

        Args:
            content: what is printed.
            person_id: who prints it.
            wait_seconds: how long to wait; None for as long as it takes.
            keep: called with the PDF, also if nobody waits for it any more.

        Raises:
            Busy: it takes longer than `wait_seconds`, and stays in the queue; or too many forms wait already.
            FormNotRendered: rendering fails, or takes too long or too much memory.
            Refused: no font has some characters of a form to be issued.
        """
        timeout = min(self.timeout_seconds + self.timeout_seconds_per_row * content.row_count, MAX_TIMEOUT_SECONDS)
        room = ROOM if wait_seconds is not None else None
        try:
            answer = self.pool.submit(
                pickle.dumps(content), timeout, person_id=person_id, key=hash_content(content), room=room
            )
            answer.add_done_callback(lambda done: _keep_rendered(content, done, keep))
            return _read_answer(content, answer.result(wait_seconds))
        except (SandboxBusy, TimeoutError, CancelledError) as error:
            raise Busy(BUSY) from error
        except SandboxError as error:
            log.error("A form was not rendered: %s", error)  # noqa: TRY400 - the error names its cause
            raise FormNotRendered(str(error)) from error

    def withdraw(self, content: Content) -> None:
        """Take content out of the queue, unless it is being rendered."""
        self.pool.withdraw(hash_content(content))

    def close(self) -> None:
        """Stop the subprocesses. A later form is refused, as the process is stopping."""
        self.pool.close()


def render_pdf(
    content: Content,
    person_id: int,
    wait_seconds: float | None = None,
    keep: Callable[[bytes], None] = lambda _pdf: None,
) -> bytes:
    """Return the PDF of a form or an index, rendered beside the server, and count it.

    Takes and raises what `PdfRenderer.render` does.
    """
    started_at, outcome = time.perf_counter(), "failed"
    try:
        pdf = _renderer.render(content, person_id, wait_seconds, keep)
        outcome = "rendered"
    except Busy:
        outcome = "refused"
        raise
    finally:
        count_render(outcome, time.perf_counter() - started_at)
    return pdf


def withdraw(content: Content) -> None:
    """Take content out of this process's queue, unless it is being rendered."""
    _renderer.withdraw(content)


def hash_content(content: Content) -> bytes:
    """Return a hash of all that is printed. The same content has the same one in every process."""
    return hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).digest()


def _read_answer(content: Content, pdf: bytes) -> bytes:
    """Return the PDF that the subprocess answered with. Raises `FormNotRendered` or `Refused` if it is none."""
    if not pdf:
        raise FormNotRendered("the subprocess wrote the reason to standard error")
    if isinstance(content, FormContent) and pdf.startswith(MISSING_CHARACTERS):
        raise Refused(_describe_missing(content, pdf.removeprefix(MISSING_CHARACTERS).decode()))
    return pdf


def _keep_rendered(content: Content, answer: "Future[bytes]", keep: Callable[[bytes], None]) -> None:
    with suppress(CancelledError, SandboxError, TrackerError):
        keep(_read_answer(content, answer.result()))


def _make_sandbox() -> PersistentSandbox:
    return PersistentSandbox(
        "tracker.recording_forms.pdf_renderer_subprocess",
        LIMITS,
        max_requests=MAX_FORMS,
        passes_variable=_passes_variable,
    )


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
    """Give a forked server a subprocesses of its own; those of its parent stay the parent's."""
    global _renderer  # noqa: PLW0603 - one renderer for each server process
    _renderer = PdfRenderer()


def _close() -> None:
    _renderer.close()


_renderer = PdfRenderer()
os.register_at_fork(after_in_child=_start_again_after_fork)
atexit.register(_close)
