"""The demonstration continued by the product's services, so that each table that a check covers has rows.

Chloe's unit was reopened and verified again, Alice's moved to a newer version, Ben was withdrawn and erased.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from tests.accounts.authenticators import code_now
from tests.assessment.second_version import build_second_version
from tests.factories import SECRET
from tests.library.drafts import make_draft
from tracker import clock
from tracker.accounts.recovery_codes import make_codes
from tracker.accounts.services.account_changes import apply_due_changes, cancel_change, request_email_change
from tracker.accounts.services.centres import change_evidence_age_limit, change_form_annex, change_unsampled_reasons
from tracker.accounts.services.names import change_name
from tracker.accounts.services.people import end_grant, find_or_create_person, grant_role
from tracker.accounts.services.two_step_verification import add_app
from tracker.assessment.queries.countersigning import find_countersigner, list_open_in
from tracker.assessment.services import assessments, countersigners, remarks, signing
from tracker.assessment.services.action_points import answer_action_point
from tracker.assessment.services.claims import add_claim, remove_claim
from tracker.assessment.services.countersignature_answers import agree_with_assessment, disagree_with_assessment
from tracker.assessment.services.releasing import CHECKS, release_due_in
from tracker.assessment.services.version_moves import move_to_version
from tracker.demo import scenario as demo
from tracker.demo.discussion import build_fields, make_recording
from tracker.demo.evidence import ALICES_ITEMS, CHLOES_ITEMS
from tracker.extensions import db
from tracker.ledger import checkpoints, keys
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.library.services.guidance import add_guidance, attach_guidance, change_guidance
from tracker.library.services.links import confirm_link, confirm_same_wording
from tracker.library.services.loading import load_unit
from tracker.library.services.publishing import publish_unit
from tracker.library.services.qualifications import publish_qualification, read_qualification_text
from tracker.models import (
    ActionPoint,
    Centre,
    Claim,
    Countersignature,
    CpdEntry,
    Criterion,
    Decision,
    Evidence,
    EvidenceVersion,
    FeedbackRemark,
    Grant,
    InterestDeclaration,
    ListedWitness,
    Person,
    Qualification,
    QuestionSet,
    Registration,
    StaffAward,
    StaffCompetence,
    Unit,
    UnitAttempt,
    Visit,
)
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.queries.question_sets import find_set
from tracker.portfolio.remark_places import RemarkPlace
from tracker.portfolio.services.evidence import save_draft
from tracker.portfolio.services.files import store_file
from tracker.portfolio.services.partial_uploads import add_part, save_part, start_upload
from tracker.portfolio.services.remark_answers import answer_remark
from tracker.portfolio.services.submissions import submit_evidence, withdraw_submission
from tracker.privacy.erasure import erase_portfolio
from tracker.privacy.retention import lift_retention_hold, place_retention_hold, set_rule
from tracker.privacy.staff_erasure import erase_staff_record
from tracker.privacy.witness_erasure import erase_listed_witness
from tracker.records.services.acknowledging import acknowledge_record, decide_objection
from tracker.records.services.answers import list_criteria, save_answers, submit_answers
from tracker.records.services.discussions import save_discussion
from tracker.records.services.drafts import save_observation, start_record
from tracker.records.services.files import attach_to_record
from tracker.records.services.finishing import finish_record
from tracker.records.services.question_sets import build_questions, set_questions, take_questions_back
from tracker.records.services.withdrawing import withdraw_record
from tracker.registrations.allocations import allocate
from tracker.registrations.registration_changes import RegistrationNumbers, change_registration
from tracker.registrations.services import choose_qualification, start_attempt, void_attempt, withdraw_candidate
from tracker.registrations.visits import end_visit
from tracker.staff.members import find_staff_member
from tracker.staff.services import awards, own_entries
from tracker.staff.services.awards import Certificate
from tracker.verification.services.action_points import ask_again, close_action_point
from tracker.verification.services.returning import reopen_verified
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.vocabulary import AcknowledgementAnswer, ListedStatus, Outcome, RecordKind, Role
from tracker.witness_list.services.listing import TypedWitness, list_witness, remove_witness


class FullRecord:
    """The people and the centre of the demonstration, and the acts that are added to it, a minute apart."""

    def __init__(self) -> None:
        self.moment = clock.now()
        self.scenario = demo.Scenario()
        self.reload()

    def reload(self) -> None:
        self.scenario.people = {each.name.split()[0]: each for each in db.session.scalars(select(Person))}
        self.scenario.centre = db.session.scalars(select(Centre)).one()

    @contextmanager
    def act(self, **later: int) -> Iterator[None]:
        """Do one transaction a minute after the one before, or `later`."""
        self.moment += timedelta(**(later or {"minutes": 1}))
        with clock.frozen_at(self.moment), transaction():
            self.reload()
            yield

    def person(self, name: str) -> Person:
        return self.scenario.people[name]

    def actor(self, name: str, role: Role) -> Actor:
        return self.scenario.actor(name, role)

    @property
    def dan(self) -> Actor:
        return self.actor("Dan", Role.ADMINISTRATOR)

    @property
    def centre(self) -> Centre:
        return self.scenario.centre

    def registration(self, name: str) -> Registration:
        return db.session.scalars(select(Registration).where(Registration.candidate_id == self.person(name).id)).one()

    def attempt(self, name: str, code: str) -> UnitAttempt:
        return next(each for each in self.registration(name).attempts if each.unit.code == code)


def make_full_record(app: Flask) -> datetime:
    """Add to the demonstration. Return the moment after the last event, at which the record is to be checked."""
    record = FullRecord()
    app.config["DEMO"] = True  # its emails go to the outbox
    for change in (
        change_accounts,
        change_registrations,
        change_library,
        reopen_and_verify_again,
        write_records,
        ask_in_writing,
        countersign,
        remark_on_evidence,
        work_on,
        erase_ben,
        erase_gwens_staff_record,
        erase_a_listed_witness,
    ):
        change(record)
        db.session.expire_all()
    app.config["DEMO"] = False
    with clock.frozen_at(record.moment + timedelta(minutes=1)):
        checkpoints.write_due(at_once=True)
    return record.moment + timedelta(hours=1)  # by then the worker has copied every checkpoint to the database


def change_accounts(record: FullRecord) -> None:
    with record.act():
        keys.make_key()
    with record.act():
        frank = find_or_create_person("frank@example.org", "Frank Ndiaye", record.dan)
        grant_role(frank, record.centre, Role.ASSESSOR, record.dan)
        end_grant(grant_role(frank, record.centre, Role.INTERNAL_VERIFIER, record.dan), record.dan)
    with record.act():
        change_name(record.person("Gwen"), record.centre, "Gwen Parry-Jones", record.dan)
        cancel_change(
            request_email_change(record.person("Gwen"), record.centre, "g@example.org", record.dan), record.dan
        )
        request_email_change(record.person("Gwen"), record.centre, "gwen.parry@example.org", record.dan)
    with record.act():
        gwen = record.person("Gwen")
        add_app(gwen, SECRET, code_now(SECRET), make_codes(), Actor(gwen.id), session_id=0)
    record.moment += timedelta(hours=25)
    with clock.frozen_at(record.moment):
        apply_due_changes()
    with record.act():
        change_unsampled_reasons(record.centre, ["Not in this month's plan"], record.dan)
        change_evidence_age_limit(record.centre, 30, record.dan)
        change_form_annex(record.centre, record.dan, is_printed=False)


def change_registrations(record: FullRecord) -> None:
    with record.act():
        numbers = RegistrationNumbers("C-1043", "AB104399", clock.today())
        change_registration(record.registration("Alice"), numbers, record.dan, changes_seen=0)
    with record.act():
        other = select(Qualification).where(Qualification.id != record.registration("Alice").qualification_id)
        choose_qualification(record.registration("Alice"), db.session.scalars(other).first(), record.dan)
    with record.act():
        allocate(record.attempt("Alice", "INSCC004"), record.person("Frank"), Role.ASSESSOR, "On leave", record.dan)
        void_attempt(record.attempt("Ben", "CFACC15"), "Entered by mistake.", record.dan)
        end_visit(db.session.scalars(select(Visit)).one(), record.dan)
    with record.act():
        demo.create_visit(record.scenario)
    with record.act():
        unit = db.session.scalars(select(Unit).where(Unit.code == "CFAM&LFD3")).one()
        start_attempt(record.registration("Chloe"), unit, record.dan)  # allocated to nobody


def change_library(record: FullRecord) -> None:
    fields: dict[str, Any] = {
        "title": "Calls in Gaelic", "synopsis": "What to look for.", "key_concepts": [], "tips": ["Listen first."],
        "misconceptions": [], "marking_points": [], "units": [], "source": "",
    }  # fmt: skip
    with record.act():
        page = add_guidance(record.centre.id, fields, record.dan)
        change_guidance(page, fields | {"title": "Calls in Gaelic and Scots"}, record.dan)
        attach_guidance(page, "CFACC15", "It speaks of calls only.", record.centre.id, record.dan)
    with record.act():
        draft = make_draft(record.centre, record.person("Dan"))
        db.session.flush()
        publish_unit(draft, draft.version, range(100), record.dan)
    with record.act():
        first = db.session.scalars(select(Qualification).order_by(Qualification.id)).first()
        assert first
        text = (Path("standards/qualifications") / f"{first.slug}.yaml").read_text(encoding="utf-8")
        document = read_qualification_text(
            text.replace(f"slug: {first.slug}", "slug: our-own").replace("revision: 1", "revision: 7")
        )
        publish_qualification(document, record.centre, record.dan)


def reopen_and_verify_again(record: FullRecord) -> None:
    """Reopen Chloe's unit for one criterion, which is met again by a new version of the same item."""
    title = CHLOES_ITEMS[0].title
    with record.act():
        attempt = record.attempt("Chloe", "CFACC15")
        claim = db.session.scalars(
            select(Claim).join(Evidence).where(Evidence.title == title).order_by(Claim.id)
        ).first()
        assert claim
        reopen_verified(
            attempt, [claim.criterion_id], "The date is missing.", record.actor("Carol", Role.INTERNAL_VERIFIER)
        )
    with record.act():
        item = db.session.scalars(select(Evidence).where(Evidence.title == title)).one()
        save_draft(item, {"response": "The date is in the log."}, None)
        submit_evidence(item, record.actor("Chloe", Role.CANDIDATE))
    with record.act():
        demo.assess_item(record.scenario, "Chloe", CHLOES_ITEMS[0], "CFACC15")
    observe_and_assess(record, "Chloe")
    with record.act(hours=1):
        demo._release_due()
    for step in (demo._sign_off, demo._confirm, demo._sample, demo._verify, demo._issue_form):
        with record.act():
            step(record.scenario)


