"""Lists for countersigning: what waits for a countersigner, and the assessors who need one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from tracker.extensions import db
from tracker.models import (
    Assessment,
    Centre,
    Countersignature,
    Countersigner,
    Evidence,
    EvidenceVersion,
    Grant,
    Person,
    Signature,
    Unit,
    UnitAttempt,
)
from tracker.staff.queries.register import is_qualified_for, lacks_award
from tracker.vocabulary import Role
from tracker.web.countersigners import is_open
from tracker.web.list_pages import is_among, load_page
from tracker.web.list_positions import by_name
from tracker.web.lists import Column, Filter, ListDefinition, ListPage, ListQuery, contains_words
from tracker.web.text_direction import isolate


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """An assessment or a sign-off that waits for a countersigner."""

    id: int
    attempt_id: int
    number: int | None
    """The number of the evidence; None for a sign-off."""
    title: str | None
    code: str
    candidate: str
    assessor: str
    countersigner: str
    asked_at: datetime

    @property
    def subject(self) -> str:
        """Return what waits, in a few words."""
        return "Sign-off of the unit" if self.number is None else f"{self.number} {isolate(self.title or '')}"


TO_COUNTERSIGN = ListDefinition[WaitingRow](
    "to-countersign",
    (
        Column("Candidate", lambda row: row.candidate, can_sort=True),
        Column("To countersign", lambda row: row.subject),
        Column("Unit", lambda row: row.code, can_sort=True),
        Column("Assessor", lambda row: row.assessor),
        Column("Countersigner", lambda row: row.countersigner),
        Column("Waiting since", lambda row: row.asked_at, can_sort=True),
    ),
    default_sort="waiting-since",
)
OWN = "own"
TO_COUNTERSIGN_FILTERS = [Filter("show", "Show", "Asked of me", {OWN: "My decisions"})]


def list_to_countersign(person_id: int, centre_ids: tuple[int, ...], query: ListQuery) -> ListPage[WaitingRow]:
    """List a page of what waits for a person to countersign, or of what they wait for themselves.

    Args:
        person_id: the assessor.
        centre_ids: the centres at which they assess now.
        query: how the list is sorted and narrowed.
    """
    candidate, assessor, countersigner = aliased(Person), aliased(Person), aliased(Person)
    statement = (
        select(
            Countersignature.id,
            Countersignature.attempt_id,
            Evidence.number,
            EvidenceVersion.title,
            Unit.code,
            candidate.name.label("candidate"),
            assessor.name.label("assessor"),
            countersigner.name.label("countersigner"),
            Countersignature.asked_at,
        )
        .join(UnitAttempt, UnitAttempt.id == Countersignature.attempt_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(candidate, candidate.id == UnitAttempt.candidate_id)
        .outerjoin(Assessment, Assessment.id == Countersignature.assessment_id)
        .outerjoin(EvidenceVersion, EvidenceVersion.id == Assessment.evidence_version_id)
        .outerjoin(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .outerjoin(Signature, Signature.id == Countersignature.signature_id)
        .join(assessor, assessor.id == _assessor_id())
        .join(countersigner, countersigner.id == Countersignature.person_id)
        .where(
            is_among(Countersignature.id, _select_waiting(person_id, is_own=query.get("show") == OWN)),
            UnitAttempt.centre_id.in_(centre_ids),
            contains_words(query, candidate.name, EvidenceVersion.title, Unit.code),
        )
    )
    return load_page(
        TO_COUNTERSIGN,
        query,
        statement,
        lambda row: WaitingRow(*row[:9]),
        key=Countersignature.id,
        order_by={
            "candidate": [by_name(candidate.name)],
            "unit": [Unit.code],
            "waiting-since": [Countersignature.asked_at],
        },
    )


def count_to_countersign(person_id: int) -> tuple[int, int]:
    """Count what waits for a person to countersign, and what they wait for themselves, in one SQL statement."""
    counts = [
        _select_waiting(person_id, is_own=is_own).with_only_columns(func.count()).scalar_subquery()
        for is_own in (False, True)
    ]
    to_answer, own = db.session.execute(select(*counts)).one()
    return to_answer, own


@dataclass(frozen=True, slots=True)
class AssessorRow:
    """An assessor without an award, or with a countersigner, and what waits for the countersigner."""

    person_id: int
    name: str
    countersigner: str | None
    """Who is named now."""
    since: datetime | None
    needs_one: bool
    """Whether the assessor holds no award today."""
    is_fit: bool | None
    """Whether the countersigner can countersign today."""
    waiting: int
    """How much of the assessor waits to be countersigned."""
    oldest: datetime | None
    """When the first of it was asked for."""

    @property
    def state(self) -> str:
        """Return what the administrator has to do about it; empty for nothing."""
        if not self.countersigner:
            return "Nobody is named"
        return "" if self.is_fit else "Holds no award today, or is no assessor here now"


ASSESSORS = ListDefinition[AssessorRow](
    "assessors-to-countersign",
    (
        Column("Assessor", lambda row: row.name, can_sort=True),
        Column("Countersigner", lambda row: row.countersigner),
        Column("Since", lambda row: row.since),
        Column("State", lambda row: row.state),
        Column("Waiting", lambda row: row.waiting, is_number=True),
        Column("Oldest", lambda row: row.oldest),
    ),
    default_sort="assessor",
)


def list_assessors(centre: Centre, query: ListQuery) -> ListPage[AssessorRow]:
    """List a page of a centre's assessors who hold no award today or for whom somebody countersigns."""
    named, countersigner = aliased(Countersigner), aliased(Person)
    # Found first: SQLite would read everybody in the order of names, and every unit of the centre.
    is_assessor = is_among(Person.id, _select_assessors(centre.id))
    qualified = db.session.scalars(select(Person.id).where(is_assessor, is_qualified_for(centre.id, Role.ASSESSOR)))
    asked = is_among(
        Countersignature.person_id, select(Countersigner.person_id).where(Countersigner.centre_id == centre.id)
    )
    waiting = (
        select(
            _assessor_id().label("assessor_id"),
            func.count(Countersignature.id).label("waiting"),
            func.min(Countersignature.asked_at).label("oldest"),
        )
        .join(UnitAttempt, UnitAttempt.id == Countersignature.attempt_id)
        .outerjoin(Assessment, Assessment.id == Countersignature.assessment_id)
        .outerjoin(Signature, Signature.id == Countersignature.signature_id)
        .where(is_open(), asked, UnitAttempt.centre_id == centre.id)
        .group_by(_assessor_id())
        .subquery("waiting")
    )
    needs_one = lacks_award(centre.id, Role.ASSESSOR)
    statement = (
        select(
            Person.id,
            Person.name,
            countersigner.name.label("countersigner"),
            named.starts_at,
            needs_one.label("needs_one"),
            named.person_id.in_(qualified.all()).label("is_fit"),
            func.coalesce(waiting.c.waiting, 0),
            waiting.c.oldest,
        )
        .outerjoin(
            named,
            and_(named.assessor_id == Person.id, named.centre_id == centre.id, named.ends_at.is_(None)),
        )
        .outerjoin(countersigner, countersigner.id == named.person_id)
        .outerjoin(waiting, waiting.c.assessor_id == Person.id)
        .where(
            is_assessor,
            or_(needs_one, named.id.is_not(None)),
            contains_words(query, Person.name),
        )
    )
    return load_page(
        ASSESSORS,
        query,
        statement,
        lambda row: AssessorRow(*row[:8]),
        key=Person.id,
        order_by={"assessor": [by_name(Person.name)]},
    )


