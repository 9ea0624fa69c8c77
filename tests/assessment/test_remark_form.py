"""The forms of remarks: in which unit one is added, added twice, read as shown, and an answer that is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.factories import World
from tracker.assessment.services import assessments, remarks
from tracker.errors import NotFound
from tracker.extensions import db
from tracker.ledger.transactions import rollback, transaction
from tracker.models import Evidence, EvidenceVersion, FeedbackAnswer, FeedbackRemark, UnitAttempt
from tracker.portfolio.queries.remarks import RemarksOnItem, list_released_remarks, list_remarks_in
from tracker.portfolio.remark_places import Region, RemarkPlace
from tracker.registrations.allocations import allocate
from tracker.vocabulary import AttemptState, Outcome, Role

ClientFor = Callable[..., FlaskClient]
QUESTION, LATER = "Which day was this?", "Who else heard it?"


@pytest.fixture
def item(world: World) -> tuple[Evidence, EvidenceVersion]:
    """Return an item that Alice has submitted for CFACC15 and for INSCC004."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint", narrative="I took the call.\n\nI rang back.")
        factories.claim(world.cfacc15, evidence, "1")
        factories.claim(world.inscc004, evidence, "2")
        version = factories.submit(evidence)
    return evidence, version


def release_with(attempt: UnitAttempt, version: EvidenceVersion, world: World, *texts: str) -> list[FeedbackRemark]:
    """Let Bob accept the item in a unit with remarks on the whole item, and release it."""
    bob = factories.make_actor(world.bob)
    with transaction():
        claims = [each.claim_id for each in assessments.load_claimed_cells(attempt, version).values()]
        draft = assessments.DraftDecisions(
            dict.fromkeys(claims, Outcome.MET), {}, workflow.ALL_CHECKS, "", workflow.WARNINGS_REASON
        )
        assessments.save_draft(attempt, version, draft, bob)
        written = [remarks.add_remark(attempt, version, RemarkPlace(), text, bob) for text in texts]
        assessment = assessments.accept_evidence(attempt, version, bob)
    workflow.release(assessment.id)
    db.session.expire_all()
    return written


def list_texts(attempt: UnitAttempt) -> list[str]:
    found = db.session.scalars(select(FeedbackRemark).order_by(FeedbackRemark.id))
    return [each.text for each in found if each.assessment.attempt_id == attempt.id]


