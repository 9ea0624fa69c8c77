"""Countersigning and the witness list: random sequences of their acts, and every act by every person in every standing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import func, select

from tests.conftest import server_url
from tests.integrity.tampering import list_violations
from tests.proof.proof_size import FULL_SIZE, choose_size, record_figures
from tests.proof.stages import Stage
from tests.proof.test_illegal_moves import PEOPLE
from tests.staff.entries import hold
from tests.web.test_routes import count_rows_and_events
from tests.witness_list.entries import type_witness
from tracker import clock
from tracker.assessment.services import assessments, countersigners
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.countersignature_answers import agree_with_assessment, disagree_with_assessment
from tracker.assessment.services.countersigning import take_back
from tracker.assessment.services.releasing import CHECKS, release_due_assessments
from tracker.errors import Refused, TrackerError
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import (
    Assessment,
    Centre,
    Countersignature,
    Criterion,
    Evidence,
    ListedWitness,
    Person,
    UnitAttempt,
)
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.services.evidence import create_draft, save_draft
from tracker.portfolio.services.submissions import submit_evidence
from tracker.vocabulary import AssessmentState, ListedStatus, Method, Outcome, Role
from tracker.web.countersigners import is_open
from tracker.witness_list.services.listing import list_witness, remove_witness

TO_ASSESS, UNDOABLE, WAITING, RELEASED = "to assess", "undoable", "waiting", "released"
STATES = {TO_ASSESS, UNDOABLE, WAITING, RELEASED}
"""The states of Bob's assessment of the newest version."""
figures = {"lives": 0, "steps": 0, "countersigned": 0, "taken_back": 0, "refused": 0}


