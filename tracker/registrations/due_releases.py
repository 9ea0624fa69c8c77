"""Release of due assessments before an act that would cancel them, such as a new version or a reallocation.

What waits for a countersigner ends with such an act. The functions that do both are in `tracker.assessment`, which
registrations and portfolio must not import. So the app passes them in when it is made.
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Protocol

from flask import Flask, current_app

if TYPE_CHECKING:
    from tracker.ledger.events import Actor
    from tracker.models import UnitAttempt
    from tracker.vocabulary import CountersignatureEnd


class EndCountersignatures(Protocol):
    """The function that ends what waits for a countersigner in attempts."""

    def __call__(
        self,
        attempts: "Collection[UnitAttempt]",
        because: "CountersignatureEnd",
        actor: "Actor",
        *,
        evidence_id: int | None = None,
    ) -> None:
        """End it, of one item of evidence only if one is named."""


def init_app(
    app: Flask,
    release_due_in: "Callable[[Collection[UnitAttempt]], None]",
    end_countersignatures: EndCountersignatures,
) -> None:
    """Register the functions that release the due assessments of attempts, and end what waits for a countersigner."""
    app.extensions["release_due_in"] = release_due_in
    app.extensions["end_countersignatures"] = end_countersignatures


def release_due_assessments_in(attempts: "Collection[UnitAttempt]") -> None:
    """Release the assessments of attempts that can no longer be undone. The caller has locked the attempts."""
    release: Callable[[Collection[UnitAttempt]], None] = current_app.extensions["release_due_in"]
    release(attempts)


def end_countersignatures_in(
    attempts: "Collection[UnitAttempt]",
    because: "CountersignatureEnd",
    actor: "Actor",
    *,
    evidence_id: int | None = None,
) -> None:
    """End what waits for a countersigner in attempts, which the caller has locked.

    docs/rules.md, Countersigning, rule 8.

    Args:
        attempts: the attempts.
        because: the act that ends it.
        actor: who does the act.
        evidence_id: the one item of evidence that it is about; None for all, signatures included.
    """
    end: EndCountersignatures = current_app.extensions["end_countersignatures"]
    end(attempts, because, actor, evidence_id=evidence_id)
