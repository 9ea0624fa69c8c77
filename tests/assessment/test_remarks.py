"""Remarks on evidence: drafted with the assessment, released with it, answered by the candidate, settled."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.assessment import workflow
from tests.assessment.countersigning import find_waiting, make_qualified, switch_on
from tests.factories import World
from tests.portfolio.files import picture
from tests.records.discussions import discuss
from tests.records.observations import agree
from tracker.assessment.services import assessments, remarks
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.countersignature_answers import agree_with_assessment
from tracker.assessment.services.releasing import release_assessment
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.sealing import UnpermittedWrite
from tracker.ledger.transactions import rollback, transaction
from tracker.models import (
    Attachment,
    Claim,
    Evidence,
    EvidenceVersion,
    FeedbackAnswer,
    FeedbackRemark,
    Notification,
    Person,
    VersionAttachment,
)
from tracker.portfolio.queries.remarks import list_released_remarks, list_remarks_in
from tracker.portfolio.remark_places import Region, RemarkPlace, read_place
from tracker.portfolio.services import remark_answers
from tracker.portfolio.services.files import attach_file, store_file
from tracker.privacy.export_portfolio import read_portfolio
from tracker.privacy.export_staff_work import read_work
from tracker.registrations.allocations import allocate
from tracker.vocabulary import AttemptState, Outcome, Role

ClientFor = Callable[..., FlaskClient]
Count = Callable[[], AbstractContextManager[list[str]]]
WHICH_DAY = "Which day was this?"
ACCOUNT = "I took the call.\n\nI wrote it down.\n\nI rang back the same day."
Item = tuple[Evidence, EvidenceVersion, Claim]


@pytest.fixture
def item(world: World) -> Item:
    """Return Alice's item with three paragraphs, version 1, and its claim."""
    with transaction():
        evidence = factories.make_evidence(world.cfacc15, "Complaint", narrative=ACCOUNT)
        (claim,) = factories.claim(world.cfacc15, evidence, "1")
        version = factories.submit(evidence)
    return evidence, version, claim


def attach(version: EvidenceVersion, name: str = "letter.jpg", content: bytes = b"") -> Attachment:
    """Add a file to a submitted version, as if it had been submitted with it."""
    with transaction():
        file = attach_file(version.evidence, store_file(BytesIO(content or picture()), name))
        factories.add_and_flush(VersionAttachment(version_id=version.id, attachment_id=file.id, position=1))
        factories.leave_unsealed()
    db.session.expire_all()
    return file


def write(world: World, item: Item, text: str = WHICH_DAY, place: RemarkPlace | None = None) -> FeedbackRemark:
    """Let Bob draft a remark."""
    _, version, claim = item
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, workflow.build_draft({claim: Outcome.MET}), bob)
        return remarks.add_remark(world.cfacc15, version, place or RemarkPlace(paragraph=2), text, bob)


def finish(world: World, item: Item, *, returns: bool = False) -> None:
    """Let Bob accept or return the item, and the time to undo it pass."""
    _, version, claim = item
    bob = factories.make_actor(world.bob)
    with transaction():
        draft = workflow.build_draft({claim: Outcome.MET}, feedback="Nearly there." if returns else "")
        assessments.save_draft(world.cfacc15, version, draft, bob)
        act = assessments.return_evidence if returns else assessments.accept_evidence
        assessment = act(world.cfacc15, version, bob)
    workflow.release(assessment.id)
    db.session.expire_all()


def answer(world: World, remark: FeedbackRemark, text: str = "On 5 October.") -> FeedbackAnswer:
    with transaction():
        return remark_answers.answer_remark(world.cfacc15, remark, text, factories.make_actor(world.alice))


def settle(world: World, remark: FeedbackRemark) -> None:
    with transaction():
        remarks.settle_remark(world.cfacc15, remark, factories.make_actor(world.bob))


def reallocate(world: World) -> Person:
    """Let Gwen take the unit over from Bob."""
    with transaction():
        gwen = factories.make_person("Gwen Hill", world.northgate, Role.ASSESSOR)
        allocate(world.cfacc15, gwen, Role.ASSESSOR, "Bob is on leave.", factories.make_actor(world.dan))
    return gwen