class Countersigning:
    """Chloe's unit with an item that Bob, who has no award, assesses, and Gwen countersigns."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.actors = {name: self.make_actor(name) for name in ("Chloe", "Bob", "Gwen", "Hamish", "Carol", "Dan")}
        with transaction():
            for name in ("Gwen", "Hamish"):
                hold(self.person(name), self.centre, self.person("Dan"))
            countersigners.name_countersigner(
                self.person("Bob"), self.person("Gwen"), self.centre, self.actors["Dan"]
            )
            countersigners.change_countersigning(self.centre, self.actors["Dan"], is_on=True)
        with transaction():
            self.evidence_id = self.log()
        self.submit("I took the call.")

    def make_actor(self, name: str) -> Actor:
        person = self.person(name)
        roles = {"Dan": Role.ADMINISTRATOR, "Carol": Role.INTERNAL_VERIFIER, "Chloe": Role.CANDIDATE}
        grant = next(each for each in person.grants if each.role is roles.get(name, Role.ASSESSOR))
        return Actor(person.id, grant.id, "proof")

    def person(self, name: str) -> Person:
        return db.session.get_one(Person, self.stage.people[name])

    @property
    def attempt(self) -> UnitAttempt:
        return db.session.get_one(UnitAttempt, self.stage.attempt_id)

    @property
    def centre(self) -> Centre:
        return self.attempt.centre

    def log(self) -> int:
        attempt = self.attempt
        evidence = create_draft(attempt.candidate_id, attempt.centre_id)
        fields = {
            "title": "Call",
            "method": Method.WORK_PRODUCT,
            "happened_from": clock.today(),
            "narrative": "None.",
        }
        save_draft(evidence, fields, None)
        criteria = select(Criterion.id).where(Criterion.unit_id == attempt.unit_id, Criterion.assessable).limit(2)
        ticks = [
            Tick(attempt.id, evidence.id, each, ticked=True, locator="") for each in db.session.scalars(criteria)
        ]
        set_claims(ticks, attempt.candidate_id, self.actors["Chloe"])
        return evidence.id

    def submit(self, text: str) -> None:
        with transaction():
            evidence = db.session.get_one(Evidence, self.evidence_id)
            save_draft(evidence, {"narrative": text}, None)
            submit_evidence(evidence, self.actors["Chloe"])

    def decide(self, *, accept: bool) -> None:
        version = find_version_in(self.attempt, self.evidence_id)
        assert version
        claims = [cell.claim_id for cell in assessments.load_claimed_cells(self.attempt, version).values()]
        marks = DraftDecisions(
            dict.fromkeys(claims, Outcome.MET if accept else Outcome.NEEDS_MORE),
            dict.fromkeys(claims, "" if accept else "Say more."),
            dict.fromkeys(CHECKS, accept),
            "Seen.",
            "Seen at work by Bob.",
        )
        assessments.save_draft(self.attempt, version, marks, self.actors["Bob"])
        finish = assessments.accept_evidence if accept else assessments.return_evidence
        finish(self.attempt, version, self.actors["Bob"])

    def wait(self) -> None:
        """Let the time to undo pass."""
        assert clock.frozen
        clock.frozen += timedelta(seconds=11)
        release_due_assessments()

    def get_last_asked(self) -> Countersignature:
        """Return what was asked last; raise what the pages would, if nothing was."""
        asked = db.session.scalars(select(Countersignature).order_by(Countersignature.id.desc())).first()
        if asked is None:
            raise Refused("Nothing was asked.")
        return asked


@pytest.fixture
def frozen() -> Iterator[None]:
    """A clock that stands still until a test moves it."""
    clock.frozen = clock.now()
    yield
    clock.frozen = None


@dataclass
class Model:
    """What is to become of Bob's assessment of the newest version, and of the centre's witness list."""

    state: str = TO_ASSESS
    is_qualified: bool = False
    """Whether Bob holds an award by now."""
    needs_one: bool = False
    """Whether the assessment that can be undone needs a countersigner."""
    countersigner: str = "Gwen"
    text: int = 0
    released: int = 0
    listed: int = 0
    removed: int = 0


class CountersignedLife(RuleBasedStateMachine):
    """A state machine of the acts of countersigning and of the witness list, done by the services of the pages."""

    stage: Stage

    def __init__(self) -> None:
        super().__init__()
        self.stage.restore()
        clock.frozen = clock.now()
        self.unit, self.model = Countersigning(self.stage), Model()
        figures["lives"] += 1

    def do_and_compare(self, is_allowed: bool, act: Callable[[], Any]) -> bool:
        """Do the act, and check that the product allows it as the model does. Return whether it was done."""
        assert clock.frozen
        clock.frozen += timedelta(seconds=1)
        try:
            with transaction():
                act()
            is_done = True
        except TrackerError:
            is_done = False
            figures["refused"] += 1
        db.session.expire_all()
        assert is_done is is_allowed, (act, is_allowed, self.model)
        return is_done

    @rule(accept=st.booleans())
    def decide(self, *, accept: bool) -> None:
        model = self.model
        if self.do_and_compare(model.state in {TO_ASSESS, RELEASED}, lambda: self.unit.decide(accept=accept)):
            model.state, model.needs_one = UNDOABLE, not model.is_qualified

    @rule()
    def wait(self) -> None:
        self.unit.wait()
        if self.model.state == UNDOABLE:
            self.model.state = WAITING if self.model.needs_one else RELEASED
            self.model.released += not self.model.needs_one

    wait_again = rule()(lambda self: self.wait())

    @rule(name=st.sampled_from(["Gwen", "Hamish", "Bob"]))
    def agree(self, name: str) -> None:
        is_allowed = self.model.state == WAITING and name == self.model.countersigner
        actor = self.unit.actors[name]
        if self.do_and_compare(is_allowed, lambda: agree_with_assessment(self.unit.get_last_asked(), actor)):
            self.model.state = RELEASED
            self.model.released += 1
            figures["countersigned"] += 1

    @rule(name=st.sampled_from(["Gwen", "Hamish", "Carol"]))
    def disagree(self, name: str) -> None:
        is_allowed = self.model.state == WAITING and name == self.model.countersigner
        actor = self.unit.actors[name]
        if self.do_and_compare(
            is_allowed, lambda: disagree_with_assessment(self.unit.get_last_asked(), "Look again.", actor)
        ):
            self.model.state = TO_ASSESS

    @rule(name=st.sampled_from(["Bob", "Bob", "Gwen", "Dan"]))
    def take_back(self, name: str) -> None:
        is_allowed = self.model.state == WAITING and name == "Bob"
        if self.do_and_compare(is_allowed, lambda: take_back(self.unit.get_last_asked(), self.unit.actors[name])):
            self.model.state = TO_ASSESS
            figures["taken_back"] += 1

    @rule()
    def submit_again(self) -> None:
        """Chloe submits another version, which is to be assessed anew."""
        self.model.text += 1
        self.unit.submit(f"I took the call. {self.model.text}")
        self.model.state = TO_ASSESS

    @rule(name=st.sampled_from(["Gwen", "Hamish"]))
    def name_countersigner(self, name: str) -> None:
        unit = self.unit
        self.do_and_compare(
            self.model.state in STATES,
            lambda: countersigners.name_countersigner(
                unit.person("Bob"), unit.person(name), unit.centre, unit.actors["Dan"]
            ),
        )
        self.model.countersigner = name

    @precondition(lambda self: not self.model.is_qualified and self.model.text > 2)
    @rule()
    def qualify(self) -> None:
        unit = self.unit
        self.do_and_compare(
            self.model.state in STATES, lambda: hold(unit.person("Bob"), unit.centre, unit.person("Dan"))
        )
        self.model.is_qualified = True

    @rule(status=st.sampled_from(list(ListedStatus)), name=st.sampled_from(["Bob", "Dan"]))
    def list_witness(self, status: ListedStatus, name: str) -> None:
        is_allowed = name == "Dan" or status is not ListedStatus.EXPERT
        unit = self.unit
        self.model.listed += self.do_and_compare(
            is_allowed,
            lambda: list_witness(
                unit.centre, type_witness(status), unit.actors[name], is_administrator=name == "Dan"
            ),
        )

    @precondition(lambda self: self.model.listed)
    @rule()
    def remove_witness(self) -> None:
        """Remove the entry that was removed last, which is refused, or else the first that is left."""
        query = select(ListedWitness).order_by(ListedWitness.removed_at.is_(None).desc(), ListedWitness.id)
        entry = db.session.scalars(query.limit(1)).one()
        is_allowed, key = entry.removed_at is None, entry.id
        self.model.removed += self.do_and_compare(
            is_allowed,
            lambda: remove_witness(db.session.get_one(ListedWitness, key), "Has left.", self.unit.actors["Dan"]),
        )

    @invariant()
    def check_product_agrees_with_the_model(self) -> None:
        db.session.expire_all()
        model = self.model
        waiting = list(db.session.scalars(select(Countersignature).where(is_open())))
        assert len(waiting) == (model.state == WAITING)
        assert [each.person_id for each in waiting] == [self.stage.people[model.countersigner] for _ in waiting]
        released = select(func.count(Assessment.id)).where(Assessment.state == AssessmentState.RELEASED)
        assert db.session.scalar(released) == model.released
        left = select(func.count(ListedWitness.id)).where(ListedWitness.removed_at.is_(None))
        assert db.session.scalar(left) == model.listed - model.removed
        figures["steps"] += 1

    @invariant()
    def check_every_invariant_holds(self) -> None:
        assert list_violations() == []


def test_random_sequences_of_countersigning_agree_with_the_model(
    reach_stage: Callable[[str], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CountersignedLife, "stage", reach_stage("registered"), raising=False)
    try:
        run_state_machine_as_test(
            CountersignedLife,
            settings=settings(
                max_examples=choose_size(2, 15 if server_url() else 30),
                stateful_step_count=choose_size(20, 40),
                database=None,
                derandomize=not FULL_SIZE,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        clock.frozen = None
    record_figures(**figures)


LEGAL: dict[str, dict[str, str]] = {
    WAITING: {"agree": "Gwen", "disagree": "Gwen", "take-back": "Bob"},
    RELEASED: {},
    "taken back": {},
}
"""docs/rules.md, Countersigning: who does what with a countersignature in each standing."""


def reach_standing(stage: Stage, standing: str) -> Countersignature:
    """Let Bob accept an item of Chloe's, and bring what is asked of Gwen to a standing."""
    unit = Countersigning(stage)
    with transaction():
        unit.decide(accept=True)
    unit.wait()
    asked = unit.get_last_asked()
    if standing != WAITING:
        with transaction():
            act, name = (take_back, "Bob") if standing == "taken back" else (agree_with_assessment, "Gwen")
            act(asked, unit.actors[name])
    return asked


