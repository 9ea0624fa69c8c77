"""Pages of countersigning: the setting, the list, agreeing and disagreeing, and what the others read meanwhile."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.countersigning import decide, find_waiting, make_qualified, switch_on
from tests.factories import World
from tracker.extensions import db
from tracker.models import Countersignature, Countersigner, Person, Signature
from tracker.vocabulary import AssessmentState, AttemptState, SignatureRole

Browser = Callable[[Person], FlaskClient]
Count = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def gwen(world: World) -> Person:
    """Return Gwen, with an assessor's award at Northgate."""
    return make_qualified(world)


class TestSetting:
    def test_dan_names_a_countersigner_and_switches_it_on(self, world: World, client: Browser, gwen: Person) -> None:
        dan, at = client(world.dan), f"/centres/{world.northgate.id}/countersigning"
        page = dan.get(at).text
        assert "Bob Archer" in page
        assert "Nobody is named" in page
        assert f'href="{at}"' in dan.get(f"/centres/{world.northgate.id}/settings").text
        refused = dan.post(at, data={"is_on": "y"})
        assert refused.status_code == 409
        assert "nobody countersigns for Bob Archer" in refused.text
        page = dan.get(f"{at}/{world.bob.id}").text
        assert "Nobody countersigns for Bob Archer now" in page
        assert page.count("<option") == 2
        response = dan.post(f"{at}/{world.bob.id}", data={"person": str(gwen.id)})
        assert response.status_code == 303
        assert "Gwen Hill countersigns for Bob Archer from now on" in dan.get(response.location).text
        dan.post(at, data={"is_on": "y"})
        db.session.refresh(world.northgate)
        assert world.northgate.has_countersigning
        page = dan.get(f"{at}/{world.bob.id}").text
        assert "Gwen Hill countersigns for Bob Archer, since" in page

    def test_an_unneeded_naming_is_ended(self, world: World, client: Browser, gwen: Person) -> None:
        dan, at = client(world.dan), f"/centres/{world.northgate.id}/countersigning/{world.bob.id}"
        dan.post(at, data={"person": str(gwen.id)})
        assert dan.post(f"{at}/end").status_code == 303
        assert db.session.scalars(select(Countersigner)).one().ends_at
        assert dan.post(f"{at}/end").status_code == 409

    @pytest.mark.usefixtures("gwen")
    def test_nothing_is_named_without_a_choice(self, world: World, client: Browser) -> None:
        response = client(world.dan).post(f"/centres/{world.northgate.id}/countersigning/{world.bob.id}", data={})
        assert response.status_code == 422
        assert "Choose the countersigner." in response.text

    @pytest.mark.parametrize("name", ["alice", "bob", "carol", "eve", "heidi"])
    def test_nobody_else_opens_it(self, world: World, client: Browser, name: str) -> None:
        browser = client(getattr(world, name))
        assert browser.get(f"/centres/{world.northgate.id}/countersigning").status_code == 404


class TestAnswering:
    def test_gwen_reads_and_agrees(self, world: World, client: Browser, gwen: Person) -> None:
        switch_on(world, gwen)
        version, _, assessment = decide(world)
        browser = client(gwen)
        assert "to countersign" in browser.get("/queue").text
        listed = browser.get("/countersigning").text
        assert "Complaint" in listed
        assert "Bob Archer" in listed
        page = browser.get(f"/countersigning/{find_waiting().id}").text
        assert "Bob Archer accepts this item" in page
        assert "I took the call myself." in page
        assert page.count("✓") >= 2
        response = browser.post(f"/countersigning/{find_waiting().id}/agree")
        assert response.status_code == 303
        assert "Alice Moran sees the assessment now" in browser.get(response.location).text
        db.session.refresh(assessment)
        assert assessment.state is AssessmentState.RELEASED
        again = browser.post(f"/countersigning/{find_waiting().id}/agree")
        assert again.status_code == 409
        assert browser.get(f"/attempts/{world.cfacc15.id}/evidence/{version.evidence_id}").status_code == 404

    def test_gwen_disagrees_and_bob_reads_why(self, world: World, client: Browser, gwen: Person) -> None:
        switch_on(world, gwen)
        version, _, _ = decide(world)
        browser, at = client(gwen), f"/countersigning/{find_waiting().id}"
        refused = browser.post(f"{at}/disagree", data={"reason": ""})
        assert refused.status_code == 422
        assert "Enter why you disagree." in refused.text
        assert browser.post(f"{at}/disagree", data={"reason": "Criterion 2 is not shown."}).status_code == 303
        page = client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{version.evidence_id}/assess").text
        assert "did not countersign this" in page
        assert "Criterion 2 is not shown." in page
        assert "Criterion 2 is not shown." not in client(world.alice).get(f"/evidence/{version.evidence_id}").text

    def test_while_it_waits_gwen_reads_the_unit_and_its_evidence(
        self, world: World, client: Browser, gwen: Person
    ) -> None:
        switch_on(world, gwen)
        browser, at = client(gwen), f"/attempts/{world.cfacc15.id}"
        assert browser.get(at).status_code == 404
        version, _, _ = decide(world)
        assert browser.get(at).status_code == 200
        assert browser.get(f"{at}/evidence/{version.evidence_id}").status_code == 200
        assert browser.get(f"{at}/evidence/{version.evidence_id}/assess").status_code == 404
        assert browser.get(f"{at}/sign").status_code == 404
        assert browser.get(f"/attempts/{world.inscc004.id}").status_code == 404

    @pytest.mark.parametrize("name", ["alice", "bob", "carol", "dan", "eve", "grace"])
    def test_nobody_else_answers(self, world: World, client: Browser, gwen: Person, name: str) -> None:
        switch_on(world, gwen)
        decide(world)
        browser, at = client(getattr(world, name)), f"/countersigning/{find_waiting().id}"
        assert browser.get(at).status_code == 404
        assert browser.post(f"{at}/agree").status_code == 404
        assert browser.post(f"{at}/disagree", data={"reason": "No."}).status_code == 404

    def test_a_form_sent_twice_answers_once(self, world: World, client: Browser, gwen: Person) -> None:
        switch_on(world, gwen)
        decide(world)
        browser, at = client(gwen), f"/countersigning/{find_waiting().id}"
        key = {"idempotency_key": "0f0e0d0c-0b0a-4908-8706-050403020100"}
        assert browser.post(f"{at}/agree", data=key).status_code == 303
        assert browser.post(f"{at}/agree", data=key).status_code == 303

    def test_the_list_and_the_page_take_few_statements(
        self, world: World, client: Browser, gwen: Person, count_statements: Count
    ) -> None:
        switch_on(world, gwen)
        decide(world)
        browser = client(gwen)
        for path in ("/countersigning", f"/countersigning/{find_waiting().id}"):
            browser.get(path)
            with count_statements() as statements:
                assert browser.get(path).status_code == 200
            assert len(statements) <= 12, statements


