"""Pages of an observation: written with and without scripts, finished, read, answered and decided."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests import factories
from tests.factories import World
from tests.records.hidden_fields import read_fields
from tests.records.observations import agree, begin, decide, object_to, observe
from tests.records.test_readers import write_again
from tracker import clock
from tracker.accounts.services.names import change_name
from tracker.assessment.services.assessments import check_page_is_current
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Evidence, Person
from tracker.records.services.drafts import read_content, read_observation
from tracker.vocabulary import AttemptState, CriterionKind, Outcome

Browser = Callable[[Person], FlaskClient]


def reload_record(record_id: int) -> Evidence:
    db.session.rollback()
    return db.session.get_one(Evidence, record_id)


def test_an_assessor_begins_an_observation_on_the_page_of_a_unit(world: World, client: Browser) -> None:
    bob = client(world.bob)
    assert "Write an observation" in bob.get(f"/attempts/{world.cfacc15.id}").text
    answer = bob.post(f"/attempts/{world.cfacc15.id}/records/observation", data={"idempotency_key": "one"})
    again = bob.post(f"/attempts/{world.cfacc15.id}/records/observation", data={"idempotency_key": "one"})
    assert answer.location == again.location
    page = bob.get(answer.location).text
    assert "Observation of Alice Moran" in page
    assert "0</span> of 24 stamped" in page
    assert page.index("CFACC15 criteria") < page.index("INSCC004 criteria")


@pytest.mark.parametrize(
    ("path", "noun"), [("observation", "observation"), ("discussion", "discussion"), ("questions", "record")]
)
def test_an_author_whose_units_are_signed_off_reads_that_they_cannot_finish(
    world: World, client: Browser, path: str, noun: str
) -> None:
    bob = client(world.bob)
    address = bob.post(f"/attempts/{world.cfacc15.id}/records/{path}", data={"idempotency_key": "one"}).location
    sentence = f"You can read this {noun}, and not change or finish it."
    assert sentence not in bob.get(address).text
    with transaction():
        for attempt in (world.cfacc15, world.inscc004):
            attempt.state, attempt.assessed_at = AttemptState.ASSESSED, clock.now()
        factories.leave_unsealed()
    assert sentence in bob.get(address).text


def test_stamping_without_a_script_keeps_what_was_typed(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob, narrative="")
    bob, address = client(world.bob), f"/records/{record.id}/edit"
    criterion = factories.criterion(world.cfacc15, "5")
    fields = read_fields(bob.get(address).text)
    answer = bob.post(
        address,
        data={
            **fields,
            "narrative": "She took the call.",
            "place": "York",
            "happened_from": "2026-10-05",
            "act": f"stamp-{world.cfacc15.id}-{criterion.id}",
        },
    )
    assert answer.location.endswith(f"#stamp-{world.cfacc15.id}-{criterion.id}")
    saved = reload_record(record.id)
    assert re.fullmatch(r"She took the call\. \[\d\d:\d\d 5\] ", saved.narrative)
    assert read_content(saved).place == "York"
    assert "1</span> of 24 stamped" in bob.get(address).text


def test_what_is_typed_is_saved_as_it_is_typed(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    bob = client(world.bob)
    answer = bob.post(
        f"/records/{record.id}/draft",
        data={
            "version": record.version,
            "changed": ["narrative", "question-0", "outcome-0"],
            "narrative": "She said why.",
            "question-0": "Why £50?",
            "outcome-0": "met",
        },
    )
    assert answer.json
    assert answer.json["refused"] == {}
    saved = reload_record(record.id)
    assert saved.narrative == "She said why."
    question = read_observation(saved).questions[0]
    assert (question.question, question.outcome) == ("Why £50?", Outcome.MET)
    assert str(saved.version) == str(answer.json["fields"]["version"])


def test_a_save_over_a_later_one_is_refused_and_kept_on_the_page(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    answer = client(world.bob).post(
        f"/records/{record.id}/edit", data={"version": str(record.version - 1), "narrative": "Another text."}
    )
    assert answer.status_code == 422
    assert "Another text." in answer.text
    assert reload_record(record.id).narrative != "Another text."


def test_questions_typed_before_a_refused_save_stay_on_the_page(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    answer = client(world.bob).post(
        f"/records/{record.id}/edit",
        data={"version": str(record.version - 1), "question-0": "Why £50?", "answer-0": "It is my limit."},
    )
    assert answer.status_code == 422
    assert "Why £50?" in answer.text
    assert "It is my limit." in answer.text


def test_too_many_questions_are_not_saved_and_stay_on_the_page(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    questions = {f"question-{place}": f"Question no. {place}?" for place in range(51)}
    answer = client(world.bob).post(f"/records/{record.id}/edit", data={"version": str(record.version), **questions})
    assert answer.status_code == 422
    assert "Your changes to the questions were not saved." in answer.text
    assert "Question no. 50?" in answer.text
    assert read_observation(reload_record(record.id)).questions == ()


def test_a_criterion_that_is_too_long_is_named(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    answer = client(world.bob).post(
        f"/records/{record.id}/edit", data={"version": str(record.version), "mark-0": "g" * 201}
    )
    assert "The criterion of a question can have at most 200 characters." in answer.text


def test_a_stamp_with_a_time_that_does_not_exist_is_named_before_finishing(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob, "She took the call. [24:05 5]")
    bob = client(world.bob)
    assert "These stamps have no time of the day: [24:05 5]." in bob.get(f"/records/{record.id}/edit").text
    page = bob.get(f"/records/{record.id}/finish").text
    assert "Before you can finish" in page
    assert "Correct the times of these stamps: [24:05 5]. Use 00:00 to 23:59." in page
    answer = bob.post(f"/records/{record.id}/finish", data={**read_fields(page), "declared": "y"})
    assert answer.status_code == 422


def test_times_and_dates_that_cannot_be_read_are_named_and_the_rest_is_saved(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    answer = client(world.bob).post(
        f"/records/{record.id}/edit",
        data={"version": str(record.version), "starts": "half past", "place": "York", "happened_from": "2026-10-05"},
    )
    assert answer.status_code == 422
    assert "Enter a time such as 10:05." in answer.text
    assert read_content(reload_record(record.id)).place == "York"


def test_an_observation_is_finished_under_the_declaration_and_the_candidate_agrees(
    world: World, client: Browser
) -> None:
    record = begin(world.cfacc15, world.bob)
    bob, alice = client(world.bob), client(world.alice)
    address = f"/records/{record.id}/finish"
    fields = read_fields(bob.get(address).text)
    assert bob.post(address, data=fields).status_code == 422
    assert bob.post(address, data={**fields, "declared": "y"}).location == f"/records/{record.id}"
    assert "Not yet agreed by" in bob.get(f"/records/{record.id}").text

    assert "Agree or object: Bob Archer observed you" in alice.get("/").text
    page = alice.get(f"/records/{record.id}").text
    assert "Leeds, floor 2" in page
    assert "10:09, 10:21" in page
    answer = alice.post(f"/records/{record.id}/acknowledge", data={**read_fields(page), "answer": "agreed"})
    assert answer.status_code == 303
    assert "Agreed by" in alice.get(f"/records/{record.id}").text
    assert "Agree or object" not in alice.get("/").text
    assert "Observation: Leeds, floor 2" in alice.get("/evidence").text
    assert "Observation: Leeds, floor 2" in bob.get("/queue").text
    assess = bob.get(f"/attempts/{world.cfacc15.id}/evidence/{record.id}/assess").text
    assert "Observation by Bob Archer." in assess
    assert "Return to" not in assess


def test_an_objection_is_decided_by_the_internal_verifier_on_the_page(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    alice, carol = client(world.alice), client(world.carol)
    fields = read_fields(alice.get(f"/records/{record.id}").text)
    refused = alice.post(f"/records/{record.id}/acknowledge", data={**fields, "answer": "objected"})
    assert refused.status_code == 422
    assert "Enter the reason." in refused.text
    alice.post(f"/records/{record.id}/acknowledge", data={**fields, "answer": "objected", "reason": "I was away."})
    assert "Alice Moran objects to evidence 1" in carol.get("/verification").text
    page = carol.get(f"/records/{record.id}").text
    assert "I was away." in page
    answer = carol.post(
        f"/records/{record.id}/objection",
        data={**read_fields(page), "answer": "upheld", "reason": "The rota says so."},
    )
    assert answer.status_code == 303
    page = alice.get(f"/records/{record.id}").text
    assert "Objection upheld" in page
    assert "The rota says so." in page
    assert "Objection upheld" in client(world.bob).get("/queue").text


def test_the_page_says_that_an_objection_waits_where_no_verifier_is_allocated(world: World, client: Browser) -> None:
    from tracker.ledger.transactions import transaction
    from tracker.vocabulary import Role

    record = observe(world.cfacc15, world.bob)
    with transaction():
        factories.end_allocation(world.cfacc15, Role.INTERNAL_VERIFIER)
    alice = client(world.alice)
    fields = read_fields(alice.get(f"/records/{record.id}").text)
    answer = alice.post(
        f"/records/{record.id}/acknowledge",
        data={**fields, "answer": "objected", "reason": "I was away."},
        follow_redirects=True,
    )
    assert "Your objection is recorded." in answer.text
    assert "decides it" not in answer.text
    page = client(world.alice).get(f"/records/{record.id}").text
    assert "no internal verifier who may decide it is allocated" in page


def test_only_the_author_sees_a_new_version_until_they_finish_it(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    answer = client(world.bob).post(
        f"/records/{record.id}/edit", data={"version": str(record.version), "place": "York"}, follow_redirects=True
    )
    assert "Only you can see this new version until you finish it." in answer.text


def test_the_candidate_cannot_change_withdraw_or_claim_with_a_record(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    agree(record)
    alice = client(world.alice)
    criterion = factories.criterion(world.cfacc15, "h", CriterionKind.KNOWLEDGE)
    for address in ("edit", "submit", "criteria", ""):
        assert alice.get(f"/evidence/{record.id}/{address}".rstrip("/")).status_code == 404
    for address in ("withdraw", "discard", "draft"):
        assert alice.post(f"/evidence/{record.id}/{address}").status_code == 404
    data = {"evidence": str(record.id), "criterion": str(criterion.id), "on": "1"}
    assert alice.post(f"/attempts/{world.cfacc15.id}/tick", data=data).status_code == 404
    matrix = alice.get(f"/attempts/{world.cfacc15.id}?view=matrix").text
    assert "by Bob Archer" in matrix
    assert f'name="t" value="{record.id}-' not in matrix
    assert "by Bob Archer" in alice.get(f"/attempts/{world.cfacc15.id}").text


def test_a_draft_is_shown_to_nobody_but_its_author(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    for person in (world.alice, world.carol, world.dan, world.eve):
        assert client(person).get(f"/records/{record.id}").status_code == 404
        assert client(person).get(f"/records/{record.id}/edit").status_code == 404
    assert "Observation" not in client(world.alice).get("/evidence").text
    assert "Observation of Alice Moran" in client(world.bob).get("/queue").text


def test_an_unfinished_observation_is_discarded(world: World, client: Browser) -> None:
    record = begin(world.cfacc15, world.bob)
    bob = client(world.bob)
    assert bob.post(f"/records/{record.id}/edit", data={"act": "discard"}).status_code == 303
    assert bob.get(f"/records/{record.id}/edit").status_code == 404
    assert db.session.scalar(select(Evidence.number)) is None


def test_a_typed_reason_is_kept_where_there_is_a_newer_version(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    answer = {"answer": "objected", "reason": "I was at lunch then.", "version": "7"}
    page = client(world.alice).post(f"/records/{record.id}/acknowledge", data=answer)
    assert page.status_code == 422
    assert "I was at lunch then." in page.text
    assert "is not the one that your page showed" in page.text


def test_the_author_decides_at_once_and_accepts_when_the_record_counts(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    bob, address = client(world.bob), f"/attempts/{world.cfacc15.id}/evidence/{record.id}/assess"
    assert f'href="{address}"' in bob.get(f"/records/{record.id}").text
    page = bob.get(address).text
    assert "Alice has not agreed to this record yet." in page
    assert "if you return the item" not in page
    assert 'value="accept"' not in page
    assert "Add a criterion" not in page
    claims = re.findall(r'name="outcome-(\d+)" value="met"', page) or re.findall(r'name="outcome-(\d+)"', page)
    outcomes = {f"outcome-{claim}": "met" for claim in claims}
    data = {**read_fields(page), **outcomes, "valid": "y", "authentic": "y", "current": "y"}
    assert bob.post(address, data={**data, "act": "save"}).status_code == 303
    assert bob.post(address, data={**data, "act": "accept"}).status_code == 409
    object_to(record)
    page = bob.get(address).text
    assert "Alice objects to this record." in page
    assert "has not agreed" not in page
    decide(record, world.carol, is_upheld=False)
    page = bob.get(address).text
    assert "objects to this record" not in page
    assert bob.post(address, data={**read_fields(page), **outcomes, **data, "act": "accept"}).status_code == 303


def test_each_act_is_shown_under_the_name_of_its_time(world: World, client: Browser) -> None:
    record = observe(world.cfacc15, world.bob)
    object_to(record)
    decide(record, world.carol, is_upheld=False)
    names = ((world.bob, "Robert Archer"), (world.alice, "Alice Novak"), (world.carol, "Carol Hughes-Lee"))
    with clock.frozen_at(clock.now() + timedelta(days=1)), transaction():
        for person, name in names:
            change_name(person, world.northgate, name, factories.make_actor(world.dan))
    page = " ".join(client(world.carol).get(f"/records/{record.id}").text.split())
    assert "Observation of Alice Novak by Bob Archer" in page
    for name in ("Bob Archer", "Alice Moran", "Carol Hughes"):
        assert f"<b>{name}</b>, " in page
    assert "Robert Archer</b>" not in page


def test_who_assesses_reads_who_wrote_the_newer_version(world: World) -> None:
    record = observe(world.cfacc15, world.bob)
    first = record.versions[0]
    write_again(record, "She said why. [10:11 g]")
    newest = reload_record(record.id).versions[-1]
    with pytest.raises(Conflict, match="Bob Archer has submitted version 2 since you opened this page"):
        check_page_is_current([world.cfacc15], newest, first.id)
