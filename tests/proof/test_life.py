"""Random sequences of acts on a unit: after each one the product agrees with the model and every invariant holds."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from tests.conftest import server_url
from tests.integrity.tampering import list_violations
from tests.proof.model import ASSESSED, CONFIRMED, IN_PROGRESS, VERIFIED, VOID, Model, ModelClaim, ModelItem
from tests.proof.proof_size import FULL_SIZE, choose_size, record_figures
from tests.proof.stages import Stage
from tests.recording_forms.shown_marks import check_marks_agree
from tests.records.recordings import make_wav
from tracker import clock
from tracker.assessment.services import action_points, assessments, signing
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.claims import add_claim, remove_claim
from tracker.assessment.services.releasing import CHECKS, release_due_assessments
from tracker.assessment.services.remarks import add_remark, settle_remark
from tracker.errors import TrackerError
from tracker.extensions import db
from tracker.ledger import events
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.library.queries.units import load_document
from tracker.library.services.centre_rules import WrittenRule, change_rule, end_rule, read_rule, write_rule
from tracker.matrix import MatrixCell, load_matrix
from tracker.matrix.record_standing import find_standing
from tracker.models import (
    ActionPoint,
    Assessment,
    CentreEvidenceRule,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceRequirement,
    EvidenceVersion,
    FeedbackRemark,
    Grant,
    Person,
    QuestionSet,
    RequirementConfirmation,
    Signature,
    UnitAttempt,
)
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.queries.question_sets import find_set
from tracker.portfolio.queries.remarks import list_released_remarks
from tracker.portfolio.record_content import Question
from tracker.portfolio.remark_places import RemarkPlace
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.services.evidence import create_draft, find_latest_version, save_draft
from tracker.portfolio.services.files import store_file
from tracker.portfolio.services.remark_answers import answer_remark
from tracker.portfolio.services.submissions import submit_evidence, withdraw_submission
from tracker.recording_forms.snapshot import take_snapshot
from tracker.records.kinds import WRITTEN_KINDS
from tracker.records.services.acknowledging import acknowledge_record, decide_objection
from tracker.records.services.answers import list_criteria, save_answers
from tracker.records.services.discussions import save_discussion
from tracker.records.services.drafts import list_markable, save_observation, start_record
from tracker.records.services.files import attach_to_record
from tracker.records.services.finishing import finish_record
from tracker.records.services.question_sets import MAX_OPEN_SETS, build_questions, set_questions
from tracker.records.services.question_sets import take_questions_back as take_set_back
from tracker.records.services.withdrawing import withdraw_record
from tracker.registrations.services import void_attempt
from tracker.units.documents import unit_from_json
from tracker.verification.services import action_points as verifiers_action_points
from tracker.verification.services.returning import reopen_verified, return_unit
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import AcknowledgementAnswer, Method, Outcome, RecordKind, RecordStanding, Role

ROLES = {"Chloe": Role.CANDIDATE, "Bob": Role.ASSESSOR, "Carol": Role.INTERNAL_VERIFIER, "Dan": Role.ADMINISTRATOR}
figures = {"lives": 0, "steps": 0, "verified": 0, "reopened": 0, "refused": 0}

numbers = st.integers(0, 5)
"""The number of an item or a criterion, modulo how many there are."""
ABOUT_A_CRITERION = ("dispute", "sample", "disagree", "return_unit", "reopen")
ALONE = (
    *ABOUT_A_CRITERION, "confirm_requirements", "withdraw_confirmation", "sign", "retract", "answer", "confirm", "verify",
    "release_unsampled", "close", "ask_again", "void",
)  # fmt: skip

DISCUSSED = {"areas": "Limits", "place": "Leeds", "starts": "10:00", "ends": "11:00"}
"""What every discussion says beside its summary and its times."""


@dataclass(frozen=True)
class DecisionAndClaim:
    """The id of a live decision, and the model's claim that it decides."""

    decision_id: int
    claim: ModelClaim