def observe(record: FullRecord, name: str, narrative: str) -> int:
    """Let Bob finish an observation of a candidate in CFACC15; return its id."""
    bob = record.actor("Bob", Role.ASSESSOR)
    with record.act():
        observation = start_record(record.attempt(name, "CFACC15"), RecordKind.OBSERVATION, bob)
        values = {"narrative": narrative, "place": "Leeds", "starts": "10:00", "ends": "11:00"}
        save_observation(observation, values, None)
        finish_record(observation, bob)
        return observation.id


def discuss(record: FullRecord, name: str) -> int:
    """Let Bob finish a recorded discussion with a candidate in CFACC15; return its id."""
    bob, recording = record.actor("Bob", Role.ASSESSOR), store_file(io.BytesIO(make_recording()), "discussion.wav")
    with record.act():
        discussion = start_record(record.attempt(name, "CFACC15"), RecordKind.PROFESSIONAL_DISCUSSION, bob)
        save_discussion(discussion, build_fields(clock.today(), clock.today() - timedelta(days=7)), None)
        attach_to_record(discussion, recording)
        finish_record(discussion, bob)
        return discussion.id


def answer(record: FullRecord, name: str, observation_id: int, given: AcknowledgementAnswer) -> None:
    with record.act():
        observation = db.session.get_one(Evidence, observation_id)
        actor = record.actor(name, Role.CANDIDATE)
        acknowledge_record(observation, given, "I was at lunch then.", actor, observation.versions[-1].number)


