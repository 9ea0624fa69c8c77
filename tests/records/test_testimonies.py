"""Testimonies of witnesses without an account: asked by email, signed with a code, authenticated, and then evidence.

docs/rules.md, Witness testimonies.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests import factories
from tests.accounts.conftest import emails_to, mail_server  # noqa: F401 - fixtures
from tests.factories import World
from tests.privacy.database_dump import dump_database
from tests.records.testimonies import (
    HERE,
    MARGARET,
    NARRATIVE,
    ask,
    authenticate,
    build_sample,
    find_code,
    find_token,
    list_ids,
    sign,
    sign_in_person,
    type_testimony,
)
from tracker import clock
from tracker.assessment.services.assessments import DraftDecisions, save_draft
from tracker.errors import Invalid, Refused
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.matrix.record_standing import find_standing, is_counted
from tracker.models import AccountChange, Claim, Evidence, Person, UnitAttempt, WitnessTestimony
from tracker.portfolio.queries.testimonies import find_state, list_to_authenticate
from tracker.portfolio.record_content import WitnessTestimonyContent, load_as
from tracker.records.services.authenticating import refuse_testimony
from tracker.records.services.testifying import (
    CODE_LIFETIME,
    LinkEnded,
    decline,
    get_open_testimony,
    request_code,
    sign_testimony,
)
from tracker.records.services.testimony_erasure import erase_ended_requests
from tracker.records.services.testimony_reminders import follow_up_requests
from tracker.records.services.testimony_requests import (
    DAY,
    HAND_OVER_LIFETIME,
    LIFETIME,
    MAX_A_DAY,
    MAX_OPEN,
    AskedTestimony,
    ask_witness,
    hand_over,
    withdraw_request,
)
from tracker.registrations.separation_of_duties import check_may_verify
from tracker.vocabulary import (
    AccountChangeKind,
    AttemptState,
    Method,
    RecordKind,
    RecordStanding,
    Role,
    WitnessTestimonyState,
)
from tracker.web.formatting import day

Inbox = Callable[[Any], list[str]]


@pytest.fixture
def inbox(emails_to: Inbox) -> Inbox:  # noqa: F811 - the fixture
    return emails_to


def set_address(testimony_id: int, address: str) -> None:
    """Change the address of a request in the database, without an event."""
    with transaction():
        db.session.execute(update(WitnessTestimony).where(WitnessTestimony.id == testimony_id).values(email=address))
    db.session.expire_all()


def reload(testimony: WitnessTestimony) -> WitnessTestimony:
    db.session.rollback()
    return db.session.get_one(WitnessTestimony, testimony.id)


class TestAsking:
    def test_the_candidate_asks_a_witness_who_gets_a_link(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        assert find_state(testimony) is WitnessTestimonyState.ASKED
        (email,) = inbox(MARGARET)
        assert "Please confirm what you saw Alice Moran do" in email
        assert "CFACC15" in email
        assert get_open_testimony(find_token(inbox), HERE).id == testimony.id

    def test_only_the_hash_of_the_link_is_stored(self, world: World, inbox: Inbox) -> None:
        ask(world.cfacc15, world.bob)
        assert find_token(inbox) not in dump_database()

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"email": "ALICE@example.org"}, "candidate’s own address"),
            ({"email": "alice+mother@example.org"}, "candidate’s own address"),
            ({"email": "alice.old@example.org"}, "candidate’s own address"),
            ({"email": "bob@example.org"}, "your own address"),
            ({"witness_name": "?"}, "Enter the witness’s name"),
            ({"title": " "}, "Enter what the witness is to confirm"),
            ({"place": "x" * 201}, "at most 200"),
            ({"criterion_ids": []}, "Choose the criteria"),
            ({"criterion_ids": [999_999]}, "Choose the criteria"),
            ({"happened_on": clock.today() + timedelta(days=9)}, "cannot be in the future"),
        ],
    )
    def test_what_cannot_be_asked_is_refused(
        self, world: World, inbox: Inbox, fields: dict[str, Any], sentence: str
    ) -> None:
        for person, address in ((world.alice, "alice@example.org"), (world.bob, "bob@example.org")):
            with transaction():
                db.session.get_one(Person, person.id).email = address
                factories.leave_unsealed()
        with transaction():
            db.session.add(change_of_address(world.alice, "alice.old@example.org", "alice@example.org"))
        with pytest.raises(Invalid, match=sentence):
            ask(world.cfacc15, world.bob, **fields)
        assert inbox(MARGARET) == []

    def test_criteria_of_another_unit_are_refused(self, world: World, inbox: Inbox) -> None:
        with pytest.raises(Invalid, match="Choose the criteria"):
            ask(world.cfacc15, world.bob, criterion_ids=list_ids(world.inscc004, "1"))
        assert inbox(MARGARET) == []

    def test_nobody_is_asked_where_no_emails_are_sent(self, world: World) -> None:
        with pytest.raises(Refused, match="sends no emails"):
            ask(world.cfacc15, world.bob)

    @pytest.mark.usefixtures("inbox")
    def test_the_requests_that_wait_are_limited(self, world: World) -> None:
        for number in range(MAX_OPEN):
            asker = world.bob if number % 2 else world.alice
            ask(world.cfacc15, asker, email=f"witness.{number}@corvell.example")
        with pytest.raises(Refused, match="wait for a witness, which is the maximum"):
            ask(world.cfacc15, world.bob)

    def test_one_address_is_asked_three_times_a_day_also_after_a_withdrawal(self, world: World, inbox: Inbox) -> None:
        for address in (MARGARET, MARGARET, "m.ellis+refunds@corvell.example"):
            asked = ask(world.cfacc15, world.alice, email=address)
            with transaction():
                withdraw_request(asked, factories.make_actor(world.alice))
        before = len(inbox(MARGARET))
        with pytest.raises(Refused, match="to this address in 24 hours"):
            ask(world.cfacc15, world.alice)
        assert len(inbox(MARGARET)) == before
        ask(world.cfacc15, world.bob)
        with clock.frozen_at(clock.now() + DAY):
            ask(world.cfacc15, world.alice)

    def test_somebody_asks_twenty_times_a_day_over_all_units(self, world: World, inbox: Inbox) -> None:
        units = {world.cfacc15: "5", world.inscc004: "1"}
        for number in range(MAX_A_DAY):
            attempt, label = list(units.items())[number % 2]
            asked = AskedTestimony(
                "Margaret Ellis",
                f"w{number}@corvell.example",
                "Refund",
                clock.today(),
                "Leeds",
                list_ids(attempt, label),
            )
            with transaction():
                if number % 3:
                    ask_witness(attempt, asked, factories.make_actor(world.bob))
                else:
                    hand_over(attempt, asked, factories.make_actor(world.bob))
        with pytest.raises(Refused, match="20 testimonies in 24 hours"):
            ask(world.cfacc15, world.bob)
        assert inbox(MARGARET) == []

    @pytest.mark.usefixtures("inbox")
    @pytest.mark.parametrize("state", [AttemptState.ASSESSED, AttemptState.VOID])
    def test_nobody_is_asked_about_a_unit_that_is_not_in_progress(self, world: World, state: AttemptState) -> None:
        set_state(world.cfacc15, state)
        with pytest.raises(Refused, match="not in progress"):
            ask(world.cfacc15, world.bob)


def change_of_address(person: Person, old: str, new: str) -> AccountChange:
    moment = clock.now()
    return AccountChange(
        person_id=person.id,
        kind=AccountChangeKind.EMAIL,
        old_email=old,
        new_email=new,
        requested_at=moment,
        takes_effect_at=moment,
        applied_at=moment,
    )


def set_state(attempt: UnitAttempt, state: AttemptState) -> None:
    with transaction():
        db.session.get_one(UnitAttempt, attempt.id).state = state
        factories.leave_unsealed()


class TestTheLink:
    def test_a_link_that_never_existed_says_so(self, world: World) -> None:
        assert world
        with pytest.raises(LinkEnded, match="does not exist"):
            get_open_testimony("guess", HERE)

    def test_links_that_do_not_exist_are_limited(self, world: World) -> None:
        assert world
        for number in range(20):
            with pytest.raises(LinkEnded, match="does not exist"):
                get_open_testimony(f"guess {number}", HERE)
        with pytest.raises(LinkEnded, match="Too many links"):
            get_open_testimony("another guess", HERE)

    def test_it_expires_after_30_days(self, world: World, inbox: Inbox) -> None:
        ask(world.cfacc15, world.bob)
        token = find_token(inbox)
        with clock.frozen_at(clock.now() + LIFETIME), pytest.raises(LinkEnded, match="has expired"):
            get_open_testimony(token, HERE)

    def test_it_ends_when_the_request_is_withdrawn_and_the_witness_is_told(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.bob)
        token = find_token(inbox)
        with transaction():
            withdraw_request(testimony, factories.make_actor(world.bob))
        with pytest.raises(LinkEnded, match="was withdrawn"):
            get_open_testimony(token, HERE)
        assert "is no longer needed" in inbox(MARGARET)[-1]

    def test_nobody_is_told_of_a_withdrawal_who_was_not_sent_a_link(self, world: World, inbox: Inbox) -> None:
        asked = AskedTestimony(
            "Margaret Ellis", MARGARET, "Refund", clock.today(), "Leeds", list_ids(world.cfacc15, "5")
        )
        with transaction():
            hand_over(world.cfacc15, asked, factories.make_actor(world.alice))
        in_person = db.session.scalars(select(WitnessTestimony)).one()
        old = ask(world.cfacc15, world.bob)
        assert len(inbox(MARGARET)) == 1
        with clock.frozen_at(clock.now() + timedelta(days=61)):
            erase_ended_requests()
            for each in (in_person, old):
                with transaction():
                    withdraw_request(reload(each), factories.make_actor(world.bob))
        assert len(inbox(MARGARET)) == 1
        assert inbox("Erased") == []

    def test_a_signed_testimony_is_not_withdrawn(self, world: World, inbox: Inbox) -> None:
        testimony = sign(ask(world.cfacc15, world.bob), inbox)
        with pytest.raises(Refused, match="answered already"), transaction():
            withdraw_request(testimony, factories.make_actor(world.bob))

    def test_it_ends_while_the_unit_is_signed_off_and_works_again_after(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.bob)
        token = find_token(inbox)
        with transaction():
            request_code(token, type_testimony(testimony), HERE)
        set_state(world.cfacc15, AttemptState.ASSESSED)
        typed = type_testimony(testimony, code=find_code(inbox))
        with pytest.raises(LinkEnded, match="was signed off"), transaction():
            sign_testimony(token, typed, HERE)
        set_state(world.cfacc15, AttemptState.IN_PROGRESS)
        with transaction():
            sign_testimony(token, typed, HERE)

    def test_a_witness_who_cannot_confirm_it_says_so_and_the_asker_is_told(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        token = find_token(inbox)
        with transaction():
            decline(token, "I was on leave.", HERE)
        assert find_state(reload(testimony)) is WitnessTestimonyState.DECLINED
        assert "was declined by the witness" in inbox(world.alice)[-1]
        with pytest.raises(LinkEnded, match="cannot confirm this"):
            get_open_testimony(token, HERE)


class TestSilence:
    def test_the_witness_is_reminded_once_and_then_the_asker_is_told(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        first, start = find_token(inbox), clock.now()
        for days in (9, 11, 12, 16, 19, 20, 31):
            with clock.frozen_at(start + timedelta(days=days)):
                follow_up_requests()
        assert [each.partition("\n")[0] for each in inbox(MARGARET)] == [
            "Please confirm what you saw Alice Moran do",
            "Reminder: please confirm what you saw Alice Moran do",
        ]
        assert len(inbox(world.alice)) == 1
        assert "Margaret Ellis has not answered" in inbox(world.alice)[0]
        with pytest.raises(LinkEnded, match="a newer one replaced it"):
            get_open_testimony(first, HERE)
        assert get_open_testimony(find_token(inbox), HERE).id == testimony.id

    def test_the_reminder_says_until_when_its_link_works(self, world: World, inbox: Inbox) -> None:
        asked = ask(world.cfacc15, world.alice)
        with clock.frozen_at(clock.now() + timedelta(days=11)):
            follow_up_requests()
        reminder = inbox(MARGARET)[-1]
        assert f"The link works until {day(asked.expires_at)} and replaces the one before." in reminder

    def test_the_asker_is_told_when_the_link_has_expired(self, world: World, inbox: Inbox) -> None:
        ask(world.cfacc15, world.alice)
        with clock.frozen_at(clock.now() + LIFETIME):
            follow_up_requests()
        assert len(inbox(MARGARET)) == 1
        assert "has not answered" in inbox(world.alice)[0]

    def test_nobody_is_reminded_who_answered_or_need_not(self, world: World, inbox: Inbox) -> None:
        sign(ask(world.cfacc15, world.alice), inbox)
        withdrawn = ask(world.cfacc15, world.alice)
        with transaction():
            withdraw_request(withdrawn, factories.make_actor(world.alice))
        ask(world.inscc004, world.alice, criterion_ids=list_ids(world.inscc004, "1"))
        set_state(world.inscc004, AttemptState.ASSESSED)
        before = len(inbox(MARGARET))
        with clock.frozen_at(clock.now() + timedelta(days=12)):
            follow_up_requests()
        assert len(inbox(MARGARET)) == before


class TestRequestsThatEnded:
    def test_what_was_typed_about_a_witness_who_did_not_sign_is_erased_after_30_days(
        self, world: World, inbox: Inbox
    ) -> None:
        expired, withdrawn = ask(world.cfacc15, world.alice), ask(world.cfacc15, world.alice)
        signed = sign(ask(world.cfacc15, world.alice), inbox)
        with transaction():
            withdraw_request(withdrawn, factories.make_actor(world.alice))
        for days, names in (
            (29, ["Margaret Ellis", "Margaret Ellis"]),
            (31, ["Margaret Ellis", "Erased"]),
            (61, ["Erased", "Erased"]),
        ):
            with clock.frozen_at(clock.now() + timedelta(days=days)):
                erase_ended_requests()
            assert [reload(each).witness_name for each in (expired, withdrawn)] == names
        assert reload(signed).witness_name == "Margaret Ellis"


class TestSigning:
    def test_the_witness_signs_with_a_code_and_gets_a_copy(self, world: World, inbox: Inbox) -> None:
        testimony = reload(sign(ask(world.cfacc15, world.alice), inbox))
        assert find_state(testimony) is WitnessTestimonyState.SIGNED
        content = load_as(WitnessTestimonyContent, RecordKind.WITNESS_TESTIMONY, testimony.content)
        assert content
        assert (content.witness, content.contact, content.address_confirmed) == ("Margaret Ellis", MARGARET, True)
        assert [each.label for each in content.criteria] == ["5"]
        assert testimony.narrative == NARRATIVE
        assert NARRATIVE in inbox(MARGARET)[-1]
        assert "has signed a testimony for Alice Moran" in inbox(world.bob)[-1]
        assert "has signed a testimony for Alice Moran" in inbox(world.alice)[-1]

    def test_nothing_is_stored_before_the_signature(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        with transaction():
            request_code(find_token(inbox), type_testimony(testimony, narrative="MOUNTAIN"), HERE)
        dump = dump_database()
        assert "MOUNTAIN" not in dump
        assert find_code(inbox) not in dump

    def test_it_cannot_be_signed_twice(self, world: World, inbox: Inbox) -> None:
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        with pytest.raises(LinkEnded, match="You have signed") as refusal, transaction():
            sign_testimony(find_token(inbox), type_testimony(testimony, code="123456"), HERE)
        assert refusal.value.ended

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"name": ""}, "full name"),
            ({"job": ""}, "your job"),
            ({"relationship": ""}, "how you know"),
            ({"status": None}, "what describes you"),
            ({"is_unrelated": False}, "relative or partner"),
            ({"narrative": " "}, "Write what"),
            ({"criterion_ids": []}, "Tick what you saw"),
            ({"criterion_ids": [999_999]}, "Tick what you saw"),
        ],
    )
    def test_no_code_is_sent_before_it_is_complete(
        self, world: World, inbox: Inbox, fields: dict[str, Any], sentence: str
    ) -> None:
        testimony = ask(world.cfacc15, world.alice)
        with pytest.raises(Invalid, match=sentence):
            request_code(find_token(inbox), type_testimony(testimony, **fields), HERE)
        assert len(inbox(MARGARET)) == 1

    def test_the_name_must_be_typed_again(self, world: World, inbox: Inbox) -> None:
        with pytest.raises(Invalid, match="as you entered it"):
            sign(ask(world.cfacc15, world.alice), inbox, signed_name="M. Ellis")

    def test_a_wrong_code_is_refused_and_after_five_the_right_one_waits(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        token = find_token(inbox)
        with transaction():
            request_code(token, type_testimony(testimony), HERE)
        right = find_code(inbox)
        wrong = "000000" if right != "000000" else "111111"
        for _ in range(5):
            with pytest.raises(Invalid, match="wrong or has expired"), transaction():
                sign_testimony(token, type_testimony(testimony, code=wrong), HERE)
        with pytest.raises(Invalid, match="too many wrong codes"), transaction():
            sign_testimony(token, type_testimony(testimony, code=right), "198.51.100.7")

    def test_a_code_counts_for_the_address_only_to_which_it_was_sent(self, world: World, inbox: Inbox) -> None:
        """Somebody who changes the address in the database for a minute cannot sign under the witness's."""
        testimony = ask(world.cfacc15, world.alice)
        token, testimony_id = find_token(inbox), testimony.id
        set_address(testimony_id, "mallory@example.org")
        with transaction():
            request_code(token, type_testimony(testimony), HERE)
        typed = type_testimony(testimony, code=find_code(inbox, "mallory@example.org"))
        set_address(testimony_id, MARGARET)
        with pytest.raises(Invalid, match="wrong or has expired"), transaction():
            sign_testimony(token, typed, HERE)

    def test_a_code_expires(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        token = find_token(inbox)
        with transaction():
            request_code(token, type_testimony(testimony), HERE)
        typed = type_testimony(testimony, code=find_code(inbox))
        later = clock.now() + CODE_LIFETIME + timedelta(seconds=1)
        with clock.frozen_at(later), pytest.raises(Invalid, match="has expired"), transaction():
            sign_testimony(token, typed, HERE)

    def test_codes_are_limited(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        token = find_token(inbox)
        for _ in range(3):
            with transaction():
                request_code(token, type_testimony(testimony), HERE)
        with pytest.raises(Invalid, match="too often"):
            request_code(token, type_testimony(testimony), HERE)

    def test_an_address_that_became_the_candidates_is_refused(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        with transaction():
            db.session.get_one(Person, world.alice.id).email = MARGARET
            factories.leave_unsealed()
        with pytest.raises(Invalid, match="own, so it cannot be a witness"):
            request_code(find_token(inbox), type_testimony(testimony), HERE)


class TestInPerson:
    """On a device handed over: signed in person, address not confirmed; also where no emails are sent."""

    @pytest.mark.parametrize("contact", ["", "M.Ellis@corvell.example"])
    def test_the_witness_signs_without_a_code_and_it_says_so(self, world: World, contact: str) -> None:
        testimony = reload(sign_in_person(world.cfacc15, world.alice, contact=contact))
        content = load_as(WitnessTestimonyContent, RecordKind.WITNESS_TESTIMONY, testimony.content)
        assert content
        assert (content.contact, content.address_confirmed) == (contact.lower(), False)
        assert find_state(testimony) is WitnessTestimonyState.SIGNED
        assert db.session.scalar(select(func.count(Evidence.id))) == 0
        version = authenticate(testimony, world.bob)
        assert is_counted(version)

    def test_the_address_given_gets_a_notice_without_what_was_typed(self, world: World, inbox: Inbox) -> None:
        testimony = sign_in_person(world.cfacc15, world.alice, contact=MARGARET)
        authenticate(testimony, world.bob)
        (email,) = inbox(MARGARET)
        assert "A testimony for Alice Moran names your address" in email
        assert [word for word in (NARRATIVE, "Late refund", "Margaret") if word in email] == []

    def test_an_address_gets_three_notices_a_day(self, world: World, inbox: Inbox) -> None:
        for _ in range(4):
            sign_in_person(world.cfacc15, world.alice, contact=MARGARET)
        assert len(inbox(MARGARET)) == 3

    def test_who_handed_over_the_device_refuses_it_or_leaves_it_to_another_assessor(self, world: World) -> None:
        first, second = (sign_in_person(world.cfacc15, world.bob) for _ in range(2))
        with pytest.raises(Refused, match="You handed over the device"):
            authenticate(first, world.bob)
        with transaction():
            asif = factories.make_person("Asif Khan", world.northgate, Role.ASSESSOR)
        assert is_counted(authenticate(first, asif))
        with transaction():
            refuse_testimony(second, world.cfacc15, "She was not there.", factories.make_actor(world.bob))
        assert find_state(reload(second)) is WitnessTestimonyState.REFUSED

    def test_an_address_of_the_assessor_makes_nobody_the_witness_and_can_be_refused(self, world: World) -> None:
        testimony = sign_in_person(world.cfacc15, world.alice, contact=world.bob.email)
        assert reload(testimony).witness_id is None
        with pytest.raises(Refused, match="You gave this testimony"):
            authenticate(testimony, world.bob)
        with transaction():
            refuse_testimony(testimony, world.cfacc15, "I was not there.", factories.make_actor(world.bob))
        assert find_state(reload(testimony)) is WitnessTestimonyState.REFUSED

    def test_the_candidates_address_is_refused(self, world: World) -> None:
        with pytest.raises(Invalid, match="own, so it cannot be a witness"):
            sign_in_person(world.cfacc15, world.alice, contact=world.alice.email)

    def test_the_askers_address_is_refused(self, world: World) -> None:
        with pytest.raises(Invalid, match="Bob Archer’s own, so it cannot be a witness"):
            sign_in_person(world.cfacc15, world.bob, contact=world.bob.email)

    def test_the_witness_has_an_hour(self, world: World) -> None:
        asked = AskedTestimony("Margaret Ellis", "", "Refund", clock.today(), "Leeds", list_ids(world.cfacc15, "5"))
        with transaction():
            token = hand_over(world.cfacc15, asked, factories.make_actor(world.alice))
        with clock.frozen_at(clock.now() + HAND_OVER_LIFETIME), pytest.raises(LinkEnded, match="has expired"):
            get_open_testimony(token, HERE)

    def test_a_link_sent_by_email_needs_the_code(self, world: World, inbox: Inbox) -> None:
        testimony = ask(world.cfacc15, world.alice)
        with pytest.raises(Invalid, match="code is wrong"), transaction():
            sign_testimony(find_token(inbox), type_testimony(testimony, contact=MARGARET), HERE)

    def test_an_email_request_needs_an_address(self, world: World, inbox: Inbox) -> None:
        with pytest.raises(Invalid, match="or hand over this device"):
            ask(world.cfacc15, world.alice, email=" ")
        assert inbox(MARGARET) == []


class TestAuthentication:
    def test_a_testimony_is_no_evidence_before_the_assessor_authenticates_it(
        self, world: World, inbox: Inbox
    ) -> None:
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        assert db.session.scalar(select(func.count(Evidence.id))) == 0
        assert [each.testimony_id for each in list_to_authenticate(world.bob.id)] == [testimony.id]
        assert list_to_authenticate(world.grace.id) == []

    def test_once_authenticated_it_is_evidence_that_counts(self, world: World, inbox: Inbox) -> None:
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        version = authenticate(testimony, world.bob)
        db.session.rollback()
        version = db.session.merge(version)
        assert (version.method, version.narrative) == (Method.WITNESS_TESTIMONY, NARRATIVE)
        assert version.content == reload(testimony).content
        assert find_standing(version) is RecordStanding.AUTHENTICATED
        assert is_counted(version)
        claims = db.session.scalars(select(Claim)).all()
        assert [(each.attempt_id, each.criterion.label) for each in claims] == [(world.cfacc15.id, "5")]
        assert list_to_authenticate(world.bob.id) == []
        assert "is evidence now" in inbox(MARGARET)[-1]
        assert "The testimony of Margaret Ellis is evidence in CFACC15" in inbox(world.alice)[-1]
        with transaction():
            save_draft(world.cfacc15, version, DraftDecisions({}, {}, {}), factories.make_actor(world.bob))

    def test_it_is_authenticated_once(self, world: World, inbox: Inbox) -> None:
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        authenticate(testimony, world.bob)
        with pytest.raises(Refused, match="answered already"):
            authenticate(reload(testimony), world.bob)

    def test_what_is_not_signed_is_not_authenticated(self, world: World, inbox: Inbox) -> None:
        with pytest.raises(Refused, match="not signed"):
            authenticate(ask(world.cfacc15, world.alice), world.bob)
        assert inbox(world.alice) == []

    def test_an_assessor_refuses_it_with_a_reason_that_the_asker_reads(self, world: World, inbox: Inbox) -> None:
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        with pytest.raises(Invalid, match="Enter the reason"), transaction():
            refuse_testimony(testimony, world.cfacc15, " ", factories.make_actor(world.bob))
        with transaction():
            refuse_testimony(
                testimony, world.cfacc15, "Nobody of that name works there.", factories.make_actor(world.bob)
            )
        assert find_state(reload(testimony)) is WitnessTestimonyState.REFUSED
        assert "was refused by the assessor" in inbox(world.alice)[-1]
        assert db.session.scalar(select(func.count(Evidence.id))) == 0

    def test_the_witness_does_not_authenticate_it(self, world: World, inbox: Inbox) -> None:
        testimony = sign_as_assessor(world, inbox)
        with pytest.raises(Refused, match="You gave this testimony"):
            authenticate(testimony, world.bob)

    def test_the_witness_does_not_assess_it(self, world: World, inbox: Inbox) -> None:
        testimony = sign_as_assessor(world, inbox)
        with transaction():
            second = factories.make_person("Asif Khan", world.northgate, Role.ASSESSOR)
        version = authenticate(testimony, second)
        with pytest.raises(Refused, match="as a witness"), transaction():
            save_draft(world.cfacc15, version, DraftDecisions({}, {}, {}), factories.make_actor(world.bob))

    def test_a_tag_in_the_address_makes_the_assessor_no_other_witness(self, world: World, inbox: Inbox) -> None:
        testimony = sign_as_assessor(world, inbox, account="m.ellis+work@corvell.example")
        assert reload(testimony).witness_id == world.bob.id
        with pytest.raises(Refused, match="You gave this testimony"):
            authenticate(testimony, world.bob)
        with transaction():
            second = factories.make_person("Asif Khan", world.northgate, Role.ASSESSOR)
        version = authenticate(testimony, second)
        with pytest.raises(Refused, match="as a witness"), transaction():
            save_draft(world.cfacc15, version, DraftDecisions({}, {}, {}), factories.make_actor(world.bob))

    def test_the_witness_does_not_verify_the_unit(self, world: World, inbox: Inbox) -> None:
        testimony = sign_as_assessor(world, inbox, witness=world.carol)
        check_may_verify(world.carol.id, world.cfacc15)
        authenticate(testimony, world.bob)
        with pytest.raises(Refused, match="or was a witness in it, cannot verify it"):
            check_may_verify(world.carol.id, world.cfacc15)

    def test_the_testimony_of_a_verifier_of_the_unit_is_no_evidence_in_it(self, world: World, inbox: Inbox) -> None:
        testimony = sign_as_assessor(world, inbox, witness=world.carol)
        with transaction():
            db.session.add(build_sample(world))
        with pytest.raises(Refused, match="The witness has verified this unit"):
            authenticate(testimony, world.bob)

    def test_a_unit_signed_off_meanwhile_gets_no_testimony(self, world: World, inbox: Inbox) -> None:
        testimony = sign(ask(world.cfacc15, world.alice), inbox)
        set_state(world.cfacc15, AttemptState.ASSESSED)
        with pytest.raises(Refused, match="cannot be assessed"):
            authenticate(reload(testimony), world.bob)


def sign_as_assessor(
    world: World, inbox: Inbox, *, account: str = MARGARET, witness: Person | None = None
) -> WitnessTestimony:
    """Sign a testimony at the address of Bob, who is the assessor of the unit, or of another person."""
    testimony = ask(world.cfacc15, world.alice)
    with transaction():
        db.session.get_one(Person, (witness or world.bob).id).email = account
        factories.leave_unsealed()
    return sign(testimony, inbox)