class Life(RuleBasedStateMachine):
    """A state machine of any act by candidate, assessor, verifier or administrator, done by the services of the pages."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.stage.restore()
        clock.frozen = clock.now()
        criteria = select(Criterion.label, Criterion.kind, Criterion.id).where(
            Criterion.unit_id == self.attempt.unit_id, Criterion.assessable
        )
        self.reader = self.stage.browser("Bob")
        self.checked_events: tuple[int, str] | None = None
        self.steps = 0
        self.criteria = {
            f"{kind.value}:{label}": key
            for label, kind, key in db.session.execute(criteria.order_by(Criterion.position))
        }
        self.labels = list(self.criteria)
        self.model = Model(self.labels)
        self.evidence_ids: list[int] = []
        self.set_ids: list[int] = []
        self.rule_ids: list[int] = []
        self.rules_written = 0
        grants = select(Person.name, Grant.role, Grant.person_id, Grant.id).join(Grant, Grant.person_id == Person.id)
        self.actors = {
            name.split()[0]: Actor(person, grant, "proof")
            for name, role, person, grant in db.session.execute(grants)
            if ROLES.get(name.split()[0]) == role
        }
        figures["lives"] += 1

    @property
    def attempt(self) -> UnitAttempt:
        return db.session.get_one(UnitAttempt, self.stage.attempt_id)

    def do_and_compare(self, is_allowed: bool, act: Callable[[], Any]) -> None:
        """Do the act; check that the product allows it as the model does, and that a refusal has a message."""
        assert clock.frozen
        clock.frozen += timedelta(seconds=1)
        try:
            with transaction():
                act()
            is_done, sentence = True, "Done."
        except TrackerError as error:
            is_done = False
            sentence = str(error)
            figures["refused"] += 1
        db.session.expire_all()
        assert is_done is is_allowed, (act, sentence, is_allowed)
        assert sentence.endswith((".", "?")), sentence

    def item(self, number: int) -> tuple[ModelItem, int]:
        place = number % len(self.model.items)
        return self.model.items[place], self.evidence_ids[place]

    def list_places(self, *, of_records: bool) -> list[int]:
        return [place for place, item in enumerate(self.model.items) if item.is_record is of_records]

    def own_item(self, number: int) -> tuple[ModelItem, int]:
        """Return an item that Chloe wrote herself."""
        places = self.list_places(of_records=False)
        return self.item(places[number % len(places)])

    def observation(self, number: int) -> tuple[ModelItem, int]:
        """Return an observation that Bob wrote."""
        places = self.list_places(of_records=True)
        return self.item(places[number % len(places)])

    def evidence(self, key: int) -> Evidence:
        return db.session.get_one(Evidence, key)

    def version(self, key: int) -> EvidenceVersion:
        version = find_version_in(self.attempt, key)
        assert version
        return version

    def criterion(self, number: int) -> tuple[str, int]:
        label = self.labels[number * 5 % len(self.labels)]
        return label, self.criteria[label]

    def build_ticks(self, evidence_id: int, labels: list[str], *, ticked: bool = True) -> list[Tick]:
        return [
            Tick(self.stage.attempt_id, evidence_id, self.criteria[label], ticked=ticked, locator="")
            for label in labels
        ]

    # Chloe
    @rule(part=st.sampled_from(["all", "all", "first", "second", "one"]))
    def log(self, part: str) -> None:
        half = len(self.labels) // 2
        labels = {
            "all": self.labels,
            "first": self.labels[:half],
            "second": self.labels[half:],
            "one": self.labels[:1],
        }
        title = f"Item {len(self.evidence_ids) + 1}"
        evidence_ids: list[int] = []

        def act() -> None:
            attempt = self.attempt
            evidence = create_draft(attempt.candidate_id, attempt.centre_id)
            fields = {
                "title": title,
                "method": Method.WORK_PRODUCT,
                "happened_from": clock.today(),
                "narrative": title,
            }
            save_draft(evidence, fields, None)
            set_claims(self.build_ticks(evidence.id, labels[part]), attempt.candidate_id, self.actors["Chloe"])
            evidence_ids.append(evidence.id)

        self.do_and_compare(self.model.log(title, labels[part]), act)
        self.evidence_ids += evidence_ids if len(self.model.items) > len(self.evidence_ids) else []

    @precondition(lambda self: self.list_places(of_records=False))
    @rule(number=numbers, text=st.sampled_from(["I took the call.", "I wrote the letter."]))
    def rewrite(self, number: int, text: str) -> None:
        item, key = self.own_item(number)
        self.do_and_compare(
            self.model.rewrite(item, text), lambda: save_draft(self.evidence(key), {"narrative": text}, None)
        )

    @precondition(lambda self: self.list_places(of_records=False))
    @rule(number=numbers, label=numbers)
    def tick(self, number: int, label: int) -> None:
        (item, key), (name, _) = self.own_item(number), self.criterion(label)
        on = name not in item.claims
        ticks = self.build_ticks(key, [name], ticked=on)
        self.do_and_compare(
            self.model.tick(item, name), lambda: set_claims(ticks, self.attempt.candidate_id, self.actors["Chloe"])
        )

    @precondition(lambda self: self.list_places(of_records=False))
    @rule(number=numbers)
    def submit_item(self, number: int) -> None:
        item, key = self.own_item(number)
        self.do_and_compare(
            self.model.submit_item(item), lambda: submit_evidence(self.evidence(key), self.actors["Chloe"])
        )

    @precondition(lambda self: self.list_places(of_records=False))
    @rule(number=numbers)
    def take_back(self, number: int) -> None:
        item, key = self.own_item(number)
        self.do_and_compare(
            self.model.take_back(item), lambda: withdraw_submission(self.evidence(key), self.actors["Chloe"])
        )

    # questions to answer alone: Bob sets and takes them back, Chloe types answers; these change nothing of the model
    @precondition(lambda self: len(self.set_ids) < MAX_OPEN_SETS)
    @rule(label=numbers)
    def set_questions(self, label: int) -> None:
        key, made = self.criteria[self.pick_labels(label, 1)[0]], list[int]()

        def act() -> None:
            criteria = list_criteria(self.attempt)
            mark = next(each.mark for each in criteria if each.column.id == key)
            questions = build_questions((), (("What about it?", mark),), criteria)
            made.append(set_questions(self.attempt, questions, "", None, self.actors["Bob"]).id)

        self.do_and_compare(self.model.is_open, act)
        self.set_ids += made if self.model.is_open else []

    @precondition(lambda self: self.set_ids)
    @rule(number=numbers)
    def type_answer(self, number: int) -> None:
        set_id, text = self.set_ids[number % len(self.set_ids)], f"Answer {number}"
        self.do_and_compare(
            self.model.is_open, lambda: save_answers(self.question_set(set_id), {1: text}, None, None)
        )

    @precondition(lambda self: self.set_ids)
    @rule(number=numbers)
    def take_questions_back(self, number: int) -> None:
        set_id = self.set_ids.pop(number % len(self.set_ids))
        bob, reason = self.actors["Bob"], "Asked in person."
        self.do_and_compare(
            is_allowed=True, act=lambda: take_set_back(self.question_set(set_id), self.attempt, reason, bob)
        )

    def question_set(self, set_id: int) -> QuestionSet:
        found = find_set(set_id)
        assert found
        return found

    # evidence guidance: Dan sets, changes and ends rules, in any state of the unit; none of them blocks anything
    def write_evidence_rule(self, replaced: int | None = None) -> None:
        """Write a rule that no item fulfils for long, or the next version of one."""
        self.rules_written += 1
        written, made = WrittenRule("items", str(self.rules_written)), list[int]()

        def act() -> None:
            unit, dan = self.attempt.unit, self.actors["Dan"]
            new = read_rule(written, unit_from_json(load_document(unit)))
            if replaced is None:
                made.append(write_rule(unit, self.attempt.centre, new, dan).id)
            else:
                made.append(change_rule(db.session.get_one(CentreEvidenceRule, replaced), new, dan).id)

        self.do_and_compare(is_allowed=True, act=act)
        self.rule_ids += made

    @precondition(lambda self: len(self.rule_ids) < 3)
    @rule()
    def set_evidence_rule(self) -> None:
        self.write_evidence_rule()

    @precondition(lambda self: self.rule_ids)
    @rule(number=numbers)
    def change_evidence_rule(self, number: int) -> None:
        self.write_evidence_rule(self.rule_ids.pop(number % len(self.rule_ids)))

    @precondition(lambda self: self.rule_ids)
    @rule(number=numbers)
    def end_evidence_rule(self, number: int) -> None:
        rule_id, dan = self.rule_ids.pop(number % len(self.rule_ids)), self.actors["Dan"]
        self.do_and_compare(
            is_allowed=True, act=lambda: end_rule(db.session.get_one(CentreEvidenceRule, rule_id), dan)
        )

    # observations, discussions and questions: Bob writes and withdraws them, Chloe answers, Carol decides
    def pick_labels(self, label: int, count: int) -> list[str]:
        first = self.labels.index(self.criterion(label)[0])
        return [self.labels[(first + step) % len(self.labels)] for step in range(count)]

    def write_observation(self, record: Evidence, text: str, labels: list[str]) -> None:
        """Write and finish a version that stamps these criteria."""
        marks = {each.key: each.mark for each in list_markable(record, self.actors["Bob"])}
        if record.record_kind is RecordKind.PROFESSIONAL_DISCUSSION:
            times = [f"0:0{at} {marks[self.stage.attempt_id, self.criteria[each]]}" for at, each in enumerate(labels)]
            fields = {"narrative": text, "stamped_times": "\n".join(times), **DISCUSSED, "agreed_on": clock.today()}
            save_discussion(record, fields, None)
            if not record.attachments:
                attach_to_record(record, store_file(io.BytesIO(make_wav()), "discussion.wav"))
            finish_record(record, self.actors["Bob"])
            return
        if record.record_kind is RecordKind.QUESTIONS:
            asked = [
                Question(f"What about {each}?", text, marks[self.stage.attempt_id, self.criteria[each]])
                for each in labels
            ]
            save_observation(record, {"narrative": text, "questions": tuple(asked)}, None)
            finish_record(record, self.actors["Bob"])
            return
        stamps = [
            f"[10:{at:02} {marks[self.stage.attempt_id, self.criteria[each]]}]" for at, each in enumerate(labels)
        ]
        values = {"narrative": " ".join([text, *stamps]), "place": "Leeds", "starts": "10:00", "ends": "11:00"}
        save_observation(record, values, None)
        finish_record(record, self.actors["Bob"])

    @rule(label=numbers, count=st.integers(1, 3), kind=st.sampled_from(list(WRITTEN_KINDS)))
    def observe(self, label: int, count: int, kind: RecordKind) -> None:
        labels, text = self.pick_labels(label, count), f"Observation {len(self.evidence_ids) + 1}"
        made: list[int] = []

        def act() -> None:
            record = start_record(self.attempt, kind, self.actors["Bob"])
            self.write_observation(record, text, labels)
            made.append(record.id)

        is_allowed = self.model.observe(text, labels)
        self.do_and_compare(is_allowed, act)
        self.evidence_ids += made if is_allowed else []

    @precondition(lambda self: self.list_places(of_records=True))
    @rule(number=numbers, label=numbers, count=st.integers(1, 3))
    def write_again(self, number: int, label: int, count: int) -> None:
        (item, key), labels = self.observation(number), self.pick_labels(label, count)
        text = f"Version {len(item.versions) + 1}"
        self.do_and_compare(
            self.model.write_again(item, text, labels),
            lambda: self.write_observation(self.evidence(key), text, labels),
        )

    @precondition(lambda self: self.list_places(of_records=True))
    @rule(number=numbers, agrees=st.sampled_from([True, True, False]))
    def answer_record(self, number: int, *, agrees: bool) -> None:
        item, key = self.observation(number)
        answer = AcknowledgementAnswer.AGREED if agrees else AcknowledgementAnswer.OBJECTED
        self.do_and_compare(
            self.model.answer_record(item, agrees=agrees),
            lambda: acknowledge_record(
                self.evidence(key), answer, "I was away.", self.actors["Chloe"], self.get_newest_number(key)
            ),
        )

    @precondition(lambda self: self.list_places(of_records=True))
    @rule(number=numbers, is_upheld=st.booleans())
    def decide_objection(self, number: int, *, is_upheld: bool) -> None:
        item, key = self.observation(number)
        self.do_and_compare(
            self.model.decide_objection(item, is_upheld=is_upheld),
            lambda: decide_objection(
                self.evidence(key),
                is_upheld=is_upheld,
                reason="I read the rota.",
                actor=self.actors["Carol"],
                seen_version=self.get_newest_number(key),
            ),
        )

    @precondition(lambda self: self.list_places(of_records=True))
    @rule(number=numbers)
    def withdraw_record(self, number: int) -> None:
        item, key = self.observation(number)
        self.do_and_compare(
            self.model.withdraw_record(item),
            lambda: withdraw_record(
                self.evidence(key), "No answer.", self.actors["Bob"], self.get_newest_number(key)
            ),
        )

    def get_newest_number(self, key: int) -> int | None:
        version = find_latest_version(self.evidence(key))
        return version.number if version else None

    # Bob
    def is_awaiting_bob(self, number: int) -> bool:
        item, _ = self.item(number)
        return bool(item.claims and item.current_version)

    @precondition(lambda self: self.model.items)
    @rule(
        number=numbers, outcome=st.sampled_from([Outcome.MET, Outcome.MET, Outcome.NEEDS_MORE]), accept=st.booleans()
    )
    def assess(self, number: int, outcome: Outcome, *, accept: bool) -> None:
        item, key = self.item(number)
        if not self.is_awaiting_bob(number):
            return

        def act() -> None:
            attempt, version = self.attempt, self.version(key)
            claims = [cell.claim_id for cell in assessments.load_claimed_cells(attempt, version).values()]
            words = "" if outcome is Outcome.MET else "Say more."
            marks = DraftDecisions(
                dict.fromkeys(claims, outcome),
                dict.fromkeys(claims, words),
                dict.fromkeys(CHECKS, accept),
                "Seen.",
                "Seen at work by Bob.",
            )
            assessments.save_draft(attempt, version, marks, self.actors["Bob"])
            add_remark(attempt, version, RemarkPlace(), "Say where you kept it.", self.actors["Bob"])
            finish = assessments.accept_evidence if accept else assessments.return_evidence
            finish(attempt, version, self.actors["Bob"])

        self.do_and_compare(self.model.assess(item, outcome, accept=accept), act)

    # remarks: each assessment has one more; Chloe answers, Bob settles
    def list_remarks(self) -> list[int]:
        query = select(FeedbackRemark.id).where(FeedbackRemark.released_at.is_not(None)).order_by(FeedbackRemark.id)
        return list(db.session.scalars(query))

    @precondition(lambda self: self.list_remarks())
    @rule(number=numbers, settles=st.booleans())
    def answer_or_settle_remark(self, number: int, *, settles: bool) -> None:
        remarks = self.list_remarks()
        key = remarks[number % len(remarks)]
        is_settled = db.session.get_one(FeedbackRemark, key).settled_at is not None

        def act() -> None:
            remark = db.session.get_one(FeedbackRemark, key)
            if settles:
                settle_remark(self.attempt, remark, self.actors["Bob"])
            else:
                answer_remark(self.attempt, remark, "In the case notes.", self.actors["Chloe"])

        self.do_and_compare(self.model.state == IN_PROGRESS and (settles or not is_settled), act)

    def check_remarks(self, key: int) -> None:
        """Check that Chloe sees remarks on an item exactly if an assessment of it was released."""
        released = (
            select(Assessment.id)
            .join(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
            .where(EvidenceVersion.evidence_id == key, Assessment.released_at.is_not(None))
        )
        is_void = self.model.state == VOID
        has_released = bool(db.session.scalars(released).first()) and not is_void
        assert list_released_remarks(key, None).is_empty is not has_released

    @precondition(lambda self: self.model.items)
    @rule(number=numbers)
    def undo(self, number: int) -> None:
        item, key = self.item(number)
        if not self.is_awaiting_bob(number):
            return

        def act() -> None:
            query = (
                select(Assessment)
                .where(Assessment.evidence_version_id == self.version(key).id)
                .order_by(Assessment.id.desc())
            )
            assessment = db.session.scalars(query).first()
            if assessment is None:
                raise TrackerError("There is nothing to undo.")
            assessments.undo_assessment(self.attempt, assessment, self.actors["Bob"])

        self.do_and_compare(self.model.undo(item), act)

    @precondition(lambda self: self.model.items)
    @rule()
    def wait(self) -> None:
        assert clock.frozen
        clock.frozen += timedelta(seconds=11)
        release_due_assessments()
        self.model.wait()

    @precondition(lambda self: self.model.items)
    @rule(number=numbers, label=numbers)
    def remove_claim(self, number: int, label: int) -> None:
        (item, key), (name, criterion_id) = self.item(number), self.criterion(label)
        if not self.is_awaiting_bob(number) or name not in item.claims:
            return
        cell = self.cell(key, criterion_id)
        self.do_and_compare(
            self.model.remove_claim(item, name),
            lambda: remove_claim(self.attempt, key, cell.claim_id, "Not here.", self.actors["Bob"]),
        )

    @precondition(lambda self: self.model.items)
    @rule(number=numbers, label=numbers)
    def add(self, number: int, label: int) -> None:
        (item, key), (name, criterion_id) = self.item(number), self.criterion(label)
        if self.is_awaiting_bob(number):
            self.do_and_compare(
                self.model.add(item, name),
                lambda: add_claim(self.attempt, self.version(key), criterion_id, "It shows.", self.actors["Bob"]),
            )

    def cell(self, key: int, criterion_id: int) -> MatrixCell:
        return next(row for row in load_matrix(self.attempt).rows if row.evidence_id == key).cells[criterion_id]

    def confirm_requirements(self) -> None:
        def act() -> None:
            for each in self.requirements():
                signing.confirm_requirement(self.attempt, each, "Seen.", self.actors["Bob"])

        self.do_and_compare(self.model.confirm_requirements(), act)

    def withdraw_confirmation(self) -> None:
        first = self.requirements()[0]
        self.do_and_compare(
            self.model.withdraw_confirmation(),
            lambda: signing.withdraw_confirmation(self.attempt, first, self.actors["Bob"]),
        )

    def requirements(self) -> list[int]:
        query = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == self.attempt.unit_id)
        return list(db.session.scalars(query.order_by(EvidenceRequirement.position)))

    def sign(self) -> None:
        self.do_and_compare(
            self.model.sign(),
            lambda: signing.sign_unit(
                self.attempt,
                self.get_snapshot_hash(),
                "Steady.",
                self.actors["Bob"],
                clock.now(),
                warnings_reason="The calls show each criterion.",
            ),
        )

    def get_snapshot_hash(self) -> str:
        """Return the hash of the form that the page shows."""
        return take_snapshot(self.attempt).hash

    def retract(self) -> None:
        self.do_and_compare(
            self.model.retract(), lambda: signing.retract_signature(self.attempt, "Too soon.", self.actors["Bob"])
        )

    def answer(self) -> None:
        def act() -> None:
            action_point = self.action_point(ActionPoint.responded_at.is_(None))
            action_points.answer_action_point(self.attempt, action_point.id, "Done.", self.actors["Bob"])

        self.do_and_compare(self.model.answer(), act)

    def action_point(self, *numbers: Any) -> ActionPoint:
        action_point = db.session.scalars(select(ActionPoint).where(*numbers).order_by(ActionPoint.id)).first()
        if action_point is None:
            raise TrackerError("There is none.")
        return action_point

    # Chloe again
    def confirm(self) -> None:
        self.do_and_compare(
            self.model.confirm(),
            lambda: signing.confirm_unit(self.attempt, self.get_snapshot_hash(), self.actors["Chloe"], clock.now()),
        )

    def dispute(self, label: int = 0) -> None:
        name, criterion_id = self.criterion(label)
        self.do_and_compare(
            self.model.dispute(name),
            lambda: signing.dispute_unit(self.attempt, [criterion_id], "Not so.", self.actors["Chloe"]),
        )

    # Carol
    def sample(self, label: int = 0) -> None:
        if sampled := self.pick_decision(label):
            decision = SampledDecision(sampled.decision_id, agrees=True)
            self.do_and_compare(
                self.model.sample(),
                lambda: draw_sample(self.attempt, [decision], "Looked.", self.actors["Carol"]),
            )

    def disagree(self, label: int = 0) -> None:
        if sampled := self.pick_decision(label):
            due = clock.today() + timedelta(days=14)
            decision = SampledDecision(sampled.decision_id, agrees=False, comment="Look again.", due_on=due)
            self.do_and_compare(
                self.model.disagree(sampled.claim),
                lambda: draw_sample(self.attempt, [decision], "Looked.", self.actors["Carol"]),
            )

    def pick_decision(self, label: int) -> DecisionAndClaim | None:
        """Return one of the assessor's live decisions with the model's claim; None if there is none."""
        names = {criterion_id: name for name, criterion_id in self.criteria.items()}
        decisions = [
            DecisionAndClaim(
                cell.decision_id,
                self.model.items[self.evidence_ids.index(row.evidence_id)].claims[names[cell.criterion_id]],
            )
            for row in load_matrix(self.attempt).rows
            for cell in row.cells.values()
            if cell.decision_id and cell.assessment_id
        ]
        db.session.rollback()
        return decisions[label % len(decisions)] if decisions else None

    def verify(self, *, unsampled: bool = False) -> None:
        reason = "Not in this quarter's plan." if unsampled else None
        is_allowed = self.model.verify(unsampled=unsampled)
        figures["verified"] += is_allowed
        self.do_and_compare(
            is_allowed,
            lambda: sign_verification(
                self.attempt, self.get_snapshot_hash(), self.actors["Carol"], clock.now(), unsampled_reason=reason
            ),
        )

    def release_unsampled(self) -> None:
        self.verify(unsampled=True)

    def return_unit(self, label: int = 0) -> None:
        name, criterion_id = self.criterion(label)
        due = clock.today() + timedelta(days=30)
        self.do_and_compare(
            self.model.return_unit(name),
            lambda: return_unit(self.attempt, [criterion_id], "Look again.", due, self.actors["Carol"]),
        )

    def close(self) -> None:
        def act() -> None:
            action_point = self.action_point(ActionPoint.responded_at.is_not(None), ActionPoint.closed_at.is_(None))
            verifiers_action_points.close_action_point(self.attempt, action_point, self.actors["Carol"])

        self.do_and_compare(self.model.close(), act)

    def ask_again(self) -> None:
        def act() -> None:
            action_point = self.action_point(ActionPoint.responded_at.is_not(None), ActionPoint.closed_at.is_(None))
            due = clock.today() + timedelta(days=14)
            verifiers_action_points.ask_again(self.attempt, action_point, "Again.", due, self.actors["Carol"])

        self.do_and_compare(self.model.ask_again(), act)

    def reopen(self, label: int = 0) -> None:
        name, criterion_id = self.criterion(label)
        is_allowed = self.model.reopen(name)
        figures["reopened"] += is_allowed
        self.do_and_compare(
            is_allowed,
            lambda: reopen_verified(self.attempt, [criterion_id], "An error.", self.actors["Carol"]),
        )

    # Dan
    def void(self) -> None:
        self.do_and_compare(
            self.model.void(), lambda: void_attempt(self.attempt, "Entered twice.", self.actors["Dan"])
        )

    # any person
    @rule(act=st.sampled_from(ALONE), label=numbers)
    def act_at_any_time(self, act: str, label: int) -> None:
        """Do an act that is often refused, because it comes too early or too late."""
        if act in ABOUT_A_CRITERION:
            getattr(self, act)(label)
        elif act != "void" or label == 0:
            getattr(self, act)()

    @rule()
    def do_next(self) -> None:
        """Do the act that is next in the usual order."""
        self.choose_next_act()()

    do_next_2 = rule()(lambda self: self.do_next())
    do_next_3 = rule()(lambda self: self.do_next())
    do_next_4 = rule()(lambda self: self.do_next())
    do_next_5 = rule()(lambda self: self.do_next())

    def choose_next_act(self) -> Callable[[], None]:
        model = self.model
        if "raised" in model.action_points:
            return self.answer
        if "answered" in model.action_points:
            return self.close
        if model.is_open:
            return self.choose_next_work()
        by_state = {ASSESSED: self.confirm, VERIFIED: self.reopen, VOID: self.sign}
        by_state[CONFIRMED] = self.verify if model.is_sampled else self.sample
        return by_state[model.state]

    def choose_next_work(self) -> Callable[[], None]:
        model = self.model
        if any(item.pending for item in model.items):
            return self.wait
        for place, item in enumerate(model.items):
            number = self.list_places(of_records=item.is_record).index(place)
            if next_act := self.choose_next_of_record(item, number) if item.is_record else None:
                return next_act
            if item.undecided:
                return lambda: self.assess(place, Outcome.MET, accept=True)
            if item.claims and not item.current_version and not item.is_record:
                return lambda: self.submit_item(number)
        if model.met != set(model.labels):
            return lambda: self.log("all")
        return self.sign if model.is_confirmed else self.confirm_requirements

    def choose_next_of_record(self, item: ModelItem, number: int) -> Callable[[], None] | None:
        """Return the answer that a record waits for before it can be assessed; None where it waits for none."""
        version = item.current_version
        if version is None or version.counts or not item.claims:
            return None
        if version.standing is RecordStanding.WAITING:
            return lambda: self.answer_record(number, agrees=True)
        return lambda: self.decide_objection(number, is_upheld=False)

    @invariant()
    def check_product_agrees_with_the_model(self) -> None:
        db.session.expire_all()
        attempt, model = self.attempt, self.model
        assert (attempt.state.value, attempt.round) == (model.state, model.round)
        for item, key in zip(model.items, self.evidence_ids, strict=True):
            version, latest = item.current_version, find_latest_version(self.evidence(key))
            assert (latest.number if latest else None) == (version.number if version else None)
            if latest and version:
                assert find_standing(latest) is version.standing
            self.check_remarks(key)
            assert self.claims_of(key) == {
                name: (claim.outcome, claim.decided_on) for name, claim in item.claims.items()
            }
        roles = select(Signature.role).where(Signature.superseded_at.is_(None)).order_by(Signature.id)
        assert [role.value for role in db.session.scalars(roles)] == model.signatures
        states = [
            "closed" if each.closed_at else "answered" if each.responded_at else "raised"
            for each in db.session.scalars(select(ActionPoint).order_by(ActionPoint.id))
        ]
        assert sorted(states) == sorted(model.action_points)
        confirmed = select(RequirementConfirmation.requirement_id).where(
            RequirementConfirmation.removed_at.is_(None), RequirementConfirmation.round == attempt.round
        )
        assert (set(self.requirements()) == set(db.session.scalars(confirmed))) is model.is_confirmed
        figures["steps"] += 1
        self.steps += 1

    def claims_of(self, key: int) -> dict[str, tuple[Outcome | None, int | None]]:
        names = {criterion_id: name for name, criterion_id in self.criteria.items()}
        query = (
            select(Claim.criterion_id, Decision.outcome, EvidenceVersion.number)
            .outerjoin(Decision, (Decision.claim_id == Claim.id) & Decision.superseded_at.is_(None))
            .outerjoin(EvidenceVersion, EvidenceVersion.id == Decision.evidence_version_id)
            .where(Claim.evidence_id == key, Claim.removed_at.is_(None))
        )
        return {names[criterion_id]: (outcome, number) for criterion_id, outcome, number in db.session.execute(query)}

    @invariant()
    def check_pages_and_forms_show_the_same_marks(self) -> None:
        """Check them after every fifth act of a life, for they take as long as all other checks together."""
        if self.steps % 5 == 0:
            check_marks_agree(self.attempt, self.reader)

    @invariant()
    def check_every_invariant_holds(self) -> None:
        """Check after each act that was recorded. A refused act records none; if it did change something, the next finds it."""
        head = events.get_head()
        if head != self.checked_events:
            assert list_violations() == []
            self.checked_events = head


def test_random_sequences_of_acts_agree_with_the_model(
    reach_stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = reach_stage("registered")
    monkeypatch.setattr(Life, "stage", stage, raising=False)
    try:
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=choose_size(4, 40 if server_url() else 80),
                stateful_step_count=choose_size(40, 50),
                database=None,
                derandomize=not FULL_SIZE,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        clock.frozen = None
    record_figures(**figures)