def observe_and_assess(record: FullRecord, name: str) -> None:
    """Let a candidate agree to an observation, and Bob accept it."""
    observation_id = observe(record, name, "She took the call. [10:09 5]")
    answer(record, name, observation_id, AcknowledgementAnswer.AGREED)
    with record.act():
        attempt, bob = record.attempt(name, "CFACC15"), record.actor("Bob", Role.ASSESSOR)
        version = find_version_in(attempt, observation_id)
        assert version
        claims = [cell.claim_id for cell in assessments.load_claimed_cells(attempt, version).values()]
        outcomes = dict.fromkeys(claims, Outcome.MET)
        draft = assessments.DraftDecisions(outcomes, {}, dict.fromkeys(CHECKS, True), "Seen.", "Seen at work by Bob.")
        assessments.save_draft(attempt, version, draft, bob)
        assessments.accept_evidence(attempt, version, bob)


def write_records(record: FullRecord) -> None:
    """Observe Alice three times: Bob withdraws one observation, and Carol decides her objections to the others."""
    withdrawn = observe(record, "Alice", "She wrote a letter. [14:00 6]")
    with record.act():
        observation = db.session.get_one(Evidence, withdrawn)
        withdraw_record(observation, "She has not answered.", record.actor("Bob", Role.ASSESSOR), 1)
    with record.act():
        bob, observation = record.person("Bob"), db.session.get_one(Evidence, withdrawn)
        add_part(start_upload(observation, bob.id, "recording"), 0, save_part(b"the beginning of a recording"))
    answer(record, "Alice", discuss(record, "Alice"), AcknowledgementAnswer.AGREED)
    for is_upheld in (True, False):
        observation_id = observe(record, "Alice", "She called back. [15:00 g]")
        answer(record, "Alice", observation_id, AcknowledgementAnswer.OBJECTED)
        with record.act():
            decide_objection(
                db.session.get_one(Evidence, observation_id),
                is_upheld=is_upheld,
                reason="The rota says so.",
                actor=record.actor("Carol", Role.INTERNAL_VERIFIER),
                seen_version=1,
            )


