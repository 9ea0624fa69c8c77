"""Units that an internal verifier can verify."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.assessment import workflow
from tests.factories import World


@pytest.fixture
def confirmed(world: World) -> World:
    """Sign Alice's CFACC15 off as Bob and confirm it as Alice."""
    workflow.sign(world, world.cfacc15, "A steady record.")
    workflow.confirm(world.cfacc15)
    return world


@pytest.fixture
def read() -> Callable[[FlaskClient, int], dict[str, list[str]]]:
    """Return a function that reads the fields of the verifier's page: `read(browser, attempt)["decision"]`."""

    def page(browser: FlaskClient, attempt_id: int) -> dict[str, list[str]]:
        html = browser.get(f"/attempts/{attempt_id}/verify").text
        return {
            name: re.findall(rf'name="{name}" value="([^"]*)"', html)
            for name in ("decision", "snapshot_hash", "criterion", "idempotency_key")
        }

    return page
