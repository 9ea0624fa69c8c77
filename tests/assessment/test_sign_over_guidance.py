"""Sign-off of a unit whose evidence guidance is not met: never blocked, only with a sentence, and kept as it was."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tests.integrity.tampering import FAST_CHECKS, list_violations, tampering_transaction
from tracker import clock
from tracker.assessment.services import signing
from tracker.errors import Conflict, Invalid
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import load_document
from tracker.library.services.centre_rules import WrittenRule, read_rule, write_rule
from tracker.matrix import load_matrix
from tracker.matrix.evidence_guidance import load_evidence_guidance
from tracker.models import Signature, Unit, UnitAttempt
from tracker.privacy.export_portfolio import read_portfolio
from tracker.recording_forms.annex_queries import build_annex
from tracker.recording_forms.snapshot import take_snapshot
from tracker.units.documents import unit_from_json

ClientFor = Callable[..., FlaskClient]
REASON = "The calls of one customer over one day show each criterion more than once."
MISSING = "1 more customer"
MONTHS: dict[str, Any] = {
    "kind": "months", "at_least": 12, "at_most": None, "methods": [], "part": None, "heading": None, "criteria": [],
    "each_criterion": False, "requirement": None, "text": None, "format": 1,
}  # fmt: skip


def sign(world: World, attempt: UnitAttempt, reason: str, seen_guidance: str | None = None) -> Signature:
    """Sign a unit off as Bob."""
    with transaction():
        seen, by_bob = take_snapshot(attempt).hash, factories.make_actor(world.bob)
        return signing.sign_unit(
            attempt, seen, "", by_bob, clock.now(), warnings_reason=reason, seen_guidance=seen_guidance
        )


def test_candidate_and_assessor_see_what_is_missing_from_the_first_day(world: World, client: ClientFor) -> None:
    for person in (world.alice, world.bob):
        page = " ".join(client(person).get(f"/attempts/{world.cfacc15.id}").text.split())
        assert "Not met: 2 more occasions" in page
        assert "Not met: 2 more customers" in page
        assert "At least 2 occasions, on different days (evidence requirement 3)." in page
        assert "The assessor checks, as the record does not show it:" in page
        matrix = client(person).get(f"/attempts/{world.cfacc15.id}?view=matrix").text
        assert 'Evidence guidance</a> <span class="muted">2 not met</span>' in matrix


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
    assert f"Found: 1 of 2</span>. Not met: {MISSING}</li>" in page
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
    assert "Evidence guidance not met at sign-off:" in form


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


def test_the_candidates_export_names_no_colleague_in_what_was_not_met(world: World, ready: UnitAttempt) -> None:
    signature = sign(world, ready, REASON)
    forged = [
        {**each, "expected": "As Bob Archer said", "missing": ["Bob Archer saw 1"], "rule": each["rule"] | {"text": "Bob Archer"}}
        for each in signature.unmet_guidance or []
    ]  # fmt: skip
    with tampering_transaction():
        forge = text("UPDATE signature SET unmet_guidance = :forged WHERE id = :id")
        db.session.execute(forge, {"forged": json.dumps(forged), "id": signature.id})
        db.session.expire_all()
        exported = json.dumps(read_portfolio(world.alice, {}), default=str)
    assert "unmet_evidence_guidance" in exported
    assert "Bob Archer s" not in exported
    assert "As Bob Archer" not in exported


OTHER_RULES: dict[str, list[dict[str, Any]]] = {
    "a rule that is not met is added": [MONTHS],
    "a rule that is met is added": [{**MONTHS, "kind": "items", "at_least": 1}],
    "the assessor checks something more": [
        {**MONTHS, "kind": "assessor_check", "at_least": None, "text": "Several teams"}
    ],
    "every rule has ended": [],
}


@pytest.mark.parametrize("rules", OTHER_RULES.values(), ids=OTHER_RULES)
def test_a_sign_off_over_other_guidance_than_the_page_showed_is_refused(
    world: World, client: ClientFor, ready: UnitAttempt, rules: list[dict[str, Any]]
) -> None:
    bob, address = client(world.bob), f"/attempts/{ready.id}/sign"
    page = bob.get(address).text
    data = {
        **dict(re.findall(r'<input type="hidden" name="(snapshot_hash|version|guidance_hash)" value="(\w+)">', page)),
        "requirement": re.findall(r'name="requirement" value="(\d+)"', page), "password": factories.PASSWORD,
        "act": "sign", "warnings_reason": REASON, "comment": "A steady term.",
    }  # fmt: skip
    with transaction():
        unit = db.session.get_one(Unit, ready.unit_id)
        unit.evidence_guidance = [*unit.evidence_guidance, *rules] if rules else []
    refused = bob.post(address, data=data)
    assert refused.status_code == 409
    assert "The evidence guidance of this unit changed while you were reading it." in refused.text
    assert "A steady term." in refused.text, "what was typed is kept"
    assert not db.session.scalars(select(Signature)).all()
    again = re.search(r'name="guidance_hash" value="(\w+)"', bob.get(address).text)
    assert again
    assert bob.post(address, data={**data, "guidance_hash": again[1]}).status_code == 303


def test_a_rule_of_the_centre_that_came_after_the_page_is_not_signed_over(world: World, ready: UnitAttempt) -> None:
    seen = load_evidence_guidance(ready, load_matrix(ready)).hash
    with transaction():
        rule = read_rule(WrittenRule("months", "12"), unit_from_json(load_document(ready.unit)))
        write_rule(ready.unit, world.northgate, rule, factories.make_actor(world.dan))
    with pytest.raises(Conflict, match="evidence guidance of this unit changed"):
        sign(world, ready, REASON, seen_guidance=seen)
    seen = load_evidence_guidance(ready, load_matrix(ready)).hash
    assert sign(world, ready, REASON, seen_guidance=seen).unmet_guidance
