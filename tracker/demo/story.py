"""The demonstration's past, told through the same services that people use, each step at its own moment."""

import io
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from tracker import clock
from tracker.accounts.demo_password import DEMO_PASSWORD
from tracker.accounts.passwords import hash_password
from tracker.accounts.services.people import create_centre, grant_role
from tracker.assessment.services import assessments, signing
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.releasing import CHECKS, release_assessment
from tracker.clock import LONDON, now
from tracker.demo.evidence import ALICES_ITEMS, BENS_ITEMS, CHLOES_ITEMS, DemoItem
from tracker.extensions import db
from tracker.ledger import keys
from tracker.ledger.events import Actor
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
from tracker.portfolio.queries.evidence import find_version_in
from tracker.portfolio.services.claims import Tick, set_claims
from tracker.portfolio.services.evidence import create_draft, save_draft
from tracker.portfolio.services.files import attach_file, store_file
from tracker.portfolio.services.submissions import submit_evidence
from tracker.recording_forms.issuing import plan_issue, record_issue, render_issue
from tracker.recording_forms.snapshot import take_snapshot
from tracker.registrations.services import allocate, register_candidate
from tracker.registrations.visits import open_visit
from tracker.verification.services import SampledDecision, draw_sample, sign_verification
from tracker.vocabulary import CriterionKind, Outcome, Role

PEOPLE = (
    ("Alice Moran", "alice@example.org", (Role.CANDIDATE,)),
    ("Ben Okafor", "ben@example.org", (Role.CANDIDATE,)),
    ("Chloe Hart", "chloe@example.org", (Role.CANDIDATE,)),
    ("Bob Archer", "bob@example.org", (Role.ASSESSOR,)),
    ("Gwen Parry", "gwen@example.org", (Role.ASSESSOR, Role.INTERNAL_VERIFIER)),
    ("Carol Hughes", "carol@example.org", (Role.INTERNAL_VERIFIER,)),
    ("Eve Lindqvist", "eve@example.org", (Role.EXTERNAL_VERIFIER,)),
)
ADMINISTRATOR = ("Dan Price", "dan@example.org")
BEGINS = 200
"""Days ago."""
QUALIFICATION = "ex-svq3-cc"
"""What Alice works towards; the others do single units."""
COMMENT = (
    "A steady record over six weeks, with customers and situations that differ. Compliance was shown in writing and "
    "in the discussion, which also covered the knowledge items."
)
NOTES = (
    "All items come from the live floor.",
    "Private sector.",
    "Six weeks, seven customers, three kinds of contact.",
    "Options, benefits and risks are weighed in items 1 and 3.",
    "Items 3 and 5.",
)

Step = tuple[datetime, Callable[[], None]]


class Story:
    """The people by first name, and the steps still to be told."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.people: dict[str, Person] = {}
        self.centre: Centre

    def at(self, days_ago: int, hour: int, act: Callable[[], None], minute: int = 0) -> None:
        """Have something happen at an hour of a London day; never in the future."""
        day = clock.today() - timedelta(days=days_ago)
        moment = datetime.combine(day, time(hour, minute), LONDON)
        self.steps.append((min(moment, now() - timedelta(minutes=5)), act))

    def tell(self) -> None:
        """Do every step at its moment, oldest first, each in a transaction of its own."""
        for moment, act in sorted(self.steps, key=lambda step: step[0]):
            with clock.frozen_at(moment), transaction():
                act()

    def actor(self, name: str, role: Role) -> Actor:
        """Return a person acting in one of their roles."""
        query = select(Grant.id).where(Grant.person_id == self.people[name].id, Grant.role == role)
        return Actor(self.people[name].id, db.session.scalar(query), "demonstration")

    def attempt(self, name: str, code: str) -> UnitAttempt:
        """Return a candidate's attempt at the unit with this code."""
        unit = find_unit_by_code(code)
        query = select(UnitAttempt).where(
            UnitAttempt.candidate_id == self.people[name].id, UnitAttempt.unit_id == (unit.id if unit else 0)
        )
        return db.session.scalars(query).one()


def make_key() -> None:
    """Make the installation's key, dated before everything that it signs."""
    with clock.frozen_at(now() - timedelta(days=BEGINS + 1)), transaction():
        keys.make_key()


def tell_story() -> list[tuple[str, str, str]]:
    """Fill the database and mark it for good. Name, address and roles of everybody come out."""
    story = Story()
    story.at(BEGINS, 9, lambda: open_centre(story))
    story.at(190, 9, lambda: register(story, "Chloe", "C-1038", ("CFACC15",)))
    story.at(80, 9, lambda: register(story, "Alice", "C-1042", ("CFACC15", "INSCC004")))
    story.at(9, 9, lambda: register(story, "Ben", "C-1051", ("DELIVERCC", "CFACC15")))
    for name, items in (("Alice", ALICES_ITEMS), ("Chloe", CHLOES_ITEMS), ("Ben", BENS_ITEMS)):
        for item in items:
            tell_item(story, name, item)
    finish_chloe(story)
    story.at(3, 10, lambda: visit(story))
    story.tell()
    return [
        (person.name, person.email, ", ".join(role.label for role in roles))
        for person, roles in _people_with_roles(story)
    ]


