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
from tracker.portfolio import libreoffice
from tracker.portfolio.libreoffice import find_programs

ClientFor = Callable[..., FlaskClient]


@pytest.fixture(autouse=True)
def store(app: Flask, tmp_path: Path) -> Path:
    """An empty store of this test's own."""
    app.config["ATTACHMENTS_PATH"] = tmp_path / "attachments"
    return tmp_path / "attachments"


@pytest.fixture(autouse=True)
def without_libreoffice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show documents as text, whether LibreOffice is installed or not."""
    monkeypatch.setattr(libreoffice, "find_programs", lambda: None)


@pytest.fixture
def real_find_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for LibreOffice on this machine."""
    monkeypatch.setattr(libreoffice, "find_programs", find_programs)


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
