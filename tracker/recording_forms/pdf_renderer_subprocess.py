"""The sandboxed subprocess that renders forms, indexes and records as PDF, started by `pdf_renderer`."""

import gc
import logging
import pickle
import select
import sys
from collections.abc import Callable
from typing import IO, Any

from tracker.recording_forms.form_content import MISSING_CHARACTERS, FormContent
from tracker.recording_forms.index_content import IndexContent
from tracker.recording_forms.observation_content import PrintedRecord
from tracker.recording_forms.rendering import (
    CharactersNotPrintable,
    render_form_pdf,
    render_index,
    render_record,
    render_sectioned_sheet,
    render_staff_record,
    render_witness_list,
)
from tracker.recording_forms.sheet_content import SectionedSheet
from tracker.recording_forms.staff_content import StaffContent
from tracker.recording_forms.witness_list_content import WitnessListContent
from tracker.sandbox.limits import allow_cpu_seconds
from tracker.sandbox.messages import receive, send

log = logging.getLogger(__name__)

CPU_SECONDS_PER_FORM = 300
"""For a form that never ends, when the server is not there to stop it."""
IDLE_SECONDS = 0.05
MAX_UNCOLLECTED_OBJECTS = 1_000_000


def main() -> None:
    """Answer each request with a PDF, which is empty if rendering failed, until standard input is closed."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    gc.disable()  # collecting garbage while a form is laid out can take as long as the form
    gc.freeze()
    while True:
        try:
            content = pickle.loads(receive(source))  # noqa: S301 - written by our own server
        except EOFError:
            return
        allow_cpu_seconds(CPU_SECONDS_PER_FORM)
        send(sink, _render(content))
        _collect_garbage(source)


RENDER: dict[type, Callable[[Any], bytes]] = {
    FormContent: render_form_pdf,
    IndexContent: render_index,
    PrintedRecord: render_record,
    SectionedSheet: render_sectioned_sheet,
    StaffContent: render_staff_record,
    WitnessListContent: render_witness_list,
}
"""What renders each kind of content."""


def _render(content: object) -> bytes:
    try:
        return next(render for kind, render in RENDER.items() if isinstance(content, kind))(content)
    except CharactersNotPrintable as error:
        return MISSING_CHARACTERS + error.characters.encode()
    except Exception:
        log.exception("A form could not be rendered")
        return b""


def _collect_garbage(source: IO[bytes]) -> None:
    """Collect the garbage when no request is waiting, or when there is much of it."""
    if gc.get_count()[0] > MAX_UNCOLLECTED_OBJECTS or not select.select([source], [], [], IDLE_SECONDS)[0]:
        gc.collect()


if __name__ == "__main__":
    main()
