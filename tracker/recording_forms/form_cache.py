"""Cache of printed forms that are not issued, for some minutes in the memory of the server process, by their content.

They are kept in memory, for the names on them must be gone soon after they are erased. A form that a job printed is
in the file store (`form_job.py`): an erasure deletes it, and no backup holds it. A form of changed or erased
content has another key, so the old one is never found again, and it is dropped at the age that the setting says.
The cache knows no people: a view checks who may print a form before it reads the content, and only somebody who has
the whole content can find its PDF.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import cast

from flask import current_app

from tracker.errors import Busy, FormWaits
from tracker.recording_forms.pdf_renderer import Content, hash_content, render_pdf

MAX_BYTES = 20 * 1024 * 1024
"""Some 300 forms of twenty rows."""


class FormCache:
    """Cache of PDFs by the hash of their content, limited in age and size (LRU)."""

    def __init__(
        self, max_age_seconds: float, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Set the most seconds that a PDF is kept, 0 to keep none, and the most bytes of all together."""
        self.max_bytes = max_bytes
        self.max_age_seconds = max_age_seconds
        self.clock = clock
        self.size = 0
        self._pdfs: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def find(self, key: bytes) -> bytes | None:
        """Return the PDF of this key, or None where there is none or it is too old."""
        with self._lock:
            self._drop_old()
            if key not in self._pdfs:
                return None
            self._pdfs.move_to_end(key)
            return self._pdfs[key][1]

    def keep(self, key: bytes, pdf: bytes) -> None:
        """Keep a PDF, and drop the least recently used while all together are too large."""
        if self.max_age_seconds <= 0:
            return
        with self._lock:
            self._drop(key)
            self._pdfs[key] = (self.clock(), pdf)
            self.size += len(pdf)
            while self.size > self.max_bytes:
                self._drop(next(iter(self._pdfs)))
            self._set_timer()

    def drop_old(self) -> None:
        """Drop what is too old, and set the timer again while something is left."""
        with self._lock:
            self._timer = None
            self._drop_old()
            self._set_timer()

    def _drop_old(self) -> None:
        oldest = self.clock() - self.max_age_seconds
        for key in [key for key, (kept_at, _) in self._pdfs.items() if kept_at <= oldest]:
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        if key in self._pdfs:
            self.size -= len(self._pdfs.pop(key)[1])

    def _set_timer(self) -> None:
        """Start a timer that drops PDFs when they are too old, even if nobody prints."""
        if self._pdfs and self._timer is None:
            oldest = min(kept_at for kept_at, _ in self._pdfs.values())
            self._timer = threading.Timer(max(1, oldest + self.max_age_seconds - self.clock()), self.drop_old)
            self._timer.daemon = True
            self._timer.start()


def print_unissued(content: Content, person_id: int) -> bytes:
    """Return the PDF of a form that is not issued, a list or a record: kept, or else rendered now for a person.

    The caller has checked that the person may print it, and shows nothing else.

    Raises:
        FormWaits: it is not ready in `PRINT_WAIT_SECONDS`, or too many forms are being printed. What waits is
            rendered later and kept, unless it is withdrawn.
        FormNotRendered: rendering fails.
    """
    if (kept := find_kept(content)) is not None:
        return kept
    cache, key = _get_cache(), hash_content(content)
    try:
        wait_seconds = current_app.config["SETTINGS"].print_wait_seconds
        return render_pdf(content, person_id, wait_seconds, partial(cache.keep, key))
    except Busy as error:
        raise FormWaits from error


def find_kept(content: Content) -> bytes | None:
    """Return the kept PDF of a form that is not issued, or of a list; None if there is none."""
    return _get_cache().find(hash_content(content))


def _get_cache() -> FormCache:
    """Return the cache of the current app."""
    extensions = current_app.extensions
    if "form_cache" not in extensions:
        extensions["form_cache"] = FormCache(current_app.config["SETTINGS"].form_cache_seconds)
    return cast("FormCache", extensions["form_cache"])