def list_possible_countersigners(centre_id: int, assessor_id: int) -> list[Person]:
    """List the assessors of a centre who hold an award today, without one person, by name."""
    query = select(Person).where(
        is_among(Person.id, _select_assessors(centre_id)),
        is_qualified_for(centre_id, Role.ASSESSOR),
        Person.id != assessor_id,
    )
    return list(db.session.scalars(query.order_by(func.lower(Person.name), Person.id)))


def list_namings(centre_id: int, assessor_id: int) -> list[tuple[Countersigner, str, str]]:
    """List who was named to countersign for an assessor at a centre, newest first, with who named them."""
    named_by, person = aliased(Person), aliased(Person)
    query = (
        select(Countersigner, person.name, named_by.name)
        .join(person, person.id == Countersigner.person_id)
        .join(named_by, named_by.id == Countersigner.named_by_id)
        .where(Countersigner.centre_id == centre_id, Countersigner.assessor_id == assessor_id)
        .order_by(Countersigner.id.desc())
    )
    return [(row[0], row[1], row[2]) for row in db.session.execute(query)]


def _assessor_id() -> ColumnElement[int]:
    """Return whose assessment or signature a countersignature is of, as SQL."""
    return func.coalesce(Assessment.assessor_id, Signature.person_id)


def _select_waiting(person_id: int, *, is_own: bool) -> Select[int]:
    """Select the ids of what waits for a person to countersign, or of what they wait for themselves.

    Each is found by the index of those who are asked: who waits has named countersigners.
    """
    waiting = select(Countersignature.id).where(is_open())
    if not is_own:
        return waiting.where(Countersignature.person_id == person_id)
    asked = select(Countersigner.person_id).where(Countersigner.assessor_id == person_id)
    return (
        waiting.outerjoin(Assessment, Assessment.id == Countersignature.assessment_id)
        .outerjoin(Signature, Signature.id == Countersignature.signature_id)
        .where(Countersignature.person_id.in_(asked), _assessor_id() == person_id)
    )


def _select_assessors(centre_id: int) -> Select[int]:
    """Select the ids of a centre's assessors, former ones included."""
    return select(Grant.person_id).where(Grant.centre_id == centre_id, Grant.role == Role.ASSESSOR)
