"""The people and events of the demonstration, created by the product's own services, each at a date in the past."""

import io
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from tracker import clock
from tracker.accounts.demo_password import DEMO_PASSWORD
from tracker.accounts.passwords import hash_password
from tracker.accounts.services.account_links import issue_link, send_link, use_link
from tracker.accounts.services.email_confirmation import confirm_address
from tracker.accounts.services.people import create_centre, find_or_create_person, grant_role
from tracker.assessment.services import assessments, signing
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.releasing import CHECKS, release_assessment
from tracker.background.emails import can_deliver
from tracker.clock import LONDON, now
from tracker.demo import discussion, testimonies
from tracker.demo.countersigned import FINNS_ITEMS, schedule_countersigning
from tracker.demo.evidence import ALICES_ITEMS, BENS_ITEMS, CHLOES_ITEMS, DemoItem
from tracker.demo.evidence_guidance import schedule_evidence_guidance
from tracker.demo.observation import OBSERVATION
from tracker.demo.question_bank import schedule_question_bank, schedule_questions_asked
from tracker.demo.remarks import schedule_answers, write_remarks
from tracker.demo.staff_register import schedule_staff_register
from tracker.demo.witness_list import schedule_witness_list
from tracker.extensions import db
from tracker.ledger import keys
from tracker.ledger.events import OPERATOR, Actor
from tracker.ledger.transactions import transaction
from tracker.library.queries.qualifications import find_qualification
from tracker.library.queries.units import find_unit_by_code
from tracker.models import (
    Assessment,
    Centre,
    Criterion,
    Evidence,
    EvidenceRequirement,
    Grant,
    Installation,
    Person,
    UnitAttempt,
)
from tracker.models.people import DEMONSTRATION_SESSION
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.services.evidence import create_draft, save_draft
from tracker.portfolio.services.files import attach_file, store_file
from tracker.portfolio.services.submissions import submit_evidence
from tracker.recording_forms.issuing import plan_issue, record_issue, render_issue
from tracker.recording_forms.snapshot import take_snapshot
from tracker.records.services.acknowledging import acknowledge_record
from tracker.records.services.discussions import save_discussion
from tracker.records.services.drafts import save_observation, start_record
from tracker.records.services.files import attach_to_record
from tracker.records.services.finishing import finish_record
from tracker.registrations.allocations import allocate
from tracker.registrations.services import register_candidate
from tracker.registrations.visits import open_visit
from tracker.verification.services.sampling import SampledDecision, draw_sample
from tracker.verification.services.signing import sign_verification
from tracker.vocabulary import AcknowledgementAnswer, CriterionKind, LinkPurpose, Outcome, RecordKind, Role

PEOPLE = (
    ("Alice Moran", "alice@example.org", (Role.CANDIDATE,)),
    ("Ben Okafor", "ben@example.org", (Role.CANDIDATE,)),
    ("Chloe Hart", "chloe@example.org", (Role.CANDIDATE,)),
    ("Finn Doyle", "finn@example.org", (Role.CANDIDATE,)),
    ("Bob Archer", "bob@example.org", (Role.ASSESSOR,)),
    ("Hamish Reid", "hamish@example.org", (Role.ASSESSOR,)),
    ("Gwen Parry", "gwen@example.org", (Role.ASSESSOR, Role.INTERNAL_VERIFIER)),
    ("Carol Hughes", "carol@example.org", (Role.INTERNAL_VERIFIER,)),
    ("Eve Lindqvist", "eve@example.org", (Role.EXTERNAL_VERIFIER,)),
)
ADMINISTRATOR = ("Dan Price", "dan@example.org")
CENTRE_CREATED_DAYS_AGO = 200
"""Days ago."""
QUALIFICATION = "ex-svq3-cc"
"""The qualification that Alice is registered for; the others are registered for single units."""
CLOSING_COMMENT = (
    "A steady record over six weeks, with customers and situations that differ. Compliance was shown in writing and "
    "in the discussion, which also covered the knowledge items."
)
REQUIREMENT_NOTES = (
    "All items come from the live floor.",
    "Private sector.",
    "Six weeks, seven customers, three kinds of contact.",
    "Options, benefits and risks are weighed in items 1 and 3.",
    "Items 3 and 5.",
)

Step = tuple[datetime, Callable[[], None]]