class TestSignOff:
    @pytest.fixture
    def signed(self, world: World, gwen: Person) -> Person:
        """Let Bob sign CFACC15 off, and return Gwen."""
        switch_on(world, gwen)
        workflow.sign(world, world.cfacc15)
        return gwen

    def test_gwen_countersigns_with_her_password(self, world: World, client: Browser, signed: Person) -> None:
        browser, at = client(signed), f"/attempts/{world.cfacc15.id}/countersign"
        page = browser.get(at).text
        assert "Bob Archer has signed off this unit" in page
        data = {
            "snapshot_hash": page.split('name="snapshot_hash" value="')[1].split('"')[0],
            "password": factories.PASSWORD,
        }
        wrong = browser.post(at, data=data | {"password": "not hers"})
        assert wrong.status_code == 422
        response = browser.post(at, data=data)
        assert response.status_code == 303
        assert "Alice Moran confirms it next" in browser.get(response.location).text
        roles = set(db.session.scalars(select(Signature.role)))
        assert roles == {SignatureRole.ASSESSOR, SignatureRole.COUNTERSIGNER}
        assert "has signed off this unit" in client(world.alice).get(f"/attempts/{world.cfacc15.id}/confirm").text

    def test_gwen_sends_it_back(self, world: World, client: Browser, signed: Person) -> None:
        browser, waiting = client(signed), find_waiting()
        at = f"/countersigning/{waiting.id}"
        assert browser.get(at).location == f"/attempts/{world.cfacc15.id}/countersign"
        assert browser.post(f"{at}/disagree", data={"reason": ""}).status_code == 422
        assert browser.post(f"{at}/disagree", data={"reason": "Requirement 2."}).status_code == 303
        db.session.refresh(world.cfacc15)
        assert world.cfacc15.state is AttemptState.IN_PROGRESS
        assert "Requirement 2." in client(world.bob).get(f"/attempts/{world.cfacc15.id}").text
        assert "Requirement 2." not in client(world.alice).get(f"/attempts/{world.cfacc15.id}").text

    @pytest.mark.usefixtures("signed")
    def test_everybody_reads_with_whom_it_waits(self, world: World, client: Browser) -> None:
        at = f"/attempts/{world.cfacc15.id}"
        assert "Gwen Hill countersigns it before you see it" in client(world.alice).get(at).text
        assert "Confirm this unit" not in client(world.alice).get(at).text
        assert "Gwen Hill countersigns CFACC15 before you see it" in client(world.alice).get(f"{at}/confirm").text
        assert "Confirm CFACC15" not in client(world.alice).get("/").text
        assert "Gwen Hill countersigns it before Alice sees it" in client(world.carol).get(at).text
        assert "Gwen Hill countersigns your signature" in client(world.bob).get(f"{at}/sign").text


def test_everybody_reads_why_a_decision_waits_and_with_whom(world: World, client: Browser, gwen: Person) -> None:
    switch_on(world, gwen)
    version, _, _ = decide(world)
    at = f"/attempts/{world.cfacc15.id}"
    own = client(world.alice).get(f"/evidence/{version.evidence_id}").text
    assert "Bob Archer has decided on CFACC15; Gwen Hill countersigns it before you see it." in " ".join(own.split())
    assert "✓ Met" not in own
    for name in ("bob", "carol"):
        page = " ".join(client(getattr(world, name)).get(f"{at}/evidence/{version.evidence_id}").text.split())
        assert "Bob Archer has decided; Gwen Hill countersigns it before Alice sees it." in page
        assert "Assess this item" not in page
    assert "1 item of evidence waits to be countersigned by" in client(world.carol).get(at).text
    bob = client(world.bob)
    assert bob.get(f"{at}/evidence/{version.evidence_id}/assess").location == f"{at}/evidence/{version.evidence_id}"
    assert "waiting for your countersigner" in " ".join(bob.get("/queue").text.split())
    assert "Complaint" in bob.get("/countersigning?show=own").text
    assert "decided, to be countersigned" in bob.get(f"{at}/sign").text
    dan = client(world.dan).get(f"/centres/{world.northgate.id}/countersigning").text
    assert '<td class="number" data-label="Waiting">1</td>' in dan


def test_what_waits_is_not_in_the_queue(world: World, client: Browser, gwen: Person) -> None:
    switch_on(world, gwen)
    decide(world)
    assert "No evidence to assess." in client(world.bob).get("/queue").text
    assert db.session.scalars(select(Countersignature)).one().is_open
