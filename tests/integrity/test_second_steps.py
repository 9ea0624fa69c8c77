"""`flask verify` names signatures without the two-step verification that their centre asked for."""

from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.accounts.authenticators import code_now
from tests.assessment import workflow
from tests.assessment.test_sign_unit import sign_as_bob
from tests.factories import SECRET, World
from tracker import clock
from tracker.accounts.recovery_codes import make_codes
from tracker.accounts.services import two_step_verification
from tracker.accounts.services.centres import change_signing_two_step
from tracker.assessment.services import signing
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.integrity.second_steps import find_signatures_without_second_step
from tracker.ledger.events import record
from tracker.ledger.transactions import transaction
from tracker.models import UnitAttempt
from tracker.vocabulary import SigningTwoStep

WITHOUT = "was done without two-step verification, which the centre asked for"


@pytest.fixture
def ready(world: World) -> UnitAttempt:
    """CFACC15, with nothing to do but sign, by Bob, who has set up an authenticator app."""
    workflow.meet_everything(world, world.cfacc15)
    workflow.confirm_requirements(world, world.cfacc15)
    with transaction():
        by_bob = factories.make_actor(world.bob)
        two_step_verification.add_app(world.bob, SECRET, code_now(SECRET), make_codes(), by_bob, 0)
    return world.cfacc15


def list_faults() -> list[str]:
    return list(find_signatures_without_second_step(LedgerSnapshot()))


def sign_recording(monkeypatch: pytest.MonkeyPatch, world: World, attempt: UnitAttempt, step: Any) -> None:
    """Sign as Bob past the service's check, with this said of the second step."""
    monkeypatch.setattr(signing, "check_second_step", lambda *_: step)
    sign_as_bob(world, attempt)


def test_a_signature_with_a_recent_second_step_has_no_fault(
    monkeypatch: pytest.MonkeyPatch, world: World, ready: UnitAttempt
) -> None:
    sign_recording(monkeypatch, world, ready, {"method": "app", "at": clock.now().isoformat()})
    assert list_faults() == []


def test_a_signature_without_the_second_step_is_named(
    monkeypatch: pytest.MonkeyPatch, world: World, ready: UnitAttempt
) -> None:
    sign_recording(monkeypatch, world, ready, None)
    (fault,) = list_faults()
    assert fault.endswith(WITHOUT)


def test_a_second_step_that_was_too_early_is_named(
    monkeypatch: pytest.MonkeyPatch, world: World, ready: UnitAttempt
) -> None:
    at = clock.now() - timedelta(minutes=20)
    sign_recording(monkeypatch, world, ready, {"method": "app", "at": at.isoformat()})
    (fault,) = list_faults()
    assert "not in the five minutes before" in fault


def test_the_setting_of_the_time_decides(monkeypatch: pytest.MonkeyPatch, world: World, ready: UnitAttempt) -> None:
    """Bob signs while the centre asks nobody, and again after it has asked assessors and verifiers once more."""
    by_dan = factories.make_actor(world.dan)
    with transaction():
        change_signing_two_step(world.northgate, SigningTwoStep.NOBODY, by_dan)
    sign_recording(monkeypatch, world, ready, None)
    with transaction():
        change_signing_two_step(world.northgate, SigningTwoStep.STAFF, by_dan)
    assert list_faults() == []
    with transaction():
        signing.retract_signature(ready, "The comment was for another unit.", factories.make_actor(world.bob))
    workflow.confirm_requirements(world, ready)
    sign_recording(monkeypatch, world, ready, None)
    (fault,) = list_faults()
    assert fault.endswith(WITHOUT)


def test_signatures_of_earlier_releases_stay_valid(
    monkeypatch: pytest.MonkeyPatch, world: World, ready: UnitAttempt
) -> None:
    """The event of such a signature says nothing of the second step."""

    def record_as_before(*args: Any, **facts: Any) -> None:
        facts.pop("second_step", None)
        record(*args, **facts)

    monkeypatch.setattr(signing, "record", record_as_before)
    sign_recording(monkeypatch, world, ready, None)
    assert list_faults() == []