class TestDrafts:
    def test_the_candidate_sees_nothing_before_the_release(self, world: World, client: ClientFor, item: Item) -> None:
        remark = write(world, item)
        page = client(world.alice).get(f"/evidence/{item[0].id}").text
        assert WHICH_DAY not in page
        assert "Remarks on the evidence" not in page
        assert client(world.alice).post(f"/remarks/{remark.id}/answer", data={"answer": "Yes."}).status_code == 404
        assert client(world.alice).post(f"/evidence/{item[0].id}/remarks/read").status_code == 404
        assert list_released_remarks(item[0].id, item[1].id).is_empty

    def test_the_verifier_sees_nothing_before_the_release_either(
        self, world: World, client: ClientFor, item: Item
    ) -> None:
        write(world, item)
        address = f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}"
        assert WHICH_DAY not in client(world.carol).get(address).text
        assert WHICH_DAY in client(world.bob).get(address).text
        finish(world, item)
        assert WHICH_DAY in client(world.carol).get(address).text

    def test_a_draft_is_removed_with_its_text(self, world: World, item: Item) -> None:
        remark = write(world, item)
        with transaction():
            remarks.remove_remark([world.cfacc15], item[1], remark.id, factories.make_actor(world.bob))
        finish(world, item)
        assert (remark.text, remark.released_at) == ("", None)
        assert list_released_remarks(item[0].id, item[1].id).is_empty

    def test_a_released_remark_is_not_removed(self, world: World, item: Item) -> None:
        remark = write(world, item)
        finish(world, item)
        with pytest.raises(NotFound):
            remarks.remove_remark([world.cfacc15], item[1], remark.id, factories.make_actor(world.bob))
        rollback()

    def test_a_finished_assessment_takes_no_remark(self, world: World, item: Item) -> None:
        finish(world, item)
        with pytest.raises(Refused, match="is finished"):
            remarks.add_remark(world.cfacc15, item[1], RemarkPlace(), WHICH_DAY, factories.make_actor(world.bob))
        rollback()

    def test_a_remark_has_a_text_that_is_not_too_long(self, world: World, item: Item) -> None:
        for text in ("  ", "x" * 2_001):
            with pytest.raises(Invalid) as refusal:
                write(world, item, text)
            assert refusal.value.field == "remark_text"

    def test_a_removed_remark_does_not_count_towards_the_limit(
        self, world: World, item: Item, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remarks, "MAX_REMARKS", 2)
        first = write(world, item, "First.")
        write(world, item, "Second.")
        with pytest.raises(Invalid, match="at most 2 remarks"):
            write(world, item, "Third.")
        with transaction():
            remarks.remove_remark([world.cfacc15], item[1], first.id, factories.make_actor(world.bob))
        assert write(world, item, "Third.").text == "Third."

    def test_countersigning_holds_remarks_back(self, world: World, client: ClientFor, item: Item) -> None:
        gwen = make_qualified(world)
        switch_on(world, gwen)
        write(world, item)
        finish(world, item)
        assert list_released_remarks(item[0].id, item[1].id).is_empty
        page = client(gwen).get(f"/countersigning/{find_waiting().id}").text
        assert WHICH_DAY in page, "the countersigner reads what they release"
        with transaction():
            agree_with_assessment(find_waiting(), factories.make_actor(gwen))
        assert len(list_released_remarks(item[0].id, item[1].id).on_version) == 1


def test_an_assessment_does_not_release_a_remark_of_another_assessment_of_its_unit(world: World, item: Item) -> None:
    remark = write(world, item)
    _, version, (claim,) = workflow.submit_item(world.cfacc15, "Another", "2")
    bob = factories.make_actor(world.bob)
    with transaction():
        assessments.save_draft(world.cfacc15, version, workflow.build_draft({claim: Outcome.MET}), bob)
        assessment = assessments.accept_evidence(world.cfacc15, version, bob)
    workflow.pass_time_to_undo()
    remark.released_at = now()
    with pytest.raises(UnpermittedWrite, match="changed released_at of feedback_remark"), transaction():
        release_assessment(assessment)
    rollback()


