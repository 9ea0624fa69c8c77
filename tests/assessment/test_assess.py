"""The assess page: one item beside its claims, autosave, and the next item of the queue."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker import clock
from tracker.assessment.services.releasing import release_due_assessments
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Assessment, Claim, Decision, Evidence, UnitAttempt
from tracker.vocabulary import AssessmentState, AttemptState, Outcome

ClientFor = Callable[..., FlaskClient]
ALL_CHECKS = dict.fromkeys(("valid", "authentic", "current"), "y")


def address(attempt: UnitAttempt, evidence: Evidence) -> str:
    return f"/attempts/{attempt.id}/evidence/{evidence.id}/assess"


def read_hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields that say which version and assessment the page shows."""
    return dict(re.findall(r'<input type="hidden" name="(version|after)" value="(\d+)">', page))


def met(claims: list[Claim]) -> dict[str, str]:
    return {f"outcome-{claim.id}": "met" for claim in claims}


def test_assess_page_shows_the_evidence_beside_its_claims(world: World, client: ClientFor) -> None:
    evidence, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "k:a")
    with transaction():
        claims[0].locator = "page 3"
    page = client(world.bob).get(address(world.cfacc15, evidence)).text
    assert "I took the call myself." in page
    assert factories.criterion(world.cfacc15, "1").text[:40] in page
    assert "Look at: page 3" in page
    assert "This is my own work." in page
    assert "Return to Alice" in page
    assert "1 of 1" in page


def test_assess_page_shows_marking_points(world: World, client: ClientFor) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    assert "Marking points" in client(world.bob).get(address(world.cfacc15, evidence)).text


def test_only_the_allocated_assessor_assesses(world: World, client: ClientFor) -> None:
    evidence, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    for person in (world.alice, world.carol, world.dan, world.eve, world.frank, world.grace, world.heidi):
        browser = client(person)
        assert browser.get(address(world.cfacc15, evidence)).status_code == 404, person.name
        response = browser.post(address(world.cfacc15, evidence), data={**met(claims), **ALL_CHECKS, "act": "accept"})
        assert response.status_code == 404, person.name
    assert db.session.scalars(select(Assessment)).all() == []


def test_verifier_of_an_attempt_reads_its_evidence_but_cannot_assess_it(world: World, client: ClientFor) -> None:
    with transaction():
        factories.grant(world.carol, world.northgate, factories.Role.ASSESSOR)
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    assert client(world.carol).get(address(world.cfacc15, evidence)).status_code == 403


def test_evidence_is_reached_through_its_own_attempt_only(world: World, client: ClientFor) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    assert client(world.bob).get(address(world.inscc004, evidence)).status_code == 404
    assert client(world.grace).get(address(world.franks_attempt, evidence)).status_code == 404


def test_draft_evidence_cannot_be_assessed(world: World, client: ClientFor) -> None:
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Not yet")
        factories.claim(world.cfacc15, evidence, "1")
    assert client(world.bob).get(address(world.cfacc15, evidence)).status_code == 404


def test_each_draft_decision_is_autosaved(world: World, client: ClientFor) -> None:
    evidence, _, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    bob = client(world.bob)
    save = f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assessment"
    for name, value in ((f"outcome-{first.id}", "met"), (f"comment-{second.id}", "Which day?"), ("valid", "y")):
        reply = bob.post(save, data={name: value, "changed": name})
        assert reply.status_code == 200
        assert re.fullmatch(r"\d\d:\d\d", reply.json["saved_at"])
    assert bob.post(save, data={"changed": "valid"}).status_code == 200
    assessment = db.session.scalars(select(Assessment)).one()
    assert assessment.draft_decisions == {
        str(first.id): {"outcome": "met"},
        str(second.id): {"comment": "Which day?"},
    }
    assert (assessment.state, assessment.valid) == (AssessmentState.DRAFT, False)
    page = bob.get(address(world.cfacc15, evidence)).text
    assert "Which day?" in page
    assert page.count("checked") == 1


def test_draft_assessment_is_seen_by_its_assessor_only(world: World, client: ClientFor) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    save = f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assessment"
    client(world.bob).post(save, data={"feedback": "Secret for now", "changed": "feedback"})
    assert "Secret" not in client(world.alice).get(f"/evidence/{evidence.id}").text
    assert "Secret" not in client(world.carol).get(f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}").text


@pytest.mark.parametrize("fields", [{"outcome-1": "splendid"}, {"outcome-999999": "met"}])
def test_draft_decision_on_another_items_claim_is_refused(
    world: World, client: ClientFor, fields: dict[str, str]
) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    save = f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}/assessment"
    reply = client(world.bob).post(
        save, data={**fields, "changed": next(iter(fields))}, headers={"Accept": "application/json"}
    )
    assert reply.status_code == 404
    assert reply.json["message"]