def ask_in_writing(record: FullRecord) -> None:
    """Set Alice questions twice: she submits answers, which Bob marks and accepts; he takes the second set back."""
    sets = []
    for text, mark in (("Whom do you tell about a fault?", "h"), ("Why is a case number needed?", "g")):
        with record.act():
            attempt = record.attempt("Alice", "CFACC15")
            questions = build_questions((), ((text, mark),), list_criteria(attempt))
            bob = record.actor("Bob", Role.ASSESSOR)
            sets.append(set_questions(attempt, questions, "In your own words.", None, bob).id)
    with record.act():
        save_answers(_find_set(sets[0]), {1: "The duty manager."}, "The handbook", None)
    with record.act():
        submitted = submit_answers(_find_set(sets[0]), record.actor("Alice", Role.CANDIDATE), None)
        evidence_id = submitted.evidence_id
    with record.act():
        attempt, bob = record.attempt("Alice", "CFACC15"), record.actor("Bob", Role.ASSESSOR)
        version = find_version_in(attempt, evidence_id)
        assert version
        claims = db.session.scalars(select(Claim.id).where(Claim.evidence_id == evidence_id))
        draft = assessments.DraftDecisions(
            dict.fromkeys(claims, Outcome.MET), {}, dict.fromkeys(CHECKS, True),
            answer_marks={1: {"outcome": "met", "comment": "Clear."}},
        )  # fmt: skip
        assessments.save_draft(attempt, version, draft, bob)
        assessments.accept_evidence(attempt, version, bob)
    with record.act(minutes=2):
        release_due_in(record.attempt("Alice", "CFACC15"))
    with record.act():
        question_set = _find_set(sets[1])
        take_questions_back(
            question_set, question_set.attempt, "Asked in the meeting.", record.actor("Bob", Role.ASSESSOR)
        )