class TestPlaces:
    @pytest.mark.parametrize(
        "place",
        [
            RemarkPlace(paragraph=4),
            RemarkPlace(attachment_id=999_999),
            RemarkPlace(attachment_id=999_999, page=1),
            RemarkPlace(second=5),
            RemarkPlace(region=Region(1, 1)),
        ],
    )
    def test_a_place_has_to_be_in_the_version(self, world: World, item: Item, place: RemarkPlace) -> None:
        with pytest.raises(Invalid):
            write(world, item, place=place)

    @pytest.mark.parametrize("region", [Region(-1, 0), Region(1001, 0), Region(900, 0, 101, 1), Region(0, 0, 1, -1)])
    def test_a_region_has_to_be_on_the_page(self, world: World, item: Item, region: Region) -> None:
        photo = attach(item[1])
        with pytest.raises(Invalid, match="on the page"):
            write(world, item, place=RemarkPlace(photo.id, 1, region))

    def test_a_picture_has_one_page_and_no_time(self, world: World, item: Item) -> None:
        photo = attach(item[1])
        for place in (RemarkPlace(photo.id, 2), RemarkPlace(photo.id, second=3)):
            with pytest.raises(Invalid):
                write(world, item, place=place)
        assert write(world, item, place=RemarkPlace(photo.id, 1, Region(125, 300, 200, 50))).region_width == 200

    def test_places_are_read_as_they_are_typed(self) -> None:
        none = ["", "", "", ""]
        assert read_place("", "", none) == RemarkPlace()
        assert read_place("p-3", "", none) == RemarkPlace(paragraph=3)
        assert read_place("f-7", "12:31", none) == RemarkPlace(7, second=751)
        assert read_place("f-7-2", "", ["12.5", "30", "", ""]) == RemarkPlace(7, 2, Region(125, 300))
        for choice, time, sides in (
            ("f-x", "", none), ("p-0", "", none), ("f-7", "soon", none), ("f-7", "2/1:00", none),
            ("f-7-1", "", ["a", "1", "1", "1"]), ("f-7-1", "", ["-1", "1", "1", "1"]),
        ):  # fmt: skip
            with pytest.raises(Invalid):
                read_place(choice, time, sides)


