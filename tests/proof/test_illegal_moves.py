"""Every act in every state by every person: acts in the table succeed, and all others are refused and write nothing."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests.factories import PASSWORD
from tests.integrity.tampering import list_violations
from tests.proof.proof_size import record_figures
from tests.proof.stages import Body, Stage, fill_form, find_unclaimed_criterion
from tests.records import observations, question_sets
from tests.web.test_routes import count_rows_and_events
from tracker.extensions import db
from tracker.ledger.transactions import transaction
from tracker.models import Claim, Decision, Evidence, EvidenceRequirement, Person, QuestionSet
from tracker.recording_forms.snapshot import take_snapshot
from tracker.records.services.drafts import save_observation

pytestmark = pytest.mark.one_database

PEOPLE = ("Chloe", "Alice", "Bob", "Gwen", "Carol", "Eve", "Dan")
"""The candidate and another; the assessor and another, who verifies elsewhere; the verifiers, internal and external; the
administrator."""
LEGAL: dict[str, dict[str, str]] = {
    "met": {"sign": "Bob", "tick": "Chloe", "sample": "Carol", "disagree": "Carol", "void": "Dan", "set": "Bob"},
    "assessed": {
        "retract": "Bob", "confirm": "Chloe", "dispute": "Chloe", "void": "Dan", "sample": "Carol", "disagree": "Carol",
    },
    "confirmed": {"sample": "Carol", "disagree": "Carol", "release": "Carol", "return": "Carol", "void": "Dan"},
    "sampled": {
        "sample": "Carol", "disagree": "Carol", "verify": "Carol", "release": "Carol", "return": "Carol", "void": "Dan",
    },
    "verified": {"sample": "Carol", "disagree": "Carol", "reopen": "Carol", "void": "Dan"},
    "void": {},
}  # fmt: skip
"""Design, section 3. A verifier samples while a unit is being assessed, too; nobody signs twice, and nothing leaves void."""
ACTS = (
    "sign",
    "retract",
    "confirm",
    "dispute",
    "sample",
    "disagree",
    "verify",
    "release",
    "return",
    "reopen",
    "void",
    "tick",
    "set",
)

PATHS = {"disagree": "sample", "set": "question-sets/new"}
"""The last part of an act's path, if it is not its name."""


def body_for(stage: Stage, act: str) -> Body:
    """Return what the form of the act would send."""
    attempt = stage.attempt
    requirements = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == attempt.unit_id)
    decision_and_criterion = select(Decision.id, Claim.criterion_id).join(Claim, Claim.id == Decision.claim_id)
    decision_and_criterion = (
        decision_and_criterion.where(Decision.superseded_at.is_(None)).order_by(Decision.id).limit(1)
    )
    decision, criterion = db.session.execute(decision_and_criterion).one()
    body: Body = {
        "snapshot_hash": take_snapshot(attempt).hash, "version": attempt.version, "password": PASSWORD,
        "requirement": list(db.session.scalars(requirements)), "act": "sign", "comment": "Steady.", "reason": "other",
        "warnings_reason": "The calls show each criterion.",
        "own_reason": "Not in this quarter's plan.",
        "criterion": criterion, "evidence": stage.evidence_ids[0], "on": "1", "due_on": "2027-01-29",
        f"decision-{decision}": "disagree" if act == "disagree" else "agree", f"action-{decision}": "Look again.",
        f"due-{decision}": "2027-01-29", "question-1": "Whom do you tell about a fault?", "mark-1": "g",
    }  # fmt: skip
    if act == "return":
        body["action"] = "Look at it again."
    if act == "tick":
        body["criterion"] = find_unclaimed_criterion(stage)[1]
    db.session.rollback()
    return body


@pytest.mark.parametrize("state", list(LEGAL))
def test_only_acts_in_the_table_succeed(state: str, reach_stage: Callable[[str], Stage]) -> None:
    stage = reach_stage("verified" if state == "void" else state)
    if state == "void":
        dan = stage.browser("Dan")
        assert dan.post(f"{stage.path}/void", data={"reason": "Entered twice."}).status_code == 303
    refused = check_refusals(stage, LEGAL[state])
    done = 0
    for act, name in LEGAL[state].items():
        body = fill_own_form(stage, act, name)
        answer = stage.browser(name).post(f"{stage.path}/{PATHS.get(act, act)}", data=body)
        assert answer.status_code in {200, 303}, (state, act, name, answer.status_code, answer.text[:3000])
        assert list_violations() == [], (state, act)
        stage.restore()
        done += 1
    record_figures(refused=refused, done=done)


def check_refusals(stage: Stage, legal: dict[str, str]) -> int:
    before, refused = count_rows_and_events(), 0
    browsers = {name: stage.browser(name) for name in PEOPLE}
    for act in ACTS:
        body = body_for(stage, act)
        for name, browser in browsers.items():
            if legal.get(act) == name:
                continue
            answer = browser.post(f"{stage.path}/{PATHS.get(act, act)}", data=body)
            details = (act, name, answer.status_code)
            assert answer.status_code in {403, 404, 409, 422}, details
            assert count_rows_and_events() == before, details
            refused += 1
    return refused