def _find_set(set_id: int) -> QuestionSet:
    found = find_set(set_id)
    assert found
    return found


def countersign(record: FullRecord) -> None:
    """Let Frank, without an award, decide in INSCC004: Gwen disagrees, then agrees, and ends with another naming."""
    with record.act():
        frank, gwen = record.person("Frank"), record.person("Gwen")
        countersigners.name_countersigner(frank, gwen, record.centre, record.dan)
        for waiting in list_open_in([record.attempt("Finn", "CFACC15").id]):
            agree_with_assessment(waiting, record.actor("Gwen", Role.ASSESSOR))
    for is_agreed in (False, True):
        assess_as_frank(record)
        with record.act():
            waiting = find_waiting(record)
            own = record.actor("Gwen", Role.ASSESSOR)
            if is_agreed:
                agree_with_assessment(waiting, own)
            else:
                disagree_with_assessment(waiting, "The letter is not dated.", own)
    assess_as_frank(record)
    with record.act():
        frank, bob = record.person("Frank"), record.person("Bob")
        countersigners.name_countersigner(frank, bob, record.centre, record.dan)
    with record.act():
        agree_with_assessment(find_waiting(record), record.actor("Bob", Role.ASSESSOR))
    with record.act():
        countersigners.change_countersigning(record.centre, record.dan, is_on=False)
        named = find_countersigner(record.person("Frank").id, record.centre.id)
        assert named
        countersigners.end_countersigner(named, record.centre, record.dan)


def find_franks_version(attempt: UnitAttempt) -> EvidenceVersion:
    """Return the newest version of the first submitted item of a unit."""
    query = select(Claim).where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None)).order_by(Claim.id)
    claim = next(each for each in db.session.scalars(query) if each.evidence.number is not None)
    version = find_version_in(attempt, claim.evidence_id)
    assert version
    return version


def assess_as_frank(record: FullRecord) -> None:
    """Let Frank accept an item in Alice's INSCC004 again, and the time to undo it pass."""
    with record.act():
        attempt, own = record.attempt("Alice", "INSCC004"), record.actor("Frank", Role.ASSESSOR)
        version = find_franks_version(attempt)
        claims = [cell.claim_id for cell in assessments.load_claimed_cells(attempt, version).values()]
        outcomes = dict.fromkeys(claims, Outcome.MET)
        comments = dict.fromkeys(claims, f"Seen at {record.moment:%H:%M}.")
        draft = assessments.DraftDecisions(
            outcomes, comments, dict.fromkeys(CHECKS, True), "Clear.", "I checked the date with the team leader."
        )
        assessments.save_draft(attempt, version, draft, own)
        assessments.accept_evidence(attempt, version, own)
    with record.act():
        demo._release_due()


