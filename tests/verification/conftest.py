"""Units that an internal verifier can verify."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.assessment import workflow
from tests.factories import World

Prepare = Callable[[str, Callable[[], Any]], Any]


@dataclass(frozen=True)
class VerifyPage:
    """What the verifier's pages of one unit send."""

    decision_ids: list[int]
    """The decisions that can be sampled of the item shown, in the order of the criteria."""
    idempotency_key: str
    snapshot_hash: str
    """Empty while the unit is not confirmed."""


@pytest.fixture
def confirmed(world: World, prepare: Prepare) -> World:
    """Sign Alice's CFACC15 off as Bob and confirm it as Alice."""

    def fill() -> None:
        workflow.sign(world, world.cfacc15, "A steady record.")
        workflow.confirm(world.cfacc15)

    prepare("CFACC15 confirmed", fill)
    return world


@pytest.fixture
def read_page() -> Callable[[FlaskClient, int], VerifyPage]:
    """Return a function that reads what the verifier's pages send: `read_page(browser, attempt_id).decision_ids`."""

    def read_verify_page(browser: FlaskClient, attempt_id: int) -> VerifyPage:
        sample_page = browser.get(f"/attempts/{attempt_id}/verify").text
        sign_page = browser.get(f"/attempts/{attempt_id}/verify/sign").text
        return VerifyPage(
            decision_ids=[int(number) for number in re.findall(r'name="decision-(\d+)" value="agree"', sample_page)],
            idempotency_key=re.findall(r'name="idempotency_key" value="([^"]*)"', sample_page)[0],
            snapshot_hash=next(iter(re.findall(r'name="snapshot_hash" value="([^"]*)"', sign_page)), ""),
        )

    return read_verify_page
