"""Release of due assessments before an act that would cancel them, such as a new version or a reallocation.

The function that releases them is in `tracker.assessment`, which registrations and portfolio must not import. So the
app passes it in when it is made.
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from flask import Flask, current_app

if TYPE_CHECKING:
    from tracker.models import UnitAttempt


def init_app(app: Flask, release_due_in: "Callable[[Collection[UnitAttempt]], None]") -> None:
    """Register the function that releases the due assessments of attempts."""
    app.extensions["release_due_in"] = release_due_in


def release_due_assessments_in(attempts: "Collection[UnitAttempt]") -> None:
    """Release the assessments of attempts that can no longer be undone. The caller has locked the attempts."""
    release: Callable[[Collection[UnitAttempt]], None] = current_app.extensions["release_due_in"]
    release(attempts)
