"""A unit that can be signed off, and an empty job schedule before each test of assessment."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.assessment import workflow
from tests.factories import World
from tracker.models import UnitAttempt


@pytest.fixture(autouse=True)
def clean_schedule(app: Flask) -> None:
    app.extensions["jobs"].queue.flush()


@pytest.fixture
def ready(world: World, prepare: Callable[[str, Callable[[], Any]], Any]) -> UnitAttempt:
    """Return CFACC15, met by one item, with every requirement confirmed."""

    def fill() -> None:
        workflow.meet_everything(world, world.cfacc15)
        workflow.confirm_requirements(world, world.cfacc15)

    prepare("CFACC15 ready to sign", fill)
    return world.cfacc15