class Scenario:
    """The centre, the people by first name, and the steps that `run` does in the order of their times."""

    def __init__(self) -> None:
        self.session_ref = DEMONSTRATION_SESSION
        """The session that its events name; another one where it does not make the demonstration."""
        self.steps: list[Step] = []
        self.people: dict[str, Person] = {}
        self.centre: Centre

    def schedule(self, days_ago: int, hour: int, act: Callable[[], None], minute: int = 0) -> None:
        """Schedule a step at a time of a day in London, or five minutes ago if that time is in the future."""
        day = clock.today() - timedelta(days=days_ago)
        moment = datetime.combine(day, time(hour, minute), LONDON)
        self.steps.append((min(moment, now() - timedelta(minutes=5)), act))

    def run(self) -> None:
        """Do every step with the clock set to its time, oldest first, each in a transaction of its own."""
        for moment, act in sorted(self.steps, key=lambda step: step[0]):
            with clock.frozen_at(moment), transaction():
                act()

    def actor(self, name: str, role: Role) -> Actor:
        """Return the actor of events for a person in one of their roles."""
        query = select(Grant.id).where(Grant.person_id == self.people[name].id, Grant.role == role)
        return Actor(self.people[name].id, db.session.scalar(query), self.session_ref)

    def attempt(self, name: str, code: str) -> UnitAttempt:
        """Return a candidate's attempt at the unit with this code."""
        unit = find_unit_by_code(code)
        query = select(UnitAttempt).where(
            UnitAttempt.candidate_id == self.people[name].id, UnitAttempt.unit_id == (unit.id if unit else 0)
        )
        return db.session.scalars(query).one()


def make_key() -> None:
    """Create the installation's signing key, dated before everything that it signs."""
    with clock.frozen_at(now() - timedelta(days=CENTRE_CREATED_DAYS_AGO + 1)), transaction():
        keys.make_key()


def fill_database() -> list[tuple[str, str, str]]:
    """Fill the database and mark it as a demonstration. Return the name, email address and roles of each person."""
    scenario = Scenario()
    scenario.schedule(CENTRE_CREATED_DAYS_AGO, 9, lambda: create_demo_centre(scenario))
    scenario.schedule(190, 9, lambda: register_for_units(scenario, "Chloe", "C-1038", ("CFACC15",)))
    scenario.schedule(80, 9, lambda: register_for_units(scenario, "Alice", "C-1042", ("CFACC15", "INSCC004")))
    scenario.schedule(9, 9, lambda: register_for_units(scenario, "Ben", "C-1051", ("DELIVERCC", "CFACC15")))
    for name, items in (("Alice", ALICES_ITEMS), ("Chloe", CHLOES_ITEMS), ("Ben", BENS_ITEMS)):
        for item in items:
            schedule_item(scenario, name, item)
    schedule_answers(scenario)
    schedule_observation(scenario)
    schedule_discussion(scenario)
    schedule_testimonies(scenario)
    schedule_staff_register(scenario)
    schedule_countersigned_work(scenario)
    schedule_question_bank(scenario)
    schedule_questions_asked(scenario)
    schedule_evidence_guidance(scenario)
    scenario.schedule(1, 9, lambda: agree_to_record(scenario, RecordKind.QUESTIONS))
    schedule_witness_list(scenario)
    schedule_chloes_signatures(scenario)
    scenario.schedule(3, 10, lambda: create_visit(scenario))
    scenario.run()
    return [
        (person.name, person.email, ", ".join(role.label for role in roles))
        for person, roles in _people_with_roles(scenario)
    ]


def create_demo_centre(scenario: Scenario) -> None:
    """Mark the database as a demonstration, which is permanent, and create the centre and its people."""
    db.session.add(Installation(id=1, is_demo=True))
    scenario.centre, dan = create_centre("Harbour Contact Academy", "HCA-2041", ADMINISTRATOR[1], ADMINISTRATOR[0])
    password_hash = hash_password(DEMO_PASSWORD)
    scenario.people["Dan"] = dan
    use_link(_get_token(issue_link(dan, LinkPurpose.INVITATION, OPERATOR)), password_hash, dan.name)
    dan_as_administrator = scenario.actor("Dan", Role.ADMINISTRATOR)
    if can_deliver():  # the operator printed the link, so it confirmed nothing
        own_act = Actor(dan.id, None, scenario.session_ref)
        confirm_address(_get_token(send_link(dan, LinkPurpose.CONFIRM_ADDRESS, own_act)), own_act)
    for name, email, roles in PEOPLE:
        person = find_or_create_person(email, name, dan_as_administrator)
        scenario.people[name.split()[0]] = person
        for role in roles:
            grant_role(person, scenario.centre, role, dan_as_administrator)
        use_link(_get_token(send_link(person, LinkPurpose.INVITATION, dan_as_administrator)), password_hash, name)


def _get_token(path: str) -> str:
    """Return the token in the path of a one-time link."""
    return path.rpartition("/")[2]


