"""Factories of the objects that tests need, with the fewest arguments that the tests must give."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from argon2 import PasswordHasher
from sqlalchemy import select

from tracker import clock
from tracker.accounts.services import two_step_verification
from tracker.extensions import db
from tracker.ledger import changed_rows
from tracker.ledger.events import Actor
from tracker.ledger.transactions import transaction
from tracker.models import (
    Allocation,
    Assessment,
    Centre,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceVersion,
    Grant,
    Person,
    Registration,
    SecondFactor,
    Submission,
    Unit,
    UnitAttempt,
    WitnessTestimony,
)
from tracker.models.portfolio import SEALED_FIELDS
from tracker.portfolio.record_content import (
    DiscussionContent,
    ObservationContent,
    SeenCriterion,
    WitnessTestimonyContent,
    dump_content,
)
from tracker.vocabulary import (
    AssessmentOutcome,
    AssessmentState,
    AttemptState,
    CriterionKind,
    Method,
    Outcome,
    RecordKind,
    Role,
    SecondFactorKind,
    WitnessStatus,
)
from tracker.web.encryption import encrypt

Row = TypeVar("Row")

PASSWORD = "correct horse battery"
cheap_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash
PASSWORD_HASH = cheap_hash(PASSWORD)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
"""The secret of the authenticator apps in tests."""
LONG_AGO = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)


@dataclass
class World:
    """Northgate with Alice (candidate), Bob (assessor), Carol (internal verifier), Dan (administrator),
    Eve (external verifier); Southbank with Frank (candidate), Grace (assessor), Heidi (administrator)."""

    northgate: Centre
    southbank: Centre
    alice: Person
    bob: Person
    carol: Person
    dan: Person
    eve: Person
    frank: Person
    grace: Person
    heidi: Person
    registration: Registration
    cfacc15: UnitAttempt
    inscc004: UnitAttempt
    franks_attempt: UnitAttempt


def make_world() -> World:
    with transaction():
        northgate = make_centre("Northgate Skills", "NG-100")
        southbank = make_centre("Southbank College", "SB-200")
        people = {
            "alice": make_person("Alice Moran", northgate, Role.CANDIDATE),
            "bob": make_person("Bob Archer", northgate, Role.ASSESSOR),
            "carol": make_person("Carol Hughes", northgate, Role.INTERNAL_VERIFIER),
            "dan": make_person("Dan Price", northgate, Role.ADMINISTRATOR),
            "eve": make_person("Eve Lindqvist", northgate, Role.EXTERNAL_VERIFIER),
            "frank": make_person("Frank Osei", southbank, Role.CANDIDATE),
            "grace": make_person("Grace Lam", southbank, Role.ASSESSOR),
            "heidi": make_person("Heidi Vance", southbank, Role.ADMINISTRATOR),
        }
        registration = make_registration(people["alice"], northgate, people["dan"])
        cfacc15 = make_attempt(registration, "CFACC15")
        inscc004 = make_attempt(registration, "INSCC004")
        for attempt in (cfacc15, inscc004):
            allocate(attempt, people["bob"], Role.ASSESSOR, people["dan"])
            allocate(attempt, people["carol"], Role.INTERNAL_VERIFIER, people["dan"])
        franks = make_attempt(make_registration(people["frank"], southbank, people["heidi"]), "CFACC15")
        allocate(franks, people["grace"], Role.ASSESSOR, people["heidi"])
    return World(
        northgate=northgate,
        southbank=southbank,
        registration=registration,
        cfacc15=cfacc15,
        inscc004=inscc004,
        franks_attempt=franks,
        **people,
    )


def make_centre(name: str, number: str) -> Centre:
    return add_and_flush(Centre(name=name, number=number, created_at=LONG_AGO))


def make_person(name: str, centre: Centre | None = None, *roles: Role) -> Person:
    """Make a person with the password `PASSWORD`, a confirmed address and these roles at the centre."""
    person = add_and_flush(
        Person(
            name=name,
            email=f"{name.lower().replace(' ', '.')}@example.org",
            password_hash=PASSWORD_HASH,
            email_confirmed_at=LONG_AGO,
            created_at=LONG_AGO,
        )
    )
    for role in roles:
        assert centre
        grant(person, centre, role)
    return person


def make_app(person: Person, secret: str = SECRET) -> SecondFactor:
    """Make an authenticator app with this secret, no code of which was used."""
    return add_and_flush(
        SecondFactor(
            person_id=person.id,
            kind=SecondFactorKind.APP,
            name="Authenticator app",
            secret=encrypt(secret, two_step_verification.SECRET),
            last_step=0,
            created_at=LONG_AGO,
        )
    )


def grant(person: Person, centre: Centre, role: Role, *, ends_at: datetime | None = None) -> Grant:
    return add_and_flush(
        Grant(
            person_id=person.id,
            centre_id=centre.id,
            role=role,
            starts_at=LONG_AGO,
            ends_at=ends_at,
            granted_at=LONG_AGO,
        )
    )


def make_registration(
    candidate: Person, centre: Centre, administrator: Person, candidate_number: str = ""
) -> Registration:
    return add_and_flush(
        Registration(
            centre_id=centre.id,
            candidate_id=candidate.id,
            candidate_number=candidate_number or f"C{candidate.id:04}",
            awarding_body_number=f"AB{candidate.id:06}",
            awarding_body_date=date(2026, 9, 1),
            registered_at=LONG_AGO,
            registered_by_id=administrator.id,
        )
    )


def unit(code: str) -> Unit:
    """Return the newest loaded version of a unit."""
    return db.session.scalars(
        select(Unit).where(Unit.code == code).order_by(Unit.id.desc())
    ).first() or _raise_missing_unit(code)


def criterion(attempt: UnitAttempt, label: str, kind: CriterionKind = CriterionKind.PERFORMANCE) -> Criterion:
    """Return the assessable criterion printed with this label: `criterion(world.cfacc15, "a", KNOWLEDGE)`."""
    return db.session.scalars(
        select(Criterion).where(
            Criterion.unit_id == attempt.unit_id, Criterion.label == label, Criterion.kind == kind
        )
    ).one()


def make_attempt(registration: Registration, code: str) -> UnitAttempt:
    return add_and_flush(
        UnitAttempt(
            registration_id=registration.id,
            centre_id=registration.centre_id,
            candidate_id=registration.candidate_id,
            unit_id=unit(code).id,
            state=AttemptState.IN_PROGRESS,
            round=1,
            started_at=LONG_AGO,
        )
    )


def allocate(attempt: UnitAttempt, person: Person, role: Role, administrator: Person) -> Allocation:
    return add_and_flush(
        Allocation(
            attempt_id=attempt.id,
            person_id=person.id,
            role=role,
            starts_at=LONG_AGO,
            reason="First allocation",
            allocated_by_id=administrator.id,
        )
    )


def end_allocation(attempt: UnitAttempt, role: Role) -> None:
    """End the attempt's allocation in this role, if there is one."""
    query = select(Allocation).where(
        Allocation.attempt_id == attempt.id, Allocation.role == role, Allocation.ends_at.is_(None)
    )
    for allocation in db.session.scalars(query):
        allocation.ends_at = clock.now()