class TestAdding:
    def press(self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion], **fields: Any) -> Any:
        address = f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}/assess"
        form = {"attempt": [world.cfacc15.id, world.inscc004.id], "act": "remark", "remark_text": QUESTION}
        return client(world.bob).post(address, data={**form, **fields})

    def test_the_form_says_in_which_unit_a_remark_is_added(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        page = client(world.bob).get(f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}/assess").text
        assert 'name="remark_unit"' in page
        assert self.press(world, client, item).status_code == 303
        response = self.press(world, client, item, remark_unit=str(world.inscc004.id), remark_text=LATER)
        assert response.status_code == 303
        assert (list_texts(world.cfacc15), list_texts(world.inscc004)) == ([QUESTION], [LATER])

    def test_a_unit_that_the_page_does_not_show_is_not_found(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        response = self.press(world, client, item, remark_unit=str(world.franks_attempt.id))
        assert response.status_code == 404
        assert db.session.scalars(select(FeedbackRemark)).all() == []

    @pytest.mark.parametrize("act", ["remark", "save"])
    def test_the_same_remark_sent_twice_is_added_once(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion], act: str
    ) -> None:
        for _ in range(2):
            assert self.press(world, client, item, act=act, remark_place="p-1").status_code == 303
        assert list_texts(world.cfacc15) == [QUESTION]
        self.press(world, client, item, act=act, remark_place="p-2")
        self.press(world, client, item, act=act, remark_text=LATER, remark_place="p-1")
        assert list_texts(world.cfacc15) == [QUESTION, QUESTION, LATER], "another place or text is another remark"

    def test_a_remark_that_was_removed_can_be_added_again(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        self.press(world, client, item)
        remark = db.session.scalars(select(FeedbackRemark)).one()
        self.press(world, client, item, act=f"unremark-{remark.id}", remark_text="")
        self.press(world, client, item)
        assert list_texts(world.cfacc15) == ["", QUESTION]

    def test_the_page_says_that_a_draft_is_seen_once_it_is_released(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}/assess"
        page = bob.post(address, data={"act": "remark", "remark_text": QUESTION}, follow_redirects=True).text
        assert "cannot see it until the assessment is released" in page
        assert "sees it once the assessment is released." in page


class TestReading:
    def test_only_what_the_page_showed_is_marked_as_read(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        (shown,) = release_with(world.cfacc15, item[1], world, QUESTION)
        page = client(world.alice).get(f"/evidence/{item[0].id}").text
        assert f'name="shown" value="{shown.id}"' in page
        (later,) = release_with(world.inscc004, item[1], world, LATER)
        data = {"shown": str(shown.id)}
        assert client(world.alice).post(f"/evidence/{item[0].id}/remarks/read", data=data).status_code == 303
        db.session.expire_all()
        assert shown.read_at
        assert later.read_at is None

    def test_a_remark_in_a_void_unit_is_not_marked(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        (remark,) = release_with(world.cfacc15, item[1], world, QUESTION)
        with transaction():
            world.cfacc15.state = AttemptState.VOID
            factories.leave_unsealed()
        data = {"shown": str(remark.id)}
        assert client(world.alice).post(f"/evidence/{item[0].id}/remarks/read", data=data).status_code == 404
        db.session.expire_all()
        assert remark.read_at is None


class TestRefusedAnswers:
    def test_an_answer_that_is_too_long_is_in_its_form_again(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        (remark,) = release_with(world.cfacc15, item[1], world, QUESTION)
        typed = "On Monday. " + "x" * 2_000
        refused = client(world.alice).post(f"/remarks/{remark.id}/answer", data={"answer": typed})
        assert refused.status_code == 422
        assert f"{typed}</textarea>" in refused.text
        assert f'href="#answer-{remark.id}"' in refused.text
        assert f'data-autosave-key="answer-remark-{remark.id}"' in refused.text
        assert db.session.scalars(select(FeedbackAnswer)).all() == []

    def test_an_answer_to_a_remark_that_was_settled_meanwhile_is_shown_to_be_copied(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        (remark,) = release_with(world.cfacc15, item[1], world, QUESTION)
        with transaction():
            remarks.settle_remark(world.cfacc15, remark, factories.make_actor(world.bob))
        refused = client(world.alice).post(f"/remarks/{remark.id}/answer", data={"answer": "On Monday."})
        assert refused.status_code == 409
        assert "Your answer, which is not saved:" in refused.text
        assert "On Monday." in refused.text
        assert "<textarea" not in refused.text

    def test_an_answer_is_kept_in_the_browser_while_it_is_typed(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        (remark,) = release_with(world.cfacc15, item[1], world, QUESTION)
        for address in (f"/evidence/{item[0].id}", f"/evidence/{item[0].id}/versions/1"):
            page = client(world.alice).get(address).text
            assert f'data-autosave-key="answer-remark-{remark.id}"' in page, address
            assert "js/autosave." in page, address


class TestNumbers:
    def test_a_remark_has_one_number_for_every_reader_and_keeps_it(
        self, world: World, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        bob = factories.make_actor(world.bob)
        with transaction():
            assessments.save_draft(world.cfacc15, item[1], workflow.EMPTY_DRAFT, bob)
            drafted = remarks.add_remark(world.cfacc15, item[1], RemarkPlace(paragraph=1), "Drafted first.", bob)
        first, second = release_with(world.inscc004, item[1], world, QUESTION, LATER)
        numbers = {first.id: 1, second.id: 2}
        assert number_remarks(list_released_remarks(item[0].id, item[1].id)) == numbers
        own = list_remarks_in([world.cfacc15.id], item[0].id, item[1].id, author_id=world.bob.id)
        assert number_remarks(own) == {drafted.id: None}
        (last,) = release_with(world.cfacc15, item[1], world, "Last.")
        numbers |= {drafted.id: 3, last.id: 4}
        assert number_remarks(list_released_remarks(item[0].id, item[1].id)) == numbers
        in_one_unit = list_remarks_in([world.cfacc15.id], item[0].id, item[1].id)
        assert number_remarks(in_one_unit) == {drafted.id: 3, last.id: 4}

    def test_a_draft_on_an_earlier_version_is_counted_as_not_sent_and_can_be_removed(
        self, world: World, client: ClientFor, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        with transaction():
            bob = factories.make_actor(world.bob)
            assessments.save_draft(world.cfacc15, item[1], workflow.EMPTY_DRAFT, bob)
            remark = remarks.add_remark(world.cfacc15, item[1], RemarkPlace(), QUESTION, bob)
        workflow.submit_next_version(item[0])
        address = f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}/assess"
        page = " ".join(client(world.bob).get(address).text.split())
        assert "0 open, 0 answered, 0 resolved, 1 not sent" in page
        assert f'value="unremark-{remark.id}"' in page
        assert client(world.bob).post(address, data={"act": f"unremark-{remark.id}"}).status_code == 303
        db.session.expire_all()
        assert (remark.text, bool(remark.removed_at)) == ("", True)
        assert "Remarks on version 1" not in client(world.bob).get(address).text

    def test_a_draft_of_another_assessor_is_not_removed(
        self, world: World, item: tuple[Evidence, EvidenceVersion]
    ) -> None:
        with transaction():
            bob = factories.make_actor(world.bob)
            assessments.save_draft(world.cfacc15, item[1], workflow.EMPTY_DRAFT, bob)
            remark = remarks.add_remark(world.cfacc15, item[1], RemarkPlace(), QUESTION, bob)
            gwen = factories.make_person("Gwen Hill", world.northgate, Role.ASSESSOR)
            allocate(world.cfacc15, gwen, Role.ASSESSOR, "Bob is on leave.", factories.make_actor(world.dan))
        with pytest.raises(NotFound):
            remarks.remove_remark([world.cfacc15], item[1], remark.id, factories.make_actor(gwen))
        rollback()


def number_remarks(found: RemarksOnItem) -> dict[int, int | None]:
    return {each.id: each.number for each in (*found.on_version, *found.earlier)}


def test_a_region_is_a_part_of_the_place(world: World, item: tuple[Evidence, EvidenceVersion]) -> None:
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, item[1], workflow.EMPTY_DRAFT, bob)
        remarks.add_remark(world.cfacc15, item[1], RemarkPlace(), QUESTION, bob)
    assert remarks.has_drafted(world.cfacc15, item[1], RemarkPlace(), QUESTION, bob)
    assert not remarks.has_drafted(world.cfacc15, item[1], RemarkPlace(1, 1, Region(1, 1)), QUESTION, bob)