def register_for_units(
    scenario: Scenario, name: str, number: str, codes: tuple[str, ...], assessor: str = "Bob"
) -> None:
    """Register a candidate for these units and allocate an assessor and a verifier."""
    dan_as_administrator = scenario.actor("Dan", Role.ADMINISTRATOR)
    units = [unit for code in codes if (unit := find_unit_by_code(code))]
    registration = register_candidate(
        scenario.people[name],
        scenario.centre,
        number,
        f"AB{number[-4:]}77",
        clock.today(),
        units,
        dan_as_administrator,
        qualification=find_qualification(QUALIFICATION, []) if name == "Alice" else None,
    )
    for attempt in list(registration.attempts):
        if name == "Ben" and attempt.unit.code == "CFACC15":
            continue  # not allocated, so that the administrator's home page shows a unit to allocate
        allocate(attempt, scenario.people[assessor], Role.ASSESSOR, "", dan_as_administrator)
        allocate(attempt, scenario.people["Carol"], Role.INTERNAL_VERIFIER, "", dan_as_administrator)


def schedule_item(scenario: Scenario, name: str, item: DemoItem, assessor: str = "Bob") -> None:
    """Schedule adding an item the day after the work, submitting it 40 minutes later and assessing it in two days."""
    added_days_ago = max(item.days_ago - 1, 0)
    scenario.schedule(added_days_ago, 17, lambda: add_item(scenario, name, item))
    if item.outcome == "draft":
        return
    scenario.schedule(added_days_ago, 17, lambda: submit_item(scenario, name, item), minute=40)
    if item.outcome == "submitted":
        return
    for code in item.assessed_in:
        scenario.schedule(added_days_ago - 2, 11, lambda code=code: assess_item(scenario, name, item, code, assessor))  # type: ignore[misc]  # binds the loop's value
    scenario.schedule(added_days_ago - 2, 11, _release_due, minute=1)


def add_item(scenario: Scenario, name: str, item: DemoItem) -> None:
    """Add an item of evidence with its files and claims."""
    person = scenario.people[name]
    file = None
    if item.file:  # stored first: a file is checked and stored while nothing waits to be committed
        file_name, make = item.file
        file = store_file(io.BytesIO(make()), file_name)
    evidence = create_draft(person.id, scenario.centre.id)
    location, holder, seen_by = item.workplace or ("", "", "")
    witness_name, witness_relationship = item.witness or (None, None)
    fields = {
        "title": item.title,
        "method": item.method,
        "happened_from": _get_work_date(item.days_ago),
        "occasion": item.occasion,
        "customers": item.customers,
        "narrative": item.narrative,
        "workplace_location": location,
        "workplace_holder": holder,
        "workplace_seen_by": seen_by,
        "witness_name": witness_name,
        "witness_relationship": witness_relationship,
    }
    save_draft(evidence, fields, None)
    if file:
        attach_file(evidence, file)
    ticks = [
        Tick(attempt.id, evidence.id, criterion.id, ticked=True, locator=item.locators.get(label, ""))
        for code, labels in item.claims.items()
        for attempt in [scenario.attempt(name, code)]
        for label in labels.split()
        for criterion in [_find_criterion(attempt, label)]
    ]
    if ticks:
        set_claims(ticks, person.id, scenario.actor(name, Role.CANDIDATE))


def submit_item(scenario: Scenario, name: str, item: DemoItem) -> None:
    """Submit an item of evidence."""
    submit_evidence(_find_evidence(scenario, name, item), scenario.actor(name, Role.CANDIDATE))


def assess_item(scenario: Scenario, name: str, item: DemoItem, code: str, assessor: str = "Bob") -> None:
    """Assess an item in one unit as its assessor, with the outcomes that the item lists."""
    attempt, as_assessor = scenario.attempt(name, code), scenario.actor(assessor, Role.ASSESSOR)
    version = find_version_in(attempt, _find_evidence(scenario, name, item).id)
    assert version is not None  # noqa: S101 - the item was submitted in an earlier step
    cells = assessments.load_claimed_cells(attempt, version)
    exceptions = {_find_criterion(attempt, label).id: decision for label, decision in item.exceptions.items()}
    outcomes: dict[int, Outcome | None] = {}
    comments: dict[int, str] = {}
    for criterion_id, cell in cells.items():
        outcome, comment = exceptions.get(criterion_id, (Outcome.MET, ""))
        if item.outcome == "accepted" or criterion_id in exceptions:
            outcomes[cell.claim_id], comments[cell.claim_id] = outcome, comment
    checks = dict.fromkeys(CHECKS, item.outcome == "accepted")
    assessments.save_draft(attempt, version, DraftDecisions(outcomes, comments, checks, item.feedback), as_assessor)
    write_remarks(attempt, version, as_assessor)
    finish = assessments.accept_evidence if item.outcome == "accepted" else assessments.return_evidence
    finish(attempt, version, as_assessor)