def make_actor(person: Person) -> Actor:
    """Return the person as an actor under their first grant."""
    first_grant = db.session.scalars(select(Grant).where(Grant.person_id == person.id).order_by(Grant.id)).first()
    return Actor(person.id, first_grant.id if first_grant else None, "test-session")


def make_evidence(attempt: UnitAttempt, title: str, *, narrative: str = "I took the call myself.") -> Evidence:
    """Make a draft of the attempt's candidate, complete enough to submit."""
    moment = clock.now()
    return add_and_flush(
        Evidence(
            centre_id=attempt.centre_id,
            candidate_id=attempt.candidate_id,
            title=title,
            method=Method.WORK_PRODUCT,
            happened_from=date(2026, 10, 5),
            occasion="Late shift",
            customers="Case CH-2231",
            narrative=narrative,
            workplace_location="",
            workplace_holder="",
            workplace_seen_by="",
            created_at=moment,
            updated_at=moment,
        )
    )


def claim(attempt: UnitAttempt, evidence: Evidence, *labels: str) -> list[Claim]:
    """Make claims for criteria by label; knowledge items are written `k:a`."""
    claims = []
    for each in labels:
        kind = CriterionKind.KNOWLEDGE if each.startswith("k:") else CriterionKind.PERFORMANCE
        claims.append(
            add_and_flush(
                Claim(
                    attempt_id=attempt.id,
                    evidence_id=evidence.id,
                    criterion_id=criterion(attempt, each.removeprefix("k:"), kind).id,
                    locator="",
                    claimed_at=clock.now(),
                    claimed_by_id=attempt.candidate_id,
                )
            )
        )
    return claims


def submit(evidence: Evidence, *, at: datetime | None = None) -> EvidenceVersion:
    """Seal the draft as its next version and submit it, without the service's checks."""
    moment = at or clock.now()
    evidence.number = evidence.number or _next_number(evidence)
    version = add_and_flush(
        EvidenceVersion(
            evidence_id=evidence.id,
            number=len(evidence.versions) + 1,
            content_hash=f"{evidence.id:064}",
            sealed_at=moment,
            **{name: getattr(evidence, name) for name in SEALED_FIELDS},
        )
    )
    add_and_flush(
        Submission(
            evidence_version_id=version.id,
            declaration="This is my own work.",
            submitted_at=moment,
            submitted_by_id=evidence.author_id or evidence.candidate_id,
        )
    )
    db.session.refresh(evidence, ["versions"])
    return version


