"""The process that prints, started by the worker."""

import gc
import logging
import pickle
import resource
import select
import sys
import time
from contextlib import suppress
from typing import IO

from tracker.recording_forms.facts import FormFacts, IndexFacts
from tracker.recording_forms.rendering import render_form, render_index
from tracker.recording_forms.worker import receive, send

log = logging.getLogger(__name__)

MEMORY = 1024 * 1024 * 1024
"""Address space. A form of 400 rows and 53 columns takes about half of it."""
SECONDS_A_SHEET = 300
"""Of CPU time, for when nobody is left to stop a sheet that never ends."""
IDLE = 0.05
OBJECTS_LEFT_LYING = 1_000_000


def main() -> None:
    """One answer for each question, empty when a sheet could not be made, until nobody asks any more."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _bound(resource.RLIMIT_AS, MEMORY)
    gc.disable()  # collecting while a sheet is laid out costs up to as much as the sheet
    gc.freeze()
    while True:
        try:
            facts = pickle.loads(receive(source))  # noqa: S301 - written by our own server
        except EOFError:
            return
        _bound(resource.RLIMIT_CPU, int(time.process_time()) + SECONDS_A_SHEET)
        send(sink, _render(facts))
        _tidy_up(source)


def _render(facts: FormFacts | IndexFacts) -> bytes:
    try:
        return render_form(facts) if isinstance(facts, FormFacts) else render_index(facts)
    except Exception:
        log.exception("A sheet could not be printed")
        return b""


def _tidy_up(source: IO[bytes]) -> None:
    """Collect what the sheet left when nobody waits, or when much of it lies about."""
    if gc.get_count()[0] > OBJECTS_LEFT_LYING or not select.select([source], [], [], IDLE)[0]:
        gc.collect()


def _bound(limit: int, value: int) -> None:
    """Lower a limit of this process; a system without it goes without."""
    with suppress(OSError, ValueError):
        resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))


if __name__ == "__main__":
    main()