def schedule_observation(scenario: Scenario) -> None:
    """Schedule an observation of Alice by Bob, to which she agrees the same afternoon."""
    scenario.schedule(4, 12, lambda: observe_alice(scenario))
    scenario.schedule(4, 16, lambda: agree_to_observation(scenario))


def observe_alice(scenario: Scenario) -> None:
    """Write and finish an observation as Bob."""
    bob = scenario.actor("Bob", Role.ASSESSOR)
    record = start_record(scenario.attempt("Alice", OBSERVATION.code), RecordKind.OBSERVATION, bob)
    save_observation(record, {**OBSERVATION.fields, "happened_from": _get_work_date(4)}, None)
    finish_record(record, bob)


def agree_to_observation(scenario: Scenario) -> None:
    """Agree, as Alice, to the observation."""
    agree_to_record(scenario, RecordKind.OBSERVATION)


def agree_to_record(scenario: Scenario, kind: RecordKind) -> None:
    """Agree, as Alice, to the record of a kind that Bob wrote."""
    bob = scenario.people["Bob"]
    query = select(Evidence).where(Evidence.author_id == bob.id, Evidence.record_kind == kind)
    record = db.session.scalars(query).one()
    alice = scenario.actor("Alice", Role.CANDIDATE)
    acknowledge_record(record, AcknowledgementAnswer.AGREED, "", alice, record.versions[-1].number)


def schedule_discussion(scenario: Scenario) -> None:
    """Schedule a recorded professional discussion of Bob with Alice, to which she agrees the day after."""
    scenario.schedule(3, 15, lambda: discuss_with_alice(scenario))
    scenario.schedule(2, 9, lambda: agree_to_record(scenario, RecordKind.PROFESSIONAL_DISCUSSION))


def discuss_with_alice(scenario: Scenario) -> None:
    """Write and finish a professional discussion as Bob."""
    bob = scenario.actor("Bob", Role.ASSESSOR)
    recording = store_file(io.BytesIO(discussion.make_recording()), discussion.FILE_NAME)
    attempt = scenario.attempt("Alice", discussion.CODE)
    record = start_record(attempt, RecordKind.PROFESSIONAL_DISCUSSION, bob)
    save_discussion(record, discussion.build_fields(_get_work_date(3), clock.today() - timedelta(days=8)), None)
    attach_to_record(record, recording)
    finish_record(record, bob)


def schedule_countersigned_work(scenario: Scenario) -> None:
    """Schedule Finn's items, which Hamish assesses without an award: Gwen countersigns the first of two."""
    scenario.schedule(30, 9, lambda: register_for_units(scenario, "Finn", "C-1047", ("CFACC15",), "Hamish"))
    for item in FINNS_ITEMS:
        schedule_item(scenario, "Finn", item, "Hamish")
    schedule_countersigning(scenario, FINNS_ITEMS[0].days_ago - 4)


def schedule_testimonies(scenario: Scenario) -> None:
    """Schedule two requests of Alice to witnesses, of whom one signs two days later; nothing where no emails are written."""
    if can_deliver():
        tokens: list[str] = []
        scenario.schedule(5, 11, lambda: tokens.append(ask_for_testimony(scenario, testimonies.SIGNED, 12)))
        scenario.schedule(3, 13, lambda: sign_testimony(scenario, tokens[0]))
        scenario.schedule(1, 11, lambda: tokens.append(ask_for_testimony(scenario, testimonies.ASKED, 2)))


def ask_for_testimony(scenario: Scenario, testimony: testimonies.DemoTestimony, days_ago: int) -> str:
    """Ask a witness as Alice about something of some days ago, and return the token of the link."""
    attempt, alice = scenario.attempt("Alice", "CFACC15"), scenario.actor("Alice", Role.CANDIDATE)
    return testimonies.ask(
        testimony, attempt, _get_work_date(days_ago), lambda label: _find_criterion(attempt, label).id, alice
    )


def sign_testimony(scenario: Scenario, token: str) -> None:
    """Sign as the first witness, who saw three of the criteria."""
    attempt = scenario.attempt("Alice", "CFACC15")
    testimonies.sign(testimonies.SIGNED, token, [_find_criterion(attempt, label).id for label in ("4", "5", "7")])