class TestAnswers:
    def test_the_candidate_answers_and_the_assessor_settles(self, world: World, item: Item) -> None:
        remark = write(world, item)
        finish(world, item, returns=True)
        answer(world, remark)
        (shown,) = list_remarks_in([world.cfacc15.id], item[0].id, item[1].id).on_version
        assert (shown.state, [each.text for each in shown.answers]) == ("answered", ["On 5 October."])
        assert shown.read_at, "who answers has read"
        settle(world, remark)
        (shown,) = list_remarks_in([world.cfacc15.id], item[0].id, item[1].id).on_version
        assert (shown.state, shown.settled_by) == ("settled", "Bob Archer")
        with pytest.raises(Refused, match="resolved"):
            answer(world, remark, "Once more.")

    def test_settling_twice_is_one_act(
        self, world: World, item: Item, recorded_acts: Callable[[], list[str]]
    ) -> None:
        remark = write(world, item)
        finish(world, item)
        settle(world, remark)
        settle(world, remark)
        assert recorded_acts().count("remark_settled") == 1

    def test_an_answer_needs_a_unit_in_progress(self, world: World, item: Item) -> None:
        remark = write(world, item)
        finish(world, item)
        with transaction():
            world.cfacc15.state = AttemptState.VERIFIED
            factories.leave_unsealed()
        for act in (answer, settle):
            with pytest.raises(Refused):
                act(world, remark)

    def test_only_the_candidate_answers_and_only_the_assessor_settles(
        self, world: World, client: ClientFor, item: Item
    ) -> None:
        remark = write(world, item)
        finish(world, item)
        people = (world.bob, world.carol, world.dan, world.eve, world.frank, world.grace, world.heidi)
        for person in people:
            response = client(person).post(f"/remarks/{remark.id}/answer", data={"answer": "Hello."})
            assert response.status_code in {403, 404}, person.name
        for person in (world.alice, *people[1:]):
            assert client(person).post(f"/remarks/{remark.id}/settle").status_code in {403, 404}, person.name
        assert db.session.scalars(select(FeedbackAnswer)).all() == []

    def test_remarks_on_accepted_evidence_are_emailed_about(
        self, world: World, item: Item, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(emails, "can_deliver", lambda: True)
        monkeypatch.setattr(emails, "send", lambda *_: None)
        write(world, item)
        finish(world, item)
        topics = db.session.scalars(select(Notification.topic)).all()
        assert f"evidence_remarks:{item[0].id}" in topics


class TestPages:
    def test_bob_adds_a_remark_and_alice_reads_and_answers_it(
        self, world: World, client: ClientFor, item: Item
    ) -> None:
        photo = attach(item[1])
        bob, alice = client(world.bob), client(world.alice)
        address = f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}/assess"
        typed = {"act": "remark", "remark_text": WHICH_DAY, "remark_place": f"f-{photo.id}-1", "remark_x": "12.5",
                 "remark_y": "30", "remark_width": "20", "remark_height": "5"}  # fmt: skip
        page = bob.get(address).text
        assert "Paragraph 2: I wrote it down." in page
        assert "letter.jpg</option>" in page
        assert bob.post(address, data=typed).status_code == 303
        page = bob.get(address).text
        assert '<rect x="12.5%" y="30.0%" width="20.0%" height="5.0%">' in page
        assert "Remove remark" in page
        refused = bob.post(address, data={"act": "accept", "remark_text": "And who?", "remark_place": "p-1"})
        assert refused.status_code == 422
        assert refused.text.count("And who?") == 1, "it is in its field again, and not added"
        done = {"act": "accept", f"outcome-{item[2].id}": "met", "valid": "y", "authentic": "y", "current": "y",
                "warnings_reason": workflow.WARNINGS_REASON, "remark_text": "And who?", "remark_place": "p-1"}  # fmt: skip
        assert bob.post(address, data=done).status_code == 303
        for each in db.session.scalars(select(FeedbackRemark)):
            workflow.release(each.assessment_id)
        page = alice.get(f"/evidence/{item[0].id}").text
        assert WHICH_DAY in page
        assert "And who?" in page
        assert page.count("<b>New.</b>") == 2
        assert (
            alice.post(
                f"/evidence/{item[0].id}/remarks/read",
                data={"shown": ",".join(map(str, db.session.scalars(select(FeedbackRemark.id))))},
            ).status_code
            == 303
        )
        first = db.session.scalars(select(FeedbackRemark).order_by(FeedbackRemark.id)).first()
        assert first
        assert alice.post(f"/remarks/{first.id}/answer", data={"answer": "5 October."}).status_code == 303
        page = alice.get(f"/evidence/{item[0].id}").text
        assert "<b>New.</b>" not in page
        assert "Answer again" in page
        page = bob.get(f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}").text
        assert "5 October." in page
        assert bob.post(f"/remarks/{first.id}/settle").status_code == 303
        assert "Resolved by Bob Archer" in client(world.carol).get(
            f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}"
        ).text  # fmt: skip

    def test_a_new_version_shows_how_the_remarks_on_the_one_before_stand(
        self, world: World, client: ClientFor, item: Item
    ) -> None:
        write(world, item)
        second = write(world, item, "Name the customer by initials.", RemarkPlace())
        finish(world, item, returns=True)
        answer(world, second)
        workflow.submit_next_version(item[0])
        bob = client(world.bob)
        address = f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}/assess"
        page = " ".join(bob.get(address).text.split())
        assert "Remarks on version 1: 1 open, 1 answered, 0 resolved" in page
        remark = db.session.scalars(select(FeedbackRemark).order_by(FeedbackRemark.id)).first()
        assert remark
        assert bob.post(address, data={"act": f"settle-{remark.id}"}).status_code == 303
        page = " ".join(client(world.alice).get(f"/evidence/{item[0].id}").text.split())
        assert "Remarks on version 1: 0 open, 1 answered, 1 resolved" in page
        assert f"/evidence/{item[0].id}/versions/1" in page
        page = client(world.alice).get(f"/evidence/{item[0].id}/versions/1").text
        assert f'id="pin-{remark.id}"' in page

    def test_the_pages_take_few_statements(
        self, world: World, client: ClientFor, item: Item, count_statements: Count
    ) -> None:
        for _ in range(3):
            write(world, item)
        addresses = (
            (world.bob, f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}/assess"),
            (world.bob, f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}"),
            (world.alice, f"/evidence/{item[0].id}"),
        )
        for person, address in addresses:
            browser = client(person)
            browser.get(address)
            with count_statements() as statements:
                browser.get(address)
            assert len(statements) <= 12, (address, statements)
            assert len([each for each in statements if "feedback_remark" in each]) == 1, address


