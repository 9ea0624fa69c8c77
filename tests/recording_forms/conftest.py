"""Alice's attempt at CFACC15 with evidence submitted and partly assessed."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests import factories
from tests.factories import World
from tracker.ledger.transactions import transaction
from tracker.models import UnitAttempt
from tracker.recording_forms import pdf_renderer
from tracker.sandbox.pool import Room
from tracker.vocabulary import Outcome


@pytest.fixture
def full_queue(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No form may wait in this process, and none is kept."""
    app.extensions.pop("form_cache", None)
    monkeypatch.setattr(pdf_renderer, "ROOM", Room(0, 0))
    yield
    app.extensions.pop("form_cache", None)


@pytest.fixture
def assessed(world: World) -> UnitAttempt:
    """Item 1 meets 1, needs more for 2 and does not meet 3; item 2 is not assessed; item 3 is a draft."""
    attempt = world.cfacc15
    with transaction():
        call = factories.make_evidence(attempt, "Billing dispute settled")
        outcomes = zip(
            factories.claim(attempt, call, "1", "2", "3"),
            (Outcome.MET, Outcome.NEEDS_MORE, Outcome.NOT_MET),
            strict=True,
        )
        factories.accept(attempt, factories.submit(call), world.bob, dict(outcomes))
        log = factories.make_evidence(attempt, "Escalation log <b>weeks</b> 10–14")
        factories.claim(attempt, log, "2", "k:a")
        factories.submit(log)
        factories.claim(attempt, factories.make_evidence(attempt, "Only a draft"), "5")
    return attempt