def fill_own_form(stage: Stage, act: str, name: str) -> Body:
    """Return the form of the act's page where there is one, else its body."""
    pages: dict[str, Callable[[], Body]] = {
        "sign": lambda: fill_form(
            stage.browser(name),
            f"{stage.path}/sign",
            "/sign",
            act="sign",
            password=PASSWORD,
            warnings_reason="The calls show each criterion.",
        ),
        "confirm": lambda: fill_form(stage.browser(name), f"{stage.path}/confirm", "/confirm", password=PASSWORD),
    }
    return pages.get(act, lambda: body_for(stage, act))()


SET_LEGAL: dict[str, dict[str, str]] = {
    "waiting": {"answer": "Chloe", "take back": "Bob"},
    "submitted": {"answer": "Chloe"},
    "taken back": {},
}
"""docs/rules.md, Question banks and questions asked: who does what with questions that were set, in each standing."""


def reach_set(stage: Stage, standing: str) -> QuestionSet:
    """Let Bob set Chloe a question, which comes to stand so."""
    bob = db.session.get_one(Person, stage.people["Bob"])
    made = question_sets.set_for(stage.attempt, bob, from_bank=False, typed=(("Whom do you tell?", "g"),))
    if standing == "submitted":
        question_sets.answer(made, "The duty manager.")
        question_sets.submit_saved(made)
    elif standing == "taken back":
        question_sets.take_back_set(made, bob)
    return made


@pytest.mark.parametrize("standing", list(SET_LEGAL))
def test_only_acts_in_the_table_succeed_on_set_questions(standing: str, reach_stage: Callable[[str], Stage]) -> None:
    stage = reach_stage("met")
    made = reach_set(stage, standing)
    acts = {
        "answer": (f"/question-sets/{made.id}", {"answer-1": "My team leader.", "declared": "y", "act": "submit"}),
        "take back": (f"{stage.path}/question-sets/{made.id}", {"reason": "Asked in the meeting."}),
    }
    db.session.rollback()
    before, refused = count_rows_and_events(), 0
    for name in PEOPLE:
        for act, (path, body) in acts.items():
            if SET_LEGAL[standing].get(act) == name:
                continue
            answer = stage.browser(name).post(path, data=body)
            assert answer.status_code in {403, 404, 409, 422}, (act, name, answer.status_code)
            assert count_rows_and_events() == before, (act, name)
            refused += 1
    for act, name in SET_LEGAL[standing].items():
        stage.restore()
        made = reach_set(stage, standing)
        path, body = acts[act]
        assert stage.browser(name).post(path, data=body).status_code == 303, (act, name)
        assert list_violations() == [], (act, name)
    record_figures(refused=refused, done=len(SET_LEGAL[standing]))


RECORD_LEGAL: dict[str, dict[str, str]] = {
    "waiting": {"acknowledge": "Chloe", "withdraw": "Bob", "finish": "Bob"},
    "agreed": {"finish": "Bob"},
    "objected": {"objection": "Carol", "withdraw": "Bob", "finish": "Bob"},
    "upheld": {"finish": "Bob"},
    "dismissed": {"finish": "Bob"},
    "withdrawn": {"finish": "Bob"},
}
"""docs/rules.md, Records of assessment: who does what with a record in each standing."""
RECORD_ACTS = ("acknowledge", "objection", "withdraw", "finish")


def reach_standing(stage: Stage, standing: str) -> Evidence:
    """Let Bob finish an observation of Chloe that comes to stand so, and draft a new version of it."""
    people = {name: db.session.get_one(Person, key) for name, key in stage.people.items()}
    record = observations.observe(stage.attempt, people["Bob"])
    if standing == "withdrawn":
        observations.withdraw(record)
    elif standing == "agreed":
        observations.agree(record)
    elif standing != "waiting":
        observations.object_to(record)
    if standing in {"upheld", "dismissed"}:
        observations.decide(record, people["Carol"], is_upheld=standing == "upheld")
    with transaction():
        save_observation(record, {"place": "York"}, None)
    return record


def body_for_record(record: Evidence, act: str) -> Body:
    number = record.version if act == "finish" else record.versions[-1].number
    answer = {"acknowledge": "agreed", "objection": "upheld"}.get(act, "")
    return {"version": number, "answer": answer, "reason": "I read the rota.", "declared": "y"}


@pytest.mark.parametrize("standing", list(RECORD_LEGAL))
def test_only_acts_in_the_table_succeed_on_a_record(standing: str, reach_stage: Callable[[str], Stage]) -> None:
    stage = reach_stage("met")
    refused = 0
    record = reach_standing(stage, standing)
    bodies = {act: body_for_record(record, act) for act in RECORD_ACTS}
    path, before = f"/records/{record.id}", count_rows_and_events()
    for name in PEOPLE:
        browser = stage.browser(name)
        before = count_rows_and_events()
        for act in RECORD_ACTS:
            if RECORD_LEGAL[standing].get(act) == name:
                continue
            answer = browser.post(f"{path}/{act}", data=bodies[act])
            details = (act, name, answer.status_code)
            assert answer.status_code in {403, 404, 409, 422}, details
            assert count_rows_and_events() == before, details
            refused += 1
    for act, name in RECORD_LEGAL[standing].items():
        stage.restore()
        record = reach_standing(stage, standing)
        body = body_for_record(record, act)
        answer = stage.browser(name).post(f"/records/{record.id}/{act}", data=body)
        assert answer.status_code == 303, (standing, act, name, answer.status_code, answer.text[:3000])
        assert list_violations() == [], (standing, act)
    record_figures(refused=refused, done=len(RECORD_LEGAL[standing]))