def open_centre(story: Story) -> None:
    """Mark the database as a demonstration, which is permanent, and create the centre and its people."""
    db.session.add(Installation(id=1, is_demo=True))
    story.centre, dan = create_centre("Harbour Contact Academy", "HCA-2041", ADMINISTRATOR[1], ADMINISTRATOR[0])
    password_hash = hash_password(DEMO_PASSWORD)
    dan.password_hash = password_hash
    story.people["Dan"] = dan
    by_dan = story.actor("Dan", Role.ADMINISTRATOR)
    for name, email, roles in PEOPLE:
        person = Person(name=name, email=email, password_hash=password_hash, created_at=now())
        db.session.add(person)
        db.session.flush()
        story.people[name.split()[0]] = person
        for role in roles:
            grant_role(person, story.centre, role, by_dan)


def register(story: Story, name: str, number: str, codes: tuple[str, ...]) -> None:
    """Register a candidate for these units and allocate an assessor and a verifier."""
    by_dan = story.actor("Dan", Role.ADMINISTRATOR)
    units = [unit for code in codes if (unit := find_unit_by_code(code))]
    registration = register_candidate(
        story.people[name],
        story.centre,
        number,
        f"AB{number[-4:]}77",
        clock.today(),
        units,
        by_dan,
        qualification=find_qualification(QUALIFICATION, []) if name == "Alice" else None,
    )
    for attempt in list(registration.attempts):
        if name == "Ben" and attempt.unit.code == "CFACC15":
            continue  # still to be allocated: the administrator's home has something to do
        allocate(attempt, story.people["Bob"], Role.ASSESSOR, "", by_dan)
        allocate(attempt, story.people["Carol"], Role.INTERNAL_VERIFIER, "", by_dan)


def tell_item(story: Story, name: str, item: DemoItem) -> None:
    """Add an item the day after it happened, submit it an hour later, and assess it two days after that."""
    logged = max(item.days_ago - 1, 0)
    story.at(logged, 17, lambda: log(story, name, item))
    if item.outcome == "draft":
        return
    story.at(logged, 17, lambda: hand_in(story, name, item), minute=40)
    if item.outcome == "waiting":
        return
    for code in item.assessed_in:
        story.at(logged - 2, 11, lambda code=code: assess(story, name, item, code))  # type: ignore[misc]  # binds the loop's value
    story.at(logged - 2, 11, _release, minute=1)


def log(story: Story, name: str, item: DemoItem) -> None:
    """Add an item of evidence with its files and claims."""
    person = story.people[name]
    evidence = create_draft(person.id, story.centre.id)
    where, held_by, seen_by = item.kept or ("", "", "")
    fields = {
        "title": item.title,
        "method": item.method,
        "happened_from": _day(item.days_ago),
        "occasion": item.occasion,
        "customers": item.customers,
        "narrative": item.narrative,
        "workplace_location": where,
        "workplace_holder": held_by,
        "workplace_seen_by": seen_by,
    }
    save_draft(evidence, fields, None)
    if item.file:
        file_name, make = item.file
        attach_file(evidence, store_file(io.BytesIO(make()), file_name))
    ticks = [
        Tick(attempt.id, evidence.id, criterion.id, on=True, locator=item.locators.get(label, ""))
        for code, labels in item.claims.items()
        for attempt in [story.attempt(name, code)]
        for label in labels.split()
        for criterion in [_criterion(attempt, label)]
    ]
    if ticks:
        set_claims(ticks, person.id, story.actor(name, Role.CANDIDATE))


def hand_in(story: Story, name: str, item: DemoItem) -> None:
    """Submit an item of evidence."""
    submit_evidence(_find(story, name, item), story.actor(name, Role.CANDIDATE))