def list_paths(stage: Stage, asked: Countersignature) -> dict[str, str]:
    at = f"/countersigning/{asked.id}"
    return {
        "agree": f"{at}/agree",
        "disagree": f"{at}/disagree",
        "take-back": f"{stage.path}/countersignatures/{asked.id}/take-back",
    }


@pytest.mark.one_database
@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("standing", list(LEGAL))
def test_only_acts_in_the_table_succeed_on_a_countersignature(
    standing: str, reach_stage: Callable[[str], Stage]
) -> None:
    stage, refused = reach_stage("registered"), 0
    paths = list_paths(stage, reach_standing(stage, standing))
    body = {"reason": "Look again."}
    for name in (*PEOPLE, "Hamish"):
        browser = stage.browser(name)
        before = count_rows_and_events()
        for act, path in paths.items():
            if LEGAL[standing].get(act) == name:
                continue
            details = (act, name, browser.post(path, data=body).status_code)
            assert details[-1] in {403, 404, 409, 422}, details
            assert count_rows_and_events() == before, details
            refused += 1
    for act, name in LEGAL[standing].items():
        stage.restore()
        paths = list_paths(stage, reach_standing(stage, standing))
        answer = stage.browser(name).post(paths[act], data=body)
        assert answer.status_code == 303, (standing, act, name, answer.status_code, answer.text[:3000])
        assert list_violations() == [], (standing, act)
    record_figures(refused=refused, done=len(LEGAL[standing]))