def test_refused_assessment_keeps_what_was_typed(world: World, client: ClientFor) -> None:
    evidence, _, (first, second) = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    fields = {
        f"outcome-{first.id}": "needs_more",
        f"comment-{second.id}": "<b>Which</b> day?",
        "feedback": "Nearly there & well told",
        "valid": "y",
        "act": "accept",
    }
    response = client(world.bob).post(address(world.cfacc15, evidence), data=fields)
    assert response.status_code == 422
    assert "1 claim has none" in response.text
    assert "&lt;b&gt;Which&lt;/b&gt; day?" in response.text
    assert "Nearly there &amp; well told" in response.text
    assert re.search(rf'id="o-{first.id}-needs_more"[^>]* checked', response.text)
    assert re.search(r'id="valid"[^>]* checked', response.text)


def test_a_missing_reason_is_asked_for_at_the_criterion(world: World, client: ClientFor) -> None:
    evidence, _, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    checks = dict.fromkeys(("valid", "authentic", "current"), "y")
    fields = {f"outcome-{claim.id}": "needs_more", **checks, "act": "accept"}
    response = client(world.bob).post(address(world.cfacc15, evidence), data=fields)
    assert response.status_code == 422
    assert response.text.count("Criterion 1 is marked “needs more”. Write a comment on it") == 2, (
        "above and beside it"
    )
    assert f'href="#comment-{claim.id}"' in response.text
    assert '<details class="comment" open>' in response.text


def test_comment_over_the_limit_is_refused_and_kept(world: World, client: ClientFor) -> None:
    evidence, _, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    fields = {f"comment-{claim.id}": "y" * 10_000, "act": "accept"}
    response = client(world.bob).post(address(world.cfacc15, evidence), data=fields)
    assert response.status_code == 422
    assert "2,000 characters" in response.text
    assert "y" * 10_000 in response.text


def test_accepting_one_item_does_not_ask_whether_it_is_sufficient(world: World, client: ClientFor) -> None:
    evidence, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = client(world.bob)
    assert "ufficient" not in bob.get(address(world.cfacc15, evidence)).text
    response = bob.post(address(world.cfacc15, evidence), data={**met(claims), **ALL_CHECKS, "act": "accept"})
    assert response.status_code == 303


def test_after_accepting_the_next_item_opens_with_undo(world: World, client: ClientFor) -> None:
    first, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", days_ago=3)
    second, _, _ = workflow.submit_item(world.cfacc15, "Briefing", "2", days_ago=2)
    bob = client(world.bob)
    response = bob.post(address(world.cfacc15, first), data={**met(claims), **ALL_CHECKS, "act": "accept"})
    assert response.status_code == 303
    assert response.location.startswith(address(world.cfacc15, second))
    page = bob.get(response.location).text
    assert "Accepted: evidence 1, “Complaint”" in page
    assert "/undo" in page
    assert "1 of 1" in page


def test_after_the_last_item_the_queue_opens_with_undo(world: World, client: ClientFor) -> None:
    evidence, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = client(world.bob)
    response = bob.post(address(world.cfacc15, evidence), data={**met(claims), **ALL_CHECKS, "act": "accept"})
    page = bob.get(response.location).text
    assert "No evidence to assess." in page
    assert "/undo" in page


def test_queue_filter_is_kept_from_item_to_item(world: World, client: ClientFor) -> None:
    first, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", days_ago=3)
    workflow.submit_item(world.inscc004, "Letter", "1", days_ago=2)
    third, _, _ = workflow.submit_item(world.cfacc15, "Briefing", "2", days_ago=1)
    bob, narrowed = client(world.bob), f"{address(world.cfacc15, first)}?unit=CFACC15"
    assert "1 of 2" in bob.get(narrowed).text
    response = bob.post(narrowed, data={**met(claims), **ALL_CHECKS, "act": "accept"})
    assert response.location.startswith(f"{address(world.cfacc15, third)}?unit=CFACC15")


def test_form_sent_twice_decides_once(world: World, client: ClientFor) -> None:
    evidence, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = client(world.bob)
    form = {
        **met(claims),
        **ALL_CHECKS,
        "act": "accept",
        **read_hidden_fields(bob.get(address(world.cfacc15, evidence)).text),
    }
    assert bob.post(address(world.cfacc15, evidence), data=form).status_code == 303
    assert bob.post(address(world.cfacc15, evidence), data=form).status_code == 409
    workflow.pass_time_to_undo()
    response = bob.post(address(world.cfacc15, evidence), data=form)
    assert response.status_code == 409
    assert "was assessed since you opened this page" in response.text
    assert release_due_assessments() == 1
    assert len(db.session.scalars(select(Decision)).all()) == 1


