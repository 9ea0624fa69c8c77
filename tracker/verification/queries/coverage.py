"""Coverage of sampling in a period: how much of each assessor's work was sampled, by unit and by method."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, SQLColumnExpression, and_, distinct, exists, func, or_

from tracker.clock import end_of_day, start_of_day
from tracker.extensions import db
from tracker.models import Claim, Decision, EvidenceVersion, Person, Sample, SampleItem, Signature, Unit, UnitAttempt
from tracker.verification.queries.allocated import select_allocated
from tracker.vocabulary import AttemptState, Method, SignatureRole
from tracker.web.list_pages import cut_page
from tracker.web.lists import Column, DayFilter, ListDefinition, ListPage, ListQuery

CONFIRMED = (AttemptState.CONFIRMED, AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED)
PERIOD = (DayFilter("from", "Sampled from"), DayFilter("until", "Sampled until"))
"""The first and the last day of the samples that count."""


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """What was sampled of an assessor's work on a unit or with a method, in attempts allocated to a verifier now."""

    assessor: str
    subject: str
    """The unit's code, or the method."""
    decisions: int = 0
    """The assessor's decisions that count now or were sampled."""
    sampled_decisions: int = 0
    units: int = 0
    """Attempts that the assessor has signed and the candidate has confirmed; 0 by method."""
    sampled_units: int = 0
    """Those of them with a sample in their round."""

    @property
    def is_unsampled(self) -> bool:
        """Whether there are decisions and none of them was sampled."""
        return bool(self.decisions) and not self.sampled_decisions

    @property
    def share(self) -> float | None:
        """The share of decisions sampled; None where there are none."""
        return self.sampled_decisions / self.decisions if self.decisions else None


ASSESSOR = Column[CoverageRow]("Assessor", lambda row: row.assessor, can_sort=True)
DECISIONS = (
    Column[CoverageRow]("Decisions", lambda row: row.decisions, only_in_csv=True),
    Column[CoverageRow]("Decisions sampled", lambda row: row.sampled_decisions),
    Column[CoverageRow](
        "Share of decisions",
        lambda row: "" if row.share is None else f"{row.share:.0%}",
        can_sort=True,
        order_words="Least sampled",
        is_number=True,
    ),
)
COVERAGE = ListDefinition[CoverageRow](
    "coverage",
    (
        ASSESSOR,
        Column("Unit", lambda row: row.subject, can_sort=True),
        Column("Confirmed units", lambda row: row.units, only_in_csv=True),
        Column("Confirmed units sampled", lambda row: row.sampled_units),
        *DECISIONS,
    ),
    default_sort="share-of-decisions",
)
METHOD_COVERAGE = ListDefinition[CoverageRow](
    "coverage-by-method",
    (ASSESSOR, Column("Method", lambda row: row.subject, can_sort=True), *DECISIONS),
    default_sort="share-of-decisions",
)


def list_coverage(person_id: int, query: ListQuery) -> ListPage[CoverageRow]:
    """List a page of a verifier's coverage by assessor and unit. Runs two SQL statements."""
    units = {tuple(row[:3]): tuple(row[3:]) for row in db.session.execute(_select_units(person_id, query))}
    decisions = {tuple(row[:3]): tuple(row[3:]) for row in _load_decisions(person_id, Unit.code, query)}
    rows = [
        CoverageRow(key[1], key[2], *decisions.get(key, (0, 0)), *units.get(key, (0, 0)))
        for key in sorted({*units, *decisions})
    ]
    return _cut_page(COVERAGE, query, rows, "unit")


def list_method_coverage(person_id: int, query: ListQuery) -> ListPage[CoverageRow]:
    """List a page of a verifier's coverage by assessor and method. Runs one SQL statement."""
    rows = [
        CoverageRow(assessor, Method(method).label if method else "No method", count, sampled)
        for _, assessor, method, count, sampled in _load_decisions(person_id, EvidenceVersion.method, query)
    ]
    return _cut_page(METHOD_COVERAGE, query, rows, "method")


def _cut_page(
    definition: ListDefinition[CoverageRow], query: ListQuery, rows: Sequence[CoverageRow], subject: str
) -> ListPage[CoverageRow]:
    words = query.words.lower()
    found = [row for row in rows if words in row.assessor.lower() or words in row.subject.lower()]
    return cut_page(
        definition,
        query,
        sorted(found, key=lambda row: (row.assessor.lower(), row.subject)),
        {
            "assessor": lambda row: row.assessor.lower(),
            subject: lambda row: row.subject,
            "share-of-decisions": lambda row: row.share,
        },
        key=lambda row: [row.assessor, row.subject],
    )


def _is_in_period(query: ListQuery) -> list[ColumnElement[bool]]:
    """Return the SQL conditions for samples in the period that is asked for."""
    first, last = query.get_day("from"), query.get_day("until")
    conditions = []
    if first:
        conditions.append(Sample.sampled_at >= start_of_day(first))
    if last:
        conditions.append(Sample.sampled_at <= end_of_day(last))
    return conditions


def _select_units(person_id: int, query: ListQuery) -> Any:
    """Select, by the assessor who signed and by unit, how many attempts are confirmed and how many were sampled."""
    was_sampled = exists().where(
        Sample.attempt_id == UnitAttempt.id, Sample.round == UnitAttempt.round, *_is_in_period(query)
    )
    is_signature = and_(
        Signature.attempt_id == UnitAttempt.id,
        Signature.role == SignatureRole.ASSESSOR,
        Signature.superseded_at.is_(None),
    )
    return (
        select_allocated(
            person_id, Person.id, Person.name, Unit.code, func.count(UnitAttempt.id), func.count().filter(was_sampled)
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Signature, is_signature)
        .join(Person, Person.id == Signature.person_id)
        .where(UnitAttempt.state.in_(CONFIRMED))
        .group_by(Person.id, Person.name, Unit.code)
    )


def _load_decisions(
    person_id: int, subject: SQLColumnExpression[Any], query: ListQuery
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return, by the assessor who decided and by subject, how many decisions there are and how many were sampled.

    A decision that was sampled twice is joined twice, and counted once. Looking each one up took six times as long.
    """
    is_its_item = and_(
        SampleItem.evidence_version_id == Decision.evidence_version_id, SampleItem.criterion_id == Claim.criterion_id
    )
    is_its_sample = and_(
        Sample.id == SampleItem.sample_id,
        Sample.attempt_id == Decision.attempt_id,
        Sample.sampled_at >= Decision.decided_at,
        or_(Decision.superseded_at.is_(None), Sample.sampled_at <= Decision.superseded_at),
        *_is_in_period(query),
    )
    was_sampled, decisions = Sample.id.is_not(None), func.count(distinct(Decision.id))
    statement = (
        select_allocated(person_id, Person.id, Person.name, subject, decisions, decisions.filter(was_sampled))
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Decision, Decision.attempt_id == UnitAttempt.id)
        .join(Claim, Claim.id == Decision.claim_id)
        .join(Person, Person.id == Decision.decided_by_id)
        .outerjoin(SampleItem, is_its_item)
        .outerjoin(Sample, is_its_sample)
        .where(
            UnitAttempt.state != AttemptState.VOID,
            Decision.assessment_id.is_not(None),
            or_(and_(Decision.superseded_at.is_(None), Claim.removed_at.is_(None)), was_sampled),
        )
        .group_by(Person.id, Person.name, subject)
    )
    if subject is EvidenceVersion.method:  # by unit, the versions of thousands of decisions need not be looked up
        statement = statement.join(EvidenceVersion, EvidenceVersion.id == Decision.evidence_version_id)
    return db.session.execute(statement).all()
