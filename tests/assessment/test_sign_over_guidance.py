"""Sign-off of a unit whose evidence guidance is not met: never blocked, only with a sentence, and kept as it was."""

import json
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.integrity.tampering import FAST_CHECKS, list_violations, tampering_transaction
from tracker import clock
from tracker.assessment.services import signing
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Signature, Unit, UnitAttempt
from tracker.privacy.export_portfolio import read_portfolio
from tracker.recording_forms.annex_queries import build_annex
from tracker.recording_forms.snapshot import take_snapshot

ClientFor = Callable[..., FlaskClient]
REASON = "The calls of one customer over one day show each criterion more than once."
MISSING = "1 more customer"


def sign(world: World, attempt: UnitAttempt, reason: str) -> Signature:
    """Sign a unit off as Bob."""
    with transaction():
        seen, by_bob = take_snapshot(attempt).hash, factories.make_actor(world.bob)
        return signing.sign_unit(attempt, seen, "", by_bob, clock.now(), warnings_reason=reason)


def test_candidate_and_assessor_see_what_is_missing_from_the_first_day(world: World, client: ClientFor) -> None:
    for person in (world.alice, world.bob):
        page = " ".join(client(person).get(f"/attempts/{world.cfacc15.id}").text.split())
        assert "Evidence guidance</a>: 2 more occasions; 2 more customers." in page
        assert "At least 2 occasions, on different days (evidence requirement 3)." in page
        assert "The assessor checks, as the record does not show it:" in page
        matrix = client(person).get(f"/attempts/{world.cfacc15.id}?view=matrix").text
        assert "2 more occasions; 2 more customers." in " ".join(matrix.split())


def test_a_criterion_with_several_items_shows_its_spread(world: World, client: ClientFor) -> None:
    for title in ("Call", "Letter"):
        workflow.submit_item(world.cfacc15, title, "1")
    assert (
        "Spread: 2 items, 1 day, 1 customer, 1 method"
        in client(world.alice).get(f"/attempts/{world.cfacc15.id}").text
    )


def test_guidance_of_a_unit_without_rules_is_not_shown(world: World, client: ClientFor) -> None:
    assert "Evidence guidance" not in client(world.alice).get(f"/attempts/{world.inscc004.id}").text


def test_a_unit_whose_guidance_is_not_met_is_signed_only_with_a_sentence(world: World, ready: UnitAttempt) -> None:
    with pytest.raises(Invalid) as refusal:
        sign(world, ready, "Enough.")
    assert refusal.value.field == "warnings_reason"
    assert sign(world, ready, REASON).warnings_reason == REASON


def test_the_sign_off_page_shows_what_is_missing(world: World, client: ClientFor, ready: UnitAttempt) -> None:
    page = " ".join(client(world.bob).get(f"/attempts/{ready.id}/sign").text.split())
    assert f"Evidence guidance: {MISSING} (evidence requirement 3)." in page
    assert "(see Evidence spread and Evidence guidance)" in page


def test_the_signature_keeps_the_rules_that_were_not_met_as_they_were(
    world: World, client: ClientFor, ready: UnitAttempt
) -> None:
    signature = sign(world, ready, REASON)
    assert signature.unmet_guidance
    customers = next(each for each in signature.unmet_guidance if each["rule"]["kind"] == "customers")
    assert customers["missing"] == [MISSING]
    assert (customers["rule"]["requirement"], customers["rule"]["format"]) == ("3", 1)
    with transaction():
        db.session.get_one(Unit, ready.unit_id).evidence_guidance = []
    annex = build_annex(ready, signature, None)
    assert f"At least 2 customers, as entered under “Customers”: {MISSING}" in annex.unmet_guidance
    for path in (f"/attempts/{ready.id}/verify/requirements", f"/attempts/{ready.id}"):
        page = " ".join(client(world.carol).get(path).text.split())
        assert "Evidence guidance not met at sign-off: 1 more occasion (at least 2 occasions" in page
        assert f"{MISSING} (at least 2 customers" in page
        assert REASON in page
    form = " ".join(client(world.alice).get(f"/attempts/{ready.id}/form").text.split())
    assert "Evidence guidance that was not met:" in form


def test_guidance_that_is_met_leaves_no_trace(world: World, ready: UnitAttempt) -> None:
    with transaction():
        db.session.get_one(Unit, ready.unit_id).evidence_guidance = []
    assert sign(world, ready, REASON).unmet_guidance is None


@pytest.mark.parametrize("forged", ["[]", '[{"centre_rule": null, "rule": {"kind": "items"}, "missing": []}]'])
def test_changed_findings_of_a_sign_off_are_named(world: World, ready: UnitAttempt, forged: str) -> None:
    signature = sign(world, ready, REASON)
    checks = [check for check in FAST_CHECKS if check.number == 43]
    assert list_violations(checks=checks) == []
    with tampering_transaction():
        forge = text("UPDATE signature SET unmet_guidance = :forged WHERE id = :id")
        db.session.execute(forge, {"forged": forged, "id": signature.id})
        [violation] = list_violations(checks=checks)
    assert (
        violation == f"43: signature {signature.id} has other evidence guidance that was not met than its event says"
    )


def test_units_with_guidance_and_the_triggers_are_as_the_checks_expect(world: World, ready: UnitAttempt) -> None:
    sign(world, ready, REASON)
    checks = [check for check in FAST_CHECKS if check.number in {15, 28}]
    assert list_violations(ignore_triggers=False, checks=checks) == []


def test_other_guidance_than_the_units_text_has_is_named(world: World) -> None:
    with tampering_transaction():
        forge = text("UPDATE unit SET evidence_guidance = '[]' WHERE id = :id")
        db.session.execute(forge, {"id": world.cfacc15.unit_id})
        violations = list_violations(checks=[check for check in FAST_CHECKS if check.number == 15])
    assert any("differs from its text in evidence guidance" in each for each in violations)


def test_the_candidates_export_has_what_was_not_met(world: World, ready: UnitAttempt) -> None:
    sign(world, ready, REASON)
    assert MISSING in json.dumps(read_portfolio(world.alice, {}), default=str)