def assess(story: Story, name: str, item: DemoItem, code: str) -> None:
    """Assess an item in one unit as Bob, with the outcomes that the item lists."""
    attempt, by_bob = story.attempt(name, code), story.actor("Bob", Role.ASSESSOR)
    version = find_version_in(attempt, _find(story, name, item).id)
    assert version is not None  # noqa: S101 - it was submitted a step ago
    cells = assessments.load_claimed_cells(attempt, version)
    exceptions = {_criterion(attempt, label).id: what for label, what in item.exceptions.items()}
    outcomes: dict[int, Outcome | None] = {}
    comments: dict[int, str] = {}
    for criterion_id, cell in cells.items():
        outcome, comment = exceptions.get(criterion_id, (Outcome.MET, ""))
        if item.outcome == "accepted" or criterion_id in exceptions:
            outcomes[cell.claim_id], comments[cell.claim_id] = outcome, comment
    checks = dict.fromkeys(CHECKS, item.outcome == "accepted")
    assessments.save_draft(attempt, version, DraftDecisions(outcomes, comments, checks, item.feedback), by_bob)
    finish = assessments.accept_evidence if item.outcome == "accepted" else assessments.return_evidence
    finish(attempt, version, by_bob)


def finish_chloe(story: Story) -> None:
    """Signed off, confirmed, sampled and verified."""
    story.at(60, 14, lambda: _sign_off(story))
    story.at(58, 18, lambda: _confirm(story))
    story.at(52, 10, lambda: _sample(story))
    story.at(52, 11, lambda: _verify(story))
    story.at(51, 9, lambda: _issue(story))


def visit(story: Story) -> None:
    """Create an external verifier's visit that includes Chloe's unit."""
    attempt = story.attempt("Chloe", "CFACC15")
    start = datetime.combine(clock.today(), time.min, LONDON)
    eve, by_dan = story.people["Eve"], story.actor("Dan", Role.ADMINISTRATOR)
    open_visit(eve, story.centre, start, start + timedelta(days=365), [attempt], by_dan)


def _sign_off(story: Story) -> None:
    attempt, by_bob = story.attempt("Chloe", "CFACC15"), story.actor("Bob", Role.ASSESSOR)
    query = select(EvidenceRequirement.id).where(EvidenceRequirement.unit_id == attempt.unit_id)
    for requirement_id, note in zip(
        db.session.scalars(query.order_by(EvidenceRequirement.position)), NOTES, strict=True
    ):
        signing.confirm_requirement(attempt, requirement_id, note, by_bob)
    signing.sign_unit(attempt, take_snapshot(attempt).hash, COMMENT, by_bob, now())


def _confirm(story: Story) -> None:
    attempt = story.attempt("Chloe", "CFACC15")
    signing.confirm_unit(attempt, take_snapshot(attempt).hash, story.actor("Chloe", Role.CANDIDATE), now())


def _sample(story: Story) -> None:
    attempt = story.attempt("Chloe", "CFACC15")
    items = select(Evidence).where(Evidence.candidate_id == story.people["Chloe"].id).order_by(Evidence.number)
    looks = []
    for evidence in list(db.session.scalars(items))[:3]:
        version = find_version_in(attempt, evidence.id)
        if version:
            looks += [
                SampledDecision(version.id, each, agrees=True)
                for each in assessments.load_claimed_cells(attempt, version)
            ]
    draw_sample(
        attempt, looks, "Three items of six, chosen for their methods.", story.actor("Carol", Role.INTERNAL_VERIFIER)
    )


def _verify(story: Story) -> None:
    attempt = story.attempt("Chloe", "CFACC15")
    sign_verification(attempt, take_snapshot(attempt).hash, story.actor("Carol", Role.INTERNAL_VERIFIER), now())


def _issue(story: Story) -> None:
    """Sealed with the installation's key, where it has one."""
    if keys.find_current_key():
        attempt = story.attempt("Chloe", "CFACC15")
        printed = render_issue(plan_issue(attempt))
        record_issue(attempt, printed, story.actor("Dan", Role.ADMINISTRATOR))


def _release() -> None:
    """Release what was accepted or returned a minute ago, as the worker would."""
    due = select(Assessment).where(Assessment.release_after <= now()).order_by(Assessment.id)
    for assessment in list(db.session.scalars(due)):
        release_assessment(assessment)


def _find(story: Story, name: str, item: DemoItem) -> Evidence:
    query = select(Evidence).where(Evidence.candidate_id == story.people[name].id, Evidence.title == item.title)
    return db.session.scalars(query).one()


def _criterion(attempt: UnitAttempt, label: str) -> Criterion:
    kind = CriterionKind.KNOWLEDGE if label.startswith("k:") else CriterionKind.PERFORMANCE
    query = select(Criterion).where(
        Criterion.unit_id == attempt.unit_id, Criterion.kind == kind, Criterion.label == label.removeprefix("k:")
    )
    return db.session.scalars(query).one()


def _day(days_ago: int) -> date:
    """Return the day an item happened: one day before it is added."""
    return clock.today() - timedelta(days=1 if days_ago else 0)


def _people_with_roles(story: Story) -> list[tuple[Person, tuple[Role, ...]]]:
    roles = {name.split()[0]: held for name, _, held in PEOPLE} | {"Dan": (Role.ADMINISTRATOR,)}
    return [(person, roles[name]) for name, person in story.people.items()]
