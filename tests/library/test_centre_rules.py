"""A centre's rules of evidence guidance: set, changed and ended by its administrator, with their history."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
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
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import load_document
from tracker.library.services import centre_rules as services
from tracker.library.services.centre_rules import WrittenRule
from tracker.models import CentreEvidenceRule, Signature
from tracker.privacy.export_staff_work import read_work
from tracker.recording_forms.snapshot import take_snapshot
from tracker.units.documents import UnitDocument, unit_from_json
from tracker.units.evidence_rules import rule_from_json
from tracker.vocabulary import CriterionKind, Role

ClientFor = Callable[..., FlaskClient]
OBSERVED = WrittenRule("methods", "1", ["observation"])
FORGED_SCOPES = ("heading:", "heading:performance", "heading:performance:None", "heading:x:y", "none", "#1")
FORM = {"kind": "methods", "number": "1", "methods": ["observation"], "scope": "unit"}


def load(world: World) -> UnitDocument:
    return unit_from_json(load_document(world.cfacc15.unit))


def set_rule(world: World, written: WrittenRule = OBSERVED) -> CentreEvidenceRule:
    """Set a rule for CFACC15 as Dan, the administrator of Northgate."""
    with transaction():
        rule = services.read_rule(written, load(world))
        return services.write_rule(world.cfacc15.unit, world.northgate, rule, factories.make_actor(world.dan))


def list_rules(world: World) -> list[CentreEvidenceRule]:
    return list(db.session.scalars(select(CentreEvidenceRule).where(CentreEvidenceRule.ended_at.is_(None))))


def list_address(world: World) -> str:
    return f"/centres/{world.northgate.id}/units/cfacc15/evidence-guidance"


def test_an_administrator_sets_a_rule_that_candidate_and_assessor_see(world: World, client: ClientFor) -> None:
    dan = client(world.dan)
    assert "Evidence guidance" in dan.get("/units/cfacc15").text
    assert "No rules yet." in dan.get(list_address(world)).text
    assert dan.post(f"{list_address(world)}/new", data=FORM).status_code == 303
    assert "At least 1 item by observation" in dan.get(list_address(world)).text
    for person in (world.alice, world.bob):
        page = " ".join(client(person).get(f"/attempts/{world.cfacc15.id}").text.split())
        assert "no observation yet" in page
        assert f"At least 1 item by observation (set by {world.northgate.name})" in page


def test_other_centres_do_not_see_it(world: World, client: ClientFor) -> None:
    rule = set_rule(world)
    heidi = client(world.heidi)
    assert heidi.get(list_address(world)).status_code in {403, 404}
    assert heidi.get(f"/centres/{world.southbank.id}/evidence-rules/{rule.id}/edit").status_code == 404
    assert heidi.post(f"/centres/{world.southbank.id}/evidence-rules/{rule.id}/end").status_code == 404
    assert "At least 1 item" not in heidi.get(f"/centres/{world.southbank.id}/units/cfacc15/evidence-guidance").text


def test_a_changed_rule_is_a_new_version_and_the_old_one_is_kept(world: World, client: ClientFor) -> None:
    rule = set_rule(world)
    at = f"/centres/{world.northgate.id}/evidence-rules/{rule.id}"
    dan = client(world.dan)
    assert 'value="observation"' in dan.get(f"{at}/edit").text
    assert dan.post(f"{at}/edit", data={**FORM, "number": "2"}).status_code == 303
    page = " ".join(dan.get(list_address(world)).text.split())
    assert "<b>At least 2 items by observation</b>" in page
    assert "At least 1 item by observation <span" in page
    newest = db.session.scalars(select(CentreEvidenceRule).order_by(CentreEvidenceRule.id.desc())).first()
    assert newest
    assert (newest.number, newest.replaces_id) == (2, rule.id)


def test_an_ended_rule_is_not_shown_any_more_and_stays_in_the_record(world: World, client: ClientFor) -> None:
    rule = set_rule(world)
    dan = client(world.dan)
    assert dan.post(f"/centres/{world.northgate.id}/evidence-rules/{rule.id}/end").status_code == 303
    assert "no observation yet" not in client(world.alice).get(f"/attempts/{world.cfacc15.id}").text
    assert "<h2>Ended</h2>" in dan.get(list_address(world)).text
    assert dan.post(f"/centres/{world.northgate.id}/evidence-rules/{rule.id}/end").status_code == 409


@pytest.mark.parametrize(
    ("written", "field"),
    [
        (WrittenRule("none"), "kind"),
        (WrittenRule("occasions"), "number"),
        (WrittenRule("occasions", "0"), "number"),
        (WrittenRule("occasions", "-1"), "number"),
        (WrittenRule("occasions", "many"), "number"),
        (WrittenRule("direct_share", "101"), "number"),
        (WrittenRule("at_most", "", ["simulation"]), "number"),
        (WrittenRule("methods", "1"), "methods"),
        (WrittenRule("methods", "1", ["telepathy"]), "methods"),
        (WrittenRule("assessor_check"), "text"),
        (WrittenRule("assessor_check", text="x" * 1_001), "text"),
        (WrittenRule("items", "1", criteria=["#99"]), "criteria"),
        (WrittenRule("items", "1", heading="No such heading"), "scope"),
        (WrittenRule("occasions", "2", ["observation"]), "methods"),
        (WrittenRule("items", "2", ["observation"]), "methods"),
        (WrittenRule("customers", "2", ["observation"]), "methods"),
        (WrittenRule("months", "2", ["observation"]), "methods"),
        (WrittenRule("assessor_check", "", ["observation"], text="Several teams"), "methods"),
        (WrittenRule("assessor_check", "2", text="Several teams"), "number"),
        (WrittenRule("assessor_check", "many", text="Several teams"), "number"),
        (WrittenRule("assessor_check", text="Several teams", each_criterion=True), "each_criterion"),
    ],
)
def test_a_rule_that_cannot_be_checked_is_refused_at_its_field(
    world: World, written: WrittenRule, field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        services.read_rule(written, load(world))
    assert refusal.value.field == field


def test_what_was_typed_comes_back_with_the_sentence(world: World, client: ClientFor) -> None:
    response = client(world.dan).post(
        f"{list_address(world)}/new",
        data={"kind": "assessor_check", "text": "Several teams", "number": "7", "scope": "unit"},
    )
    assert response.status_code == 422
    assert "What the assessor checks has no number." in response.text
    assert "Several teams</textarea>" in response.text
    assert 'value="7"' in response.text


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({"kind": "occasions", "methods": ["observation"], "criteria": ["#1"]}, "or untick the criteria."),
        ({"criteria": ["#1", "#2"]}, "Choose “The criteria ticked below” under “Criteria”"),
        ({"scope": "performance", "criteria": ["#1"]}, "or untick the criteria."),
        ({"scope": "heading:performance:Contacts", "criteria": ["#1"]}, "or untick the criteria."),
        ({"scope": "criteria"}, "Tick at least one criterion."),
        *(({"scope": forged}, "Choose one of the entries in the list.") for forged in FORGED_SCOPES),
        ({"kind": "occasions"}, "is of every method. Untick the methods."),
        ({"kind": "assessor_check", "text": "Several teams", "number": ""}, "Untick the methods."),
        ({"kind": "assessor_check", "text": "Several teams", "methods": []}, "has no number. Remove it."),
        ({"kind": "assessor_check", "text": "Several teams", "methods": [], "number": "", "each_criterion": "y"},
         "is not counted for each criterion. Untick this."),
    ],
)  # fmt: skip
def test_what_was_entered_is_never_left_out_silently(
    world: World, client: ClientFor, entered: dict[str, Any], sentence: str
) -> None:
    response = client(world.dan).post(f"{list_address(world)}/new", data={**FORM, **entered})
    assert response.status_code == 422
    assert sentence in response.text
    for criterion in entered.get("criteria", []):
        assert re.search(f'value="{criterion}"[^>]* checked', response.text), "what was ticked is kept"
    assert not db.session.scalars(select(CentreEvidenceRule)).all()


def test_a_rule_of_a_part_that_the_unit_has_not_is_refused(world: World) -> None:
    performance = load(world)
    performance = replace(
        performance, criteria=tuple(each for each in performance.criteria if each.kind is CriterionKind.PERFORMANCE)
    )
    for written in (
        WrittenRule("items", "1", part="knowledge"),
        WrittenRule("assessor_check", part="knowledge", text="Calls"),
    ):
        with pytest.raises(Invalid) as refusal:
            services.read_rule(written, performance)
        assert refusal.value.field == "scope"


@pytest.mark.parametrize(
    "written",
    [
        WrittenRule("items", "2", part="performance", each_criterion=True),
        WrittenRule("occasions", "2", part="performance", heading="Take a lead on complex customer contacts"),
        WrittenRule("at_most", "0", ["simulation"], criteria=["#1", "#14"]),
        WrittenRule("direct_share", "60"),
        WrittenRule("assessor_check", text="The calls are of several teams"),
    ],
)
def test_the_form_shows_a_rule_as_it_was_written(world: World, client: ClientFor, written: WrittenRule) -> None:
    rule = set_rule(world, written)
    dan, at = client(world.dan), f"/centres/{world.northgate.id}/evidence-rules/{rule.id}/edit"
    assert dan.get(at).status_code == 200
    content = rule.content
    scope = "criteria" if written.criteria else (written.part or "unit")
    if written.heading:
        scope = f"heading:{written.part}:{written.heading}"
    data = {
        "kind": written.kind, "number": written.number, "methods": list(written.methods), "scope": scope,
        "criteria": list(written.criteria), "text": written.text,
        **({"each_criterion": "y"} if written.each_criterion else {}),
    }  # fmt: skip
    unchanged = dan.post(at, data=data)
    assert unchanged.status_code == 422, "the form sends back the same rule"
    assert "Nothing is changed yet." in unchanged.text
    assert rule_from_json(content).format == 1


def test_the_same_rule_is_not_set_twice_and_not_without_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    set_rule(world)
    with pytest.raises(Invalid, match="has this rule for this unit already"):
        set_rule(world)
    monkeypatch.setattr(services, "MAX_RULES_OF_CENTRE", 1)
    with pytest.raises(Refused, match="which is the maximum"):
        set_rule(world, WrittenRule("items", "3"))


SAME = [
    (WrittenRule("occasions", "3"), WrittenRule("occasions", "3", text="Of different weeks")),
    (WrittenRule("direct_share", "60"), WrittenRule("direct_share", "60", ["work_product", "observation"])),
    (
        WrittenRule("at_most", "1", ["simulation", "assignment"], criteria=["#1", "#2"]),
        WrittenRule("at_most", "1", ["assignment", "simulation"], criteria=["#2", "#1"]),
    ),
    (WrittenRule("assessor_check", text="Several teams"), WrittenRule("assessor_check", text="several teams ")),
]


@pytest.mark.parametrize(("first", "same"), SAME)
def test_a_rule_is_not_changed_into_another_of_the_centre(
    world: World, first: WrittenRule, same: WrittenRule
) -> None:
    set_rule(world, first)
    other, actor = set_rule(world, WrittenRule("items", "9")), factories.make_actor(world.dan)
    with pytest.raises(Invalid, match="has this rule for this unit already"):
        set_rule(world, same)
    with pytest.raises(Invalid, match="has this rule for this unit already"), transaction():
        services.change_rule(other, services.read_rule(same, load(world)), actor)
    assert len(list_rules(world)) == 2


def test_a_note_of_a_rule_can_be_changed(world: World) -> None:
    first, noted = SAME[0]
    rule, actor = set_rule(world, first), factories.make_actor(world.dan)
    with transaction():
        newer = services.change_rule(rule, services.read_rule(noted, load(world)), actor)
    assert newer.content["text"] == "Of different weeks"


def test_a_rule_of_the_unit_itself_is_not_set_again(world: World) -> None:
    rule, actor = set_rule(world), factories.make_actor(world.dan)
    for written in (WrittenRule("occasions", "2"), WrittenRule("at_most", "0", ["simulation"], text="Never")):
        with pytest.raises(Invalid, match="The unit has this rule itself"):
            set_rule(world, written)
        with pytest.raises(Invalid, match="The unit has this rule itself"), transaction():
            services.change_rule(rule, services.read_rule(written, load(world)), actor)


def test_an_administrator_sets_no_rule_for_a_unit_of_another_centre(world: World, client: ClientFor) -> None:
    """Dan administers Northgate and assesses at Southbank, whose own unit he can read."""
    with transaction():
        factories.grant(world.dan, world.southbank, Role.ASSESSOR)
        world.cfacc15.unit.owner_centre_id = world.southbank.id
        factories.leave_unsealed()
    dan = client(world.dan)
    assert dan.get("/units/cfacc15").status_code == 200
    assert dan.get(list_address(world)).status_code == 404
    assert dan.get(f"{list_address(world)}/new").status_code == 404
    assert dan.post(f"{list_address(world)}/new", data=FORM).status_code == 404
    assert list_rules(world) == []


def test_own_data_of_an_administrator_has_the_rules_they_ended(world: World) -> None:
    with transaction():
        erin = factories.make_person("Erin Vale", world.northgate, Role.ADMINISTRATOR)
    rule, changed = (
        set_rule(world, replace(OBSERVED, text="Written by Dan")),
        set_rule(world, WrittenRule("items", "3")),
    )
    with transaction():
        services.end_rule(rule, factories.make_actor(erin))
        by_erin = services.read_rule(WrittenRule("items", "4"), load(world))
        services.change_rule(changed, by_erin, factories.make_actor(erin))
    of_erin, of_dan = read_work(erin), read_work(world.dan)
    assert [(each["unit"], each["kind"]) for each in of_erin["evidence_guidance_ended"]] == [
        ("CFACC15", "methods"), ("CFACC15", "items"),
    ]  # fmt: skip
    assert all(each["ended_at"] for each in of_erin["evidence_guidance_ended"])
    assert "Written by Dan" not in json.dumps(of_erin, default=str)
    assert [each["content"]["at_least"] for each in of_erin["evidence_guidance"]] == [4]
    assert (len(of_dan["evidence_guidance"]), of_dan["evidence_guidance_ended"]) == (2, [])


def test_two_administrators_cannot_change_one_version(world: World) -> None:
    rule = set_rule(world)
    actor = factories.make_actor(world.dan)
    with transaction():
        services.change_rule(rule, services.read_rule(WrittenRule("items", "4"), load(world)), actor)
    with pytest.raises(Conflict, match="was changed or ended since"), transaction():
        services.end_rule(rule, actor)


def test_a_sign_off_does_not_keep_the_note_of_a_rule(world: World, client: ClientFor) -> None:
    """A note is free text, and may name a person who is erased later."""
    set_rule(world, replace(OBSERVED, text="Erin Vale was not observed in May"))
    assert "Erin Vale" in client(world.bob).get(f"/attempts/{world.cfacc15.id}").text
    workflow.sign(world, world.cfacc15)
    signature = db.session.scalars(select(Signature)).one()
    assert [each["missing"] for each in signature.unmet_guidance or []]
    assert "Erin Vale" not in json.dumps(signature.unmet_guidance)


def test_a_sign_off_keeps_the_version_of_the_centres_rule(world: World) -> None:
    rule = set_rule(world)
    workflow.meet_everything(world, world.cfacc15)
    workflow.confirm_requirements(world, world.cfacc15)
    with transaction():
        signature = signing.sign_unit(
            world.cfacc15, take_snapshot(world.cfacc15).hash, "", factories.make_actor(world.bob), clock.now(),
            warnings_reason=workflow.WARNINGS_REASON,
        )  # fmt: skip
    assert [each["missing"] for each in signature.unmet_guidance or [] if each["centre_rule"] == rule.id] == [
        ["no observation yet"]
    ]


@pytest.mark.parametrize(
    ("forged", "sentence"),
    [
        ("ended_at = '2026-01-01', ended_by_id = written_by_id", "did not end as its events say"),
        ("number = 2, replaces_id = id", "is another version than event 1 (evidence_rule_written) says"),
    ],
)
def test_a_forged_rule_is_named(world: World, forged: str, sentence: str) -> None:
    set_rule(world)
    checks = [check for check in FAST_CHECKS if check.number == 43]
    assert list_violations(checks=checks) == []
    with tampering_transaction():
        db.session.execute(text(f"UPDATE centre_evidence_rule SET {forged}"))
        assert any(sentence in each for each in list_violations(checks=checks)), list_violations(checks=checks)


def test_the_pages_take_few_statements(
    world: World, client: ClientFor, count_statements: Callable[[], Any], freeze_clock: Callable[[datetime], None]
) -> None:
    freeze_clock(clock.now())  # a session notes once a minute that it was used, which may fall into either page
    dan, counts = client(world.dan), []
    for number in (1, 6):
        for n in range(number):
            set_rule(world, WrittenRule("items", str(n + number + 1)))
        dan.get("/units/cfacc15")
        db.session.expunge_all()
        with count_statements() as statements:
            dan.get(list_address(world))
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 9, counts