def test_an_autosave_says_that_the_remark_is_not_saved_yet(world: World, client: ClientFor, item: Item) -> None:
    address = f"/attempts/{world.cfacc15.id}/evidence/{item[0].id}/assessment"
    data: dict[str, Any] = {"changed": "remark_text", "remark_text": WHICH_DAY}
    reply = client(world.bob).post(address, data=data, headers={"Accept": "application/json"}).get_json()
    assert "remark_text" in reply["refused"]


class TestOwnData:
    def test_the_candidates_data_have_released_remarks_alone_and_without_names(
        self, world: World, item: Item
    ) -> None:
        remark = write(world, item, "SAID-OF-IT by Bob Archer")
        assert "SAID-OF-IT" not in repr(read_portfolio(world.alice, {}))
        finish(world, item)
        answer(world, remark, "ANSWERED-SO")
        units = read_portfolio(world.alice, {})["units"]
        (exported,) = [each for unit in units for one in unit["assessments"] for each in one["remarks"]]
        assert exported["text"] == "SAID-OF-IT by your assessor"
        assert [each["text"] for each in exported["answers"]] == ["ANSWERED-SO"]
        assert (exported["paragraph"], exported["by"]) == (2, "your assessor")

    def test_an_assessors_data_have_their_own_remarks_without_the_candidate(self, world: World, item: Item) -> None:
        write(world, item, "Well done, Alice Moran.")
        assert [each["text"] for each in read_work(world.bob)["remarks"]] == ["Well done, the candidate."]
        assert read_work(world.carol)["remarks"] == []

    def test_an_assessors_data_have_the_remarks_that_they_settled_for_another(self, world: World, item: Item) -> None:
        remark = write(world, item, "Well done, Alice Moran.")
        finish(world, item)
        gwen = reallocate(world)
        with transaction():
            remarks.settle_remark(world.cfacc15, remark, factories.make_actor(gwen))
        (settled,) = read_work(gwen)["remarks_settled"]
        assert (settled["unit"], settled["paragraph"]) == (world.cfacc15.unit.code, 2)
        assert settled["settled_at"]
        assert read_work(gwen)["remarks"] == read_work(world.bob)["remarks_settled"] == []

    def test_the_statements_of_the_candidates_data_do_not_grow_with_remarks(
        self, world: World, count_statements: Count
    ) -> None:
        counts = []
        for number in range(2):
            with transaction():
                evidence = factories.make_evidence(world.cfacc15, f"Item {number}", narrative=ACCOUNT)
                (claim,) = factories.claim(world.cfacc15, evidence, str(number + 2))
                another = evidence, factories.submit(evidence), claim
            written = [write(world, another, f"Remark {each}") for each in range(3)]
            finish(world, another)
            for each in written:
                answer(world, each)
            with count_statements() as statements:
                read_portfolio(world.alice, {})
            counts.append(len([each for each in statements if "feedback_" in each]))
        assert counts == [2, 2]


def test_a_remark_on_a_moment_of_a_discussion_is_read_and_answered_on_the_page_of_the_record(
    world: World, client: ClientFor
) -> None:
    record = discuss(world.cfacc15, world.bob)
    agree(record)
    version, bob = record.versions[-1], factories.make_actor(world.bob)
    (recording,) = version.attachments
    with transaction():
        claims = assessments.load_claimed_cells(world.cfacc15, version).values()
        outcomes: dict[int, Outcome | None] = {each.claim_id: Outcome.MET for each in claims}
        draft = DraftDecisions(outcomes, {}, workflow.ALL_CHECKS, "", workflow.WARNINGS_REASON)
        assessments.save_draft(world.cfacc15, version, draft, bob)
        place = RemarkPlace(recording.id, second=1)
        remark = remarks.add_remark(world.cfacc15, version, place, "Which limit do you mean here?", bob)
    alice, address = client(world.alice), f"/records/{record.id}"
    assert "Which limit" not in alice.get(address).text
    with transaction():
        assessment = assessments.accept_evidence(world.cfacc15, version, bob)
    workflow.release(assessment.id)
    page = alice.get(address).text
    assert "Which limit do you mean here?" in page
    assert 'data-play="1" data-play-recording="1"' in page
    response = alice.post(f"/remarks/{remark.id}/answer", data={"answer": "That of refunds."})
    assert response.location == f"{address}#remark-{remark.id}"
    assert "That of refunds." in client(world.carol).get(address).text
    assert alice.post(f"/evidence/{record.id}/remarks/read").location == f"{address}#remarks"