def schedule_chloes_signatures(scenario: Scenario) -> None:
    """Schedule sign-off, confirmation, sampling, verification and the issue of the form of Chloe's unit."""
    scenario.schedule(60, 14, lambda: _sign_off(scenario))
    scenario.schedule(58, 18, lambda: _confirm(scenario))
    scenario.schedule(52, 10, lambda: _sample(scenario))
    scenario.schedule(52, 11, lambda: _verify(scenario))
    scenario.schedule(51, 9, lambda: _issue_form(scenario))


def create_visit(scenario: Scenario) -> None:
    """Create an external verifier's visit that includes Chloe's unit."""
    attempt = scenario.attempt("Chloe", "CFACC15")
    start = datetime.combine(clock.today(), time.min, LONDON)
    eve, dan_as_administrator = scenario.people["Eve"], scenario.actor("Dan", Role.ADMINISTRATOR)
    open_visit(eve, scenario.centre, start, start + timedelta(days=365), [attempt], dan_as_administrator)


def _sign_off(scenario: Scenario) -> None:
    attempt, bob_as_assessor = scenario.attempt("Chloe", "CFACC15"), scenario.actor("Bob", Role.ASSESSOR)
    query = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == attempt.unit_id)
    for requirement_id, note in zip(
        db.session.scalars(query.order_by(EvidenceRequirement.position)), REQUIREMENT_NOTES, strict=True
    ):
        signing.confirm_requirement(attempt, requirement_id, note, bob_as_assessor)
    signing.sign_unit(attempt, take_snapshot(attempt).hash, CLOSING_COMMENT, bob_as_assessor, now())


def _confirm(scenario: Scenario) -> None:
    attempt = scenario.attempt("Chloe", "CFACC15")
    signing.confirm_unit(attempt, take_snapshot(attempt).hash, scenario.actor("Chloe", Role.CANDIDATE), now())


def _sample(scenario: Scenario) -> None:
    attempt = scenario.attempt("Chloe", "CFACC15")
    items = select(Evidence).where(Evidence.candidate_id == scenario.people["Chloe"].id).order_by(Evidence.number)
    sampled = []
    for evidence in list(db.session.scalars(items))[:3]:
        version = find_version_in(attempt, evidence.id)
        if version:
            sampled += [
                SampledDecision(cell.decision_id, agrees=True)
                for cell in assessments.load_claimed_cells(attempt, version).values()
                if cell.decision_id
            ]
    draw_sample(
        attempt,
        sampled,
        "Three items of six, chosen for their methods.",
        scenario.actor("Carol", Role.INTERNAL_VERIFIER),
    )


def _verify(scenario: Scenario) -> None:
    attempt = scenario.attempt("Chloe", "CFACC15")
    sign_verification(attempt, take_snapshot(attempt).hash, scenario.actor("Carol", Role.INTERNAL_VERIFIER), now())


def _issue_form(scenario: Scenario) -> None:
    """Issue the form if the installation has a key to seal it with."""
    if keys.find_current_key():
        attempt = scenario.attempt("Chloe", "CFACC15")
        actor = scenario.actor("Dan", Role.ADMINISTRATOR)
        assert actor.person_id is not None  # noqa: S101 - Dan is a person
        record_issue(attempt, render_issue(plan_issue(attempt), actor.person_id), actor)


def _release_due() -> None:
    """Release what was accepted or returned a minute ago, as the worker would."""
    due = select(Assessment).where(Assessment.release_after <= now()).order_by(Assessment.id)
    for assessment in list(db.session.scalars(due)):
        release_assessment(assessment)


def _find_evidence(scenario: Scenario, name: str, item: DemoItem) -> Evidence:
    query = select(Evidence).where(Evidence.candidate_id == scenario.people[name].id, Evidence.title == item.title)
    return db.session.scalars(query).one()


def _find_criterion(attempt: UnitAttempt, label: str) -> Criterion:
    kind = CriterionKind.KNOWLEDGE if label.startswith("k:") else CriterionKind.PERFORMANCE
    query = select(Criterion).where(
        Criterion.unit_id == attempt.unit_id, Criterion.kind == kind, Criterion.label == label.removeprefix("k:")
    )
    return db.session.scalars(query).one()


def _get_work_date(days_ago: int) -> date:
    """Return the day of the work: the day before the item is added, or that day itself if the item is of today."""
    return clock.today() - timedelta(days=1 if days_ago else 0)


def _people_with_roles(scenario: Scenario) -> list[tuple[Person, tuple[Role, ...]]]:
    roles = {name.split()[0]: person_roles for name, _, person_roles in PEOPLE} | {"Dan": (Role.ADMINISTRATOR,)}
    return [(person, roles[name]) for name, person in scenario.people.items()]
