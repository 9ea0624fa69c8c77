"""The pages of version moves: the preview, the password, claims not carried over, and all attempts at once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.second_version import (
    REASON,
    list_claims_by_label,
    move_to_second_version,
    publish_second_version,
)
from tests.factories import PASSWORD, World
from tracker.assessment.services import assessments
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import load_document
from tracker.library.services.centre_rules import WrittenRule, end_rule, read_rule, write_rule
from tracker.models import Assessment, Claim, Event, Person, Unit, UnitAttempt, VersionMove
from tracker.units.documents import unit_from_json
from tracker.vocabulary import AssessmentState, AttemptState, Outcome, Role

Browser = Callable[[Person], FlaskClient]
SCRIPT = {"Accept": "application/json"}


@pytest.fixture
def assessed_claims(world: World) -> dict[str, Claim]:
    _, version, claims = workflow.submit_item(world.cfacc15, "Complaint CH-2231", "1", "2", "3", "5", days_ago=3)
    with transaction():
        factories.accept(world.cfacc15, version, world.bob, dict.fromkeys(claims[:3], Outcome.MET))
    return list_claims_by_label(world.cfacc15)


@pytest.fixture
def newer(world: World) -> Unit:
    return publish_second_version(world)


def address(world: World) -> str:
    return f"/attempts/{world.cfacc15.id}/move"


def send(browser: FlaskClient, world: World, newer: Unit, **fields: Any) -> Any:
    form = {"to": newer.slug, "reason": REASON, "password": PASSWORD, **fields}
    return browser.post(address(world), data=form)


def unit_of(attempt: UnitAttempt) -> int:
    db.session.rollback()
    db.session.refresh(attempt)
    return attempt.unit_id


@pytest.mark.usefixtures("assessed_claims")
class TestOneAttempt:
    def test_administrator_chooses_a_version_and_sees_the_preview(
        self, world: World, client: Browser, newer: Unit
    ) -> None:
        dan = client(world.dan)
        assert f'href="{address(world)}"' in dan.get(f"/attempts/{world.cfacc15.id}").text
        assert f'href="{address(world)}"' in dan.get(f"/registrations/{world.registration.id}").text
        assert ">version 2</a>" in dan.get(address(world)).text
        page = " ".join(dan.get(f"{address(world)}?to={newer.slug}").text.split())
        for sentence in (
            "<b>3</b> of 4 claims are carried over.",
            "<b>1</b> decision is kept, because the wording is unchanged.",
            "<b>1</b> claim must be assessed again, because the wording has changed.",
            "<b>1</b> claim is not carried over.",
            "Engage with customers",
        ):
            assert sentence in page

    def test_attempt_moves_with_a_reason_and_the_password(self, world: World, client: Browser, newer: Unit) -> None:
        answer = send(client(world.dan), world, newer)
        assert answer.location == f"/attempts/{world.cfacc15.id}"
        assert unit_of(world.cfacc15) == newer.id

    @pytest.mark.parametrize("form", [{"password": "wrong"}, {"password": ""}, {"reason": ""}])
    def test_move_without_reason_or_password_is_refused_and_keeps_what_was_typed(
        self, world: World, client: Browser, newer: Unit, form: dict[str, str]
    ) -> None:
        before = unit_of(world.cfacc15)
        answer = send(client(world.dan), world, newer, **form)
        assert answer.status_code == 422
        assert (REASON in answer.text) == ("reason" not in form)
        assert unit_of(world.cfacc15) == before

    def test_move_form_sent_twice_moves_once(
        self, world: World, client: Browser, newer: Unit, recorded_acts: Callable[[], list[str]]
    ) -> None:
        dan = client(world.dan)
        answers = [send(dan, world, newer, idempotency_key="once") for _ in range(2)]
        assert {answer.location for answer in answers} == {f"/attempts/{world.cfacc15.id}"}
        assert send(dan, world, newer).status_code == 409
        assert recorded_acts().count("attempt_moved") == 1

    def test_move_is_refused_when_the_preview_is_outdated(self, world: World, client: Browser, newer: Unit) -> None:
        answer = send(client(world.dan), world, newer, seen_hash="0" * 64)
        assert answer.status_code == 409
        assert "changed while you were reading" in answer.text
        assert REASON in answer.text

    def test_undecided_links_block_the_move_and_the_page_leads_to_them(self, world: World, client: Browser) -> None:
        newer = publish_second_version(world, linked=False)
        dan = client(world.dan)
        page = dan.get(f"{address(world)}?to={newer.slug}").text
        assert "The links from 1, 2, 5 to version 2 are not confirmed or refused yet" in page
        assert f"/units/cfacc15/compare?with={newer.slug}" in page
        assert 'type="password"' not in page
        assert send(dan, world, newer).status_code == 409

    def test_without_a_later_version_the_page_says_so(self, world: World, client: Browser) -> None:
        assert "There is no later version of CFACC15" in client(world.dan).get(address(world)).text
        assert client(world.dan).post(address(world), data={"to": "delivercc"}).status_code in {409, 422}
        assert client(world.dan).post(address(world), data={}).status_code == 422

    def test_only_the_centres_administrator_moves_an_attempt(
        self, world: World, client: Browser, newer: Unit
    ) -> None:
        for person, status in ((world.alice, 404), (world.bob, 404), (world.heidi, 404)):
            assert send(client(person), world, newer).status_code == status
            assert client(person).get(address(world)).status_code == status
        assert "/move" not in client(world.alice).get(f"/attempts/{world.cfacc15.id}").text


@pytest.mark.usefixtures("assessed_claims")
class TestAfterwards:
    def test_everyone_on_the_attempt_sees_claims_not_carried_over(
        self, world: World, client: Browser, newer: Unit
    ) -> None:
        with transaction():
            factories.submit(factories.make_evidence(world.cfacc15, "Other"))
        move_to_second_version(world, newer)
        for person in (world.alice, world.bob, world.dan, world.carol):
            page = client(person).get(f"/attempts/{world.cfacc15.id}").text
            assert "Moved from version 1 to version 2" in page
            assert "1 claim was not carried over" in page
            assert "Engage with customers who make complex" in page
            assert "See it as it was in version 1" in page

    def test_only_the_assessor_sees_their_draft_decision_on_a_claim_not_carried_over(
        self, world: World, client: Browser, newer: Unit
    ) -> None:
        _, version, claims = workflow.submit_item(world.cfacc15, "Another call", "3")
        draft = workflow.build_draft({claims[0]: Outcome.MET}, {claims[0]: "On tape."})
        with transaction():
            assessments.save_draft(world.cfacc15, version, draft, factories.make_actor(world.bob))
        move_to_second_version(world, newer)
        text = "Your draft decision: Met, On tape."
        assert text in client(world.bob).get(f"/attempts/{world.cfacc15.id}").text
        for person in (world.alice, world.dan, world.carol):
            assert "On tape." not in client(person).get(f"/attempts/{world.cfacc15.id}").text

    def test_matrix_of_the_old_version_has_a_page(self, world: World, client: Browser, newer: Unit) -> None:
        move = move_to_second_version(world, newer)
        for person in (world.alice, world.bob, world.dan):
            page = client(person).get(f"/attempts/{world.cfacc15.id}/moves/{move.id}").text
            assert "CFACC15 as it was in version 1" in page
            assert "<b>3</b> of 24 met" in page
            assert (
                "Deal with complex customer contacts referred from colleagues without appropriate authority." in page
            )
            assert "Met, Bob Archer" in page
        assert client(world.grace).get(f"/attempts/{world.cfacc15.id}/moves/{move.id}").status_code == 404
        assert client(world.alice).get(f"/attempts/{world.inscc004.id}/moves/{move.id}").status_code == 404

    def test_evidence_and_registration_pages_show_the_new_version(
        self, world: World, client: Browser, assessed_claims: dict[str, Claim], newer: Unit
    ) -> None:
        move_to_second_version(world, newer)
        page = client(world.alice).get(f"/evidence/{assessed_claims['1'].evidence_id}").text
        assert "that colleagues without appropriate authority refer to you" in page
        assert "<b>1</b> of 23 met" in client(world.dan).get(f"/registrations/{world.registration.id}").text

    def test_reworded_criterion_is_assessed_with_its_new_wording(
        self, world: World, client: Browser, assessed_claims: dict[str, Claim], newer: Unit
    ) -> None:
        move_to_second_version(world, newer)
        page = (
            client(world.bob)
            .get(f"/attempts/{world.cfacc15.id}/evidence/{assessed_claims['2'].evidence_id}/assess")
            .text
        )
        assert "that colleagues without appropriate authority refer to you" in page

    def test_assess_page_open_during_a_move_is_refused_and_keeps_comments(
        self, world: World, client: Browser, assessed_claims: dict[str, Claim], newer: Unit
    ) -> None:
        move_to_second_version(world, newer)
        five = assessed_claims["5"]
        form = {
            f"outcome-{five.id}": "met",
            f"comment-{five.id}": "On page 4.",
            "feedback": "Well done.",
            "act": "accept",
        }
        answer = client(world.bob).post(f"/attempts/{world.cfacc15.id}/evidence/{five.evidence_id}/assess", data=form)
        assert answer.status_code == 409
        assert "has moved to another version since you opened this page" in answer.text
        assert "On page 4." in answer.text
        assert "Well done." in answer.text
        assert db.session.scalars(select(Assessment).where(Assessment.state == AssessmentState.DRAFT)).first() is None

    def test_tick_on_a_page_open_during_a_move_is_refused(
        self, world: World, client: Browser, assessed_claims: dict[str, Claim], newer: Unit
    ) -> None:
        old = factories.criterion(world.cfacc15, "9").id
        move_to_second_version(world, newer)
        form = {"attempt": world.cfacc15.id, "criterion": old, "on": 1}
        answer = client(world.alice).post(
            f"/evidence/{assessed_claims['1'].evidence_id}/tick", data=form, headers=SCRIPT
        )
        assert answer.status_code == 409
        assert "has moved to another version" in answer.json["message"]

    def test_page_of_an_attempt_that_never_moved_needs_no_more_statements(
        self,
        world: World,
        client: Browser,
        newer: Unit,
        count_statements: Callable[[], AbstractContextManager[list[str]]],
    ) -> None:
        bob, attempt, counts = client(world.bob), world.cfacc15.id, []
        bob.get("/units")
        for moved in (False, True):
            if moved:
                move_to_second_version(world, newer)
            db.session.rollback()
            db.session.expire_all()
            with count_statements() as statements:
                bob.get(f"/attempts/{attempt}")
            counts.append(len(statements))
        assert counts[1] == counts[0] + 2, "the moves, and the draft decisions on claims not carried over"


@pytest.mark.parametrize("rules", [0, 1, 2])
def test_the_pages_of_a_move_say_that_the_centres_rules_do_not_follow(
    world: World, client: Browser, newer: Unit, rules: int
) -> None:
    older, dan = world.cfacc15.unit, client(world.dan)
    with transaction():
        for number in range(1, rules + 1):
            rule = read_rule(WrittenRule("items", str(number)), unit_from_json(load_document(older)))
            write_rule(older, world.northgate, rule, factories.make_actor(world.dan))
        ended = read_rule(WrittenRule("items", "9"), unit_from_json(load_document(older)))
        end_rule(
            write_rule(older, world.northgate, ended, factories.make_actor(world.dan)),
            factories.make_actor(world.dan),
        )
    said = {0: None, 1: "1 rule of evidence guidance that", 2: "2 rules of evidence guidance that"}[rules]
    one, all_ = f"{address(world)}?to={newer.slug}", f"/centres/{world.northgate.id}/moves/{older.slug}/{newer.slug}"
    for path in (one, all_):
        page = " ".join(dan.get(path).text.split())
        assert ("of evidence guidance" in page) is bool(said)
        if said:
            assert f"{said} {world.northgate.name} set for version 1 do" in page
            assert "not apply after the move. An administrator can set rules for version 2 on its page." in page


class TestAllAtOnce:
    @pytest.fixture
    def three(self, world: World) -> list[UnitAttempt]:
        """Return three attempts at CFACC15, Alice's among them."""
        with transaction():
            people = [
                factories.make_person(name, world.northgate, Role.CANDIDATE) for name in ("Ann Able", "Ben Bold")
            ]
            other_attempts = [
                factories.make_attempt(factories.make_registration(each, world.northgate, world.dan), "CFACC15")
                for each in people
            ]
        return [world.cfacc15, *other_attempts]

    def page(self, world: World, newer: Unit) -> str:
        return f"/centres/{world.northgate.id}/moves/cfacc15/{newer.slug}"

    def send(self, browser: FlaskClient, world: World, newer: Unit, **fields: str) -> Any:
        return browser.post(self.page(world, newer), data={"reason": REASON, "password": PASSWORD, **fields})

    @pytest.mark.usefixtures("assessed_claims")
    def test_every_attempt_has_a_preview_and_all_move_together(
        self, world: World, client: Browser, three: list[UnitAttempt]
    ) -> None:
        newer = publish_second_version(world)
        dan = client(world.dan)
        assert f'href="{self.page(world, newer)}"' in dan.get(f"/units/cfacc15/compare?with={newer.slug}").text
        page = dan.get(self.page(world, newer)).text
        assert "Move these 3 units" in page
        assert page.index("Alice Moran") < page.index("Ann Able") < page.index("Ben Bold")
        answer = self.send(dan, world, newer)
        assert answer.location == self.page(world, newer)
        assert {unit_of(attempt) for attempt in three} == {newer.id}
        page = dan.get(answer.location).text
        assert "3 of 3 units moved to version 2." in page
        assert "No unit is in progress on version 1." in page
        assert page.count(REASON) == 3

    def test_attempt_that_cannot_move_stays_with_the_reason_beside_it(
        self, world: World, client: Browser, three: list[UnitAttempt]
    ) -> None:
        older, newer = world.cfacc15.unit, publish_second_version(world, linked=False)
        workflow.submit_item(three[1], "Call", "1")
        dan = client(world.dan)
        self.send(dan, world, newer)
        assert [unit_of(attempt) for attempt in three] == [newer.id, older.id, newer.id]
        page = dan.get(self.page(world, newer)).text
        assert "2 of 3 units moved to version 2." in page
        assert "The links from 1 to version 2 are not confirmed or refused yet" in page
        events = db.session.scalars(select(Event.act).where(Event.act == "attempt_moved")).all()
        assert len(events) == 2

    def test_only_open_attempts_of_this_centre_are_listed(
        self, world: World, client: Browser, three: list[UnitAttempt]
    ) -> None:
        newer = publish_second_version(world)
        with transaction():
            three[2].state = AttemptState.ASSESSED
        dan = client(world.dan)
        page = dan.get(self.page(world, newer)).text
        assert "Frank Osei" not in page
        assert "Ben Bold" not in page
        self.send(dan, world, newer)
        moved = select(VersionMove.attempt_id).order_by(VersionMove.attempt_id)
        assert db.session.scalars(moved).all() == [three[0].id, three[1].id]

    def test_no_attempt_moves_without_reason_or_password(
        self, world: World, client: Browser, three: list[UnitAttempt]
    ) -> None:
        newer = publish_second_version(world)
        for form in ({"reason": ""}, {"password": "wrong"}):
            assert self.send(client(world.dan), world, newer, **form).status_code == 422
        assert db.session.scalars(select(VersionMove)).first() is None
        assert len(three) == 3

    def test_moving_all_needs_an_older_and_a_newer_version_of_one_unit(
        self, world: World, client: Browser, newer: Unit
    ) -> None:
        dan, centre = client(world.dan), world.northgate.id
        for path in (f"{newer.slug}/cfacc15", "cfacc15/delivercc", "cfacc15/cfacc15", "cfacc15/nothing"):
            assert dan.get(f"/centres/{centre}/moves/{path}").status_code == 404
        assert client(world.heidi).get(self.page(world, newer)).status_code == 404