def test_page_of_an_older_version_shows_the_newest_and_keeps_what_was_typed(world: World, client: ClientFor) -> None:
    evidence, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob = client(world.bob)
    form = {
        **met(claims),
        **ALL_CHECKS,
        "act": "accept",
        **read_hidden_fields(bob.get(address(world.cfacc15, evidence)).text),
    }
    newer = workflow.submit_next_version(evidence, "The customer rang again.")
    response = bob.post(address(world.cfacc15, evidence), data={**form, "feedback": "Well told"})
    assert response.status_code == 409
    assert "has submitted version 2 since you opened this page" in response.text
    assert "The customer rang again." in response.text
    assert "Well told" in response.text
    assert read_hidden_fields(response.text)["version"] == str(newer.id)
    assert db.session.scalars(select(Assessment)).all() == []


def test_later_version_lists_changes_and_shows_earlier_feedback(world: World, client: ClientFor) -> None:
    evidence, version, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    workflow.return_item(world.cfacc15, version, world.bob, workflow.build_draft({}, feedback="Which day was it?"))
    workflow.submit_next_version(evidence)
    page = client(world.bob).get(address(world.cfacc15, evidence)).text
    assert "1 change since version 1" in page
    assert "Changed since version 1: what was done." in page
    assert "Which day was it?" in page


def test_what_was_met_on_an_earlier_version_is_affirmed_by_one_button(world: World, client: ClientFor) -> None:
    evidence, version, claims = workflow.submit_item(world.cfacc15, "Complaint", "1", "2")
    workflow.accept(world.cfacc15, version, world.bob, claims)
    workflow.submit_next_version(evidence)
    bob = client(world.bob)
    page = " ".join(bob.get(address(world.cfacc15, evidence)).text.split())
    assert "2 criteria here were met on an earlier version" in page
    assert "checked" not in page
    assert bob.post(address(world.cfacc15, evidence), data={"act": "affirm"}).status_code == 303
    workflow.pass_time_to_undo()
    assert "No evidence to assess." in bob.get("/queue").text


def test_signed_unit_cannot_be_assessed(world: World, client: ClientFor) -> None:
    evidence, _, claims = workflow.submit_item(world.cfacc15, "Complaint", "1")
    with transaction():
        world.cfacc15.state = AttemptState.VERIFIED
    response = client(world.bob).post(
        address(world.cfacc15, evidence), data={**met(claims), **ALL_CHECKS, "act": "accept"}
    )
    assert response.status_code == 409
    assert "cannot be assessed" in response.text


def test_the_page_asks_little_of_the_database_whatever_its_length(
    world: World, client: ClientFor, count_statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    clock.frozen = clock.now()  # else the session writes its time of last use once a minute
    short_item, _, _ = workflow.submit_item(world.cfacc15, "One claim", "1")
    long_item, version, claims = workflow.submit_item(world.cfacc15, "Many", *"123456789")
    workflow.return_item(
        world.cfacc15,
        version,
        world.bob,
        workflow.build_draft({claims[0]: Outcome.NOT_MET}, feedback="More, please."),
    )
    workflow.submit_next_version(long_item)
    for n in range(8):
        workflow.submit_item(world.cfacc15, f"Item {n}", "1", "2")
    bob, counts = client(world.bob), []
    for evidence in (short_item, long_item):
        with count_statements() as statements:
            assert bob.get(address(world.cfacc15, evidence)).status_code == 200
        counts.append(len(statements))
    assert max(counts) <= 9, counts


def test_evidence_and_unit_pages_link_to_the_assess_page(world: World, client: ClientFor) -> None:
    evidence, _, _ = workflow.submit_item(world.cfacc15, "Complaint", "1")
    unit, item = f"/attempts/{world.cfacc15.id}", f"/attempts/{world.cfacc15.id}/evidence/{evidence.id}"
    assert address(world.cfacc15, evidence) in client(world.bob).get(item).text
    assert "Sign off this unit" in client(world.bob).get(unit).text
    assert address(world.cfacc15, evidence) not in client(world.carol).get(item).text
    assert "Sign off this unit" not in client(world.carol).get(unit).text


def test_save_for_later_keeps_the_reasons_to_add_and_remove_a_claim_on_the_page(
    world: World, client: ClientFor
) -> None:
    """Without JavaScript they were lost: they belong to buttons of their own and to no draft."""
    evidence, _, (claim,) = workflow.submit_item(world.cfacc15, "Complaint", "1")
    bob, page = client(world.bob), address(world.cfacc15, evidence)
    reasons = {
        f"add-reason-{world.cfacc15.id}": "Line 4 shows it too.",
        f"remove-reason-{claim.id}": "The call was another one.",
    }
    fields = {**read_hidden_fields(bob.get(page).text), "feedback": "Well done.", "act": "save"}
    answer = bob.post(page, data={**fields, **reasons})
    assert answer.status_code == 200
    assert "Saved, but for the reasons to add or remove a claim." in answer.text
    for reason in reasons.values():
        assert reason in answer.text
    assert "Well done." in bob.get(page).text, "the draft is saved"
    assert bob.post(page, data=fields).status_code == 303