def remark_on_evidence(record: FullRecord) -> None:
    """Let Frank remark on Alice's item twice and remove one remark; she answers the other, and he settles it."""
    with record.act():
        attempt, own = record.attempt("Alice", "INSCC004"), record.actor("Frank", Role.ASSESSOR)
        newest = find_franks_version(attempt)
        assessments.save_draft(attempt, newest, assessments.DraftDecisions({}, {}, {}), own)
        for text in ("Which letter is this?", "A slip."):
            drafted = remarks.add_remark(attempt, newest, RemarkPlace(paragraph=1), text, own)
        remarks.remove_remark([attempt], newest, drafted.id, own)
    assess_as_frank(record)
    with record.act():
        released = (
            select(FeedbackRemark).where(FeedbackRemark.released_at.is_not(None)).order_by(FeedbackRemark.id.desc())
        )
        remark = db.session.scalars(released).first()
        assert remark
        answer_remark(
            record.attempt("Alice", "INSCC004"),
            remark,
            "The one of 5 October.",
            record.actor("Alice", Role.CANDIDATE),
        )
    with record.act():
        settle = remarks.settle_remark
        settle(record.attempt("Alice", "INSCC004"), remark, record.actor("Frank", Role.ASSESSOR))


def find_waiting(record: FullRecord) -> Countersignature:
    (waiting,) = list_open_in([record.attempt("Alice", "INSCC004").id])
    return waiting


def work_on(record: FullRecord) -> None:
    """Work on Alice's units: claims added and removed, a disagreement and its action points, a newer version."""
    with record.act():
        attempt, bob = record.attempt("Alice", "CFACC15"), record.actor("Bob", Role.ASSESSOR)
        query = select(Claim).where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None)).order_by(Claim.id)
        claims = [each for each in db.session.scalars(query) if each.evidence.number is not None]
        decided = db.session.scalars(
            select(Decision).where(
                Decision.attempt_id == attempt.id, Decision.outcome == Outcome.MET, Decision.superseded_at.is_(None)
            )
        ).all()
        version = find_version_in(attempt, claims[0].evidence_id)
        assert version
        claimed = {each.criterion_id for each in claims if each.evidence_id == claims[0].evidence_id}
        unclaimed = select(Criterion.id).where(
            Criterion.unit_id == attempt.unit_id, Criterion.assessable, Criterion.id.not_in(claimed)
        )
        criterion = db.session.scalars(unclaimed.order_by(Criterion.id)).first()
        assert criterion
        added = add_claim(attempt, version, criterion, "The log shows it.", bob)
        remove_claim(attempt, version.evidence_id, added.id, "Entered twice.", bob)
    with record.act():
        attempt, carol = record.attempt("Alice", "CFACC15"), record.actor("Carol", Role.INTERNAL_VERIFIER)
        due = clock.today() + timedelta(days=300)
        draw_sample(
            attempt,
            [
                SampledDecision(decided[0].id, agrees=False, comment="Name the date.", due_on=due),
                SampledDecision(decided[1].id, agrees=False, comment="Name the place.", due_on=due),
                SampledDecision(decided[2].id, agrees=True),
            ],
            "Three decisions.",
            carol,
        )
    with record.act():
        attempt = record.attempt("Alice", "CFACC15")
        points = [each.id for each in list_open_action_points(attempt)]
        for point in points:
            answer_action_point(attempt, point, "The date is in item 2.", record.actor("Bob", Role.ASSESSOR))
    with record.act():
        attempt, carol = record.attempt("Alice", "CFACC15"), record.actor("Carol", Role.INTERNAL_VERIFIER)
        first, second = list_open_action_points(attempt)
        close_action_point(attempt, first, carol)
        ask_again(attempt, second, "Name it in the item itself.", clock.today() + timedelta(days=300), carol)
    with record.act():
        attempt, bob = record.attempt("Alice", "CFACC15"), record.actor("Bob", Role.ASSESSOR)
        requirements = [each.id for each in attempt.unit.requirements]
        for requirement in requirements[:2]:
            signing.confirm_requirement(attempt, requirement, "Live calls only.", bob)
        signing.withdraw_confirmation(attempt, requirements[0], bob)
    with record.act():
        submitted = next(each.title for each in ALICES_ITEMS if each.outcome == "submitted")
        item = db.session.scalars(select(Evidence).where(Evidence.title == submitted)).one()
        withdraw_submission(item, record.actor("Alice", Role.CANDIDATE))
    with record.act():
        load_unit(build_second_version())
    with record.act():
        attempt = record.attempt("Alice", "CFACC15")
        newer = db.session.scalars(select(Unit).where(Unit.code == "CFACC15", Unit.version == "2")).one()
        confirm_same_wording(attempt.unit, newer, record.centre, record.dan)
        confirm_link(attempt.unit, newer, (2, 2), record.centre, record.dan)
        move_to_version(attempt, newer, "The awarding body certifies version 2.", record.dan)