def accept(
    attempt: UnitAttempt,
    version: EvidenceVersion,
    assessor: Person,
    outcomes: dict[Claim, Outcome],
    *,
    outcome: AssessmentOutcome = AssessmentOutcome.ACCEPTED,
) -> Assessment:
    """Make a released assessment with its decisions, without the service's checks."""
    moment = clock.now()
    assessment = add_and_flush(
        Assessment(
            attempt_id=attempt.id,
            evidence_version_id=version.id,
            assessor_id=assessor.id,
            state=AssessmentState.RELEASED,
            outcome=outcome,
            valid=True,
            authentic=True,
            current=True,
            sufficient=True,
            feedback="",
            draft_decisions={},
            started_at=moment,
            saved_at=moment,
            released_at=moment,
        )
    )
    for claim, decision_outcome in outcomes.items():
        add_and_flush(
            Decision(
                attempt_id=attempt.id,
                claim_id=claim.id,
                evidence_version_id=version.id,
                assessment_id=assessment.id,
                outcome=decision_outcome,
                comment="",
                decided_at=moment,
                decided_by_id=assessor.id,
            )
        )
    return assessment


def make_record(attempt: UnitAttempt, author: Person, title: str) -> Evidence:
    """Make a finished observation that waits for its candidate, without the service's checks."""
    record = make_evidence(attempt, title)
    record.author_id, record.record_kind, record.method = author.id, RecordKind.OBSERVATION, Method.OBSERVATION
    record.content = dump_content(RecordKind.OBSERVATION, ObservationContent(place="Leeds", first_attempt=attempt.id))
    db.session.flush()
    claim(attempt, record, "6")
    submit(record)
    return record


def make_discussion(attempt: UnitAttempt, author: Person, title: str) -> Evidence:
    """Make the draft of a professional discussion, without the service's checks."""
    kind = RecordKind.PROFESSIONAL_DISCUSSION
    record = make_evidence(attempt, title)
    record.author_id, record.record_kind, record.method = author.id, kind, Method.PROFESSIONAL_DISCUSSION
    record.content = dump_content(kind, DiscussionContent(place="Leeds", first_attempt=attempt.id))
    db.session.flush()
    return record


def make_testimony(attempt: UnitAttempt, asker: Person, title: str) -> WitnessTestimony:
    """Make a testimony that its witness has signed, without the service's checks."""
    moment, seen = clock.now(), criterion(attempt, "6")
    content = WitnessTestimonyContent(
        witness="Margaret Ellis", job="Operations manager", relationship="Line manager", contact="m@corvell.example",
        status=WitnessStatus.FAMILIAR, place="Leeds", statement="I saw this myself.", address_confirmed=True,
        criteria=(SeenCriterion(attempt.id, seen.id, attempt.unit.code, seen.kind, seen.label),),
    )  # fmt: skip
    return add_and_flush(
        WitnessTestimony(
            attempt_id=attempt.id, asked_by_id=asker.id, asked_at=moment, witness_name="Margaret Ellis",
            is_in_person=False, email="m@corvell.example", title=title, happened_on=clock.today(), place="Leeds", criterion_ids=[seen.id],
            token_hash=f"{attempt.id:064}", expires_at=moment + timedelta(days=30), decline_reason="",
            narrative="She took the call.", signed_at=moment,
            content=dump_content(RecordKind.WITNESS_TESTIMONY, content),
        )
    )  # fmt: skip


def days_ago(days: int) -> datetime:
    return clock.now() - timedelta(days=days)


def _next_number(evidence: Evidence) -> int:
    numbers = db.session.scalars(
        select(Evidence.number).where(
            Evidence.candidate_id == evidence.candidate_id,
            Evidence.centre_id == evidence.centre_id,
            Evidence.number.is_not(None),
        )
    ).all()
    return max([0, *[number for number in numbers if number]]) + 1


def add_and_flush(row: Row) -> Row:
    """Add a row that no act made: the events of the same transaction do not seal it."""
    db.session.add(row)
    db.session.flush()
    db.session.info.get("changed_rows", {}).pop(id(row), None)
    return row


def leave_unsealed() -> None:
    """Keep the events of this transaction from sealing what it made and changed so far: no act did."""
    db.session.flush()
    changed_rows.discard_changed_rows()


def _raise_missing_unit(code: str) -> Unit:
    message = f"unit {code} is not loaded"
    raise LookupError(message)
