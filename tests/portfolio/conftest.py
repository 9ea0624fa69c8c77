"""Fixtures of Alice's evidence and of her browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import factories
from tests.factories import World
from tracker.ledger.transactions import transaction
from tracker.models import Evidence

ClientFor = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def store(app: Flask, tmp_path: Path) -> Path:
    """An empty store of this test's own."""
    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    return tmp_path / "attachments"


@pytest.fixture
def alice(world: World, client: ClientFor) -> FlaskClient:
    return client(world.alice)


@pytest.fixture
def complaint(world: World) -> Evidence:
    """A draft of Alice's that claims two criteria of CFACC15: ready to submit."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint CH-2231")
        factories.claim(world.cfacc15, evidence, "5", "7")
    return evidence