def list_open_action_points(attempt: UnitAttempt) -> list[ActionPoint]:
    query = select(ActionPoint).where(ActionPoint.attempt_id == attempt.id, ActionPoint.closed_at.is_(None))
    return list(db.session.scalars(query.order_by(ActionPoint.id)))


def erase_ben(record: FullRecord) -> None:
    """Withdraw Ben, and erase his evidence after one month and the rest after another; Chloe is on hold."""
    with record.act():
        lift_retention_hold(
            place_retention_hold(record.registration("Chloe"), "An appeal.", record.dan), "It ended.", record.dan
        )
    with record.act():
        place_retention_hold(record.registration("Chloe"), "Another appeal.", record.dan)
        set_rule(record.centre, "", 1, 2, record.dan)
        withdraw_candidate(record.registration("Ben"), "Moved away.", record.dan)
    with record.act(days=33):
        set_rule(record.centre, "", 1, 2, record.dan)
        erase_portfolio(record.registration("Ben"), is_full=False, actor=record.dan)
    with record.act(days=31):
        role = select(Grant).where(Grant.person_id == record.person("Ben").id)
        end_grant(db.session.scalars(role).one(), record.dan)
        erase_portfolio(record.registration("Ben"), is_full=True, actor=record.dan)


def erase_gwens_staff_record(record: FullRecord) -> None:
    """Remove an entry of each kind from Gwen's staff record, end her roles, and erase it after its retention period."""
    with record.act():
        gwen, own = record.person("Gwen"), record.actor("Gwen", Role.ASSESSOR)
        for award in list_entries(StaffAward, gwen):
            if not award.is_held:
                certificate = Certificate("SQA", "LD11-9", clock.today(), None, is_seen=True)
                awards.confirm_award(award, gwen, certificate, record.dan)
            else:
                awards.remove_award(award, gwen, "The certificate was withdrawn.", record.dan)
        awards.remove_competence(list_entries(StaffCompetence, gwen)[0], gwen, "Out of date.", record.dan)
        own_entries.remove_cpd(list_entries(CpdEntry, gwen)[0], gwen, "Entered twice.", own)
        declaration = list_entries(InterestDeclaration, gwen)[0]
        own_entries.answer_interest(declaration, gwen, "Not allocated to Leeds.", record.dan)
        own_entries.end_interest(declaration, gwen, "It ended.", own)
    with record.act():
        roles = select(Grant).where(Grant.person_id == record.person("Gwen").id, Grant.ends_at.is_(None))
        for role in db.session.scalars(roles).all():
            end_grant(role, record.dan)
    with record.act(days=1_200):
        member = find_staff_member(record.centre.id, record.person("Gwen").id)
        assert member
        erase_staff_record(member, record.dan)


def erase_a_listed_witness(record: FullRecord) -> None:
    """Remove a witness from the list and erase the entry after its retention period; list another, who stays."""
    with record.act():
        entry = db.session.scalars(select(ListedWitness).order_by(ListedWitness.id)).first()
        assert entry
        remove_witness(entry, "Left the company.", record.dan)
        typed = TypedWitness("Olive Grant", "", "Trainer", ListedStatus.FAMILIAR, clock.today(), clock.today())
        list_witness(record.centre, typed, record.dan, is_administrator=True)
    with record.act(days=1_200):
        erase_listed_witness(db.session.merge(entry), record.dan)


def list_entries(model: Any, person: Person) -> list[Any]:
    return list(db.session.scalars(select(model).where(model.person_id == person.id).order_by(model.id)))
