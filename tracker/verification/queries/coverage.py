"""Coverage of sampling: how many confirmed units and decisions were sampled, by assessor and unit."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, exists, func, or_

from tracker.extensions import db
from tracker.models import Claim, Decision, Person, Sample, SampleItem, Signature, Unit, UnitAttempt
from tracker.verification.queries.allocated import select_allocated
from tracker.vocabulary import AttemptState, SignatureRole
from tracker.web.lists import Column, ListDefinition, ListPage, ListQuery, cut_page

CONFIRMED = (AttemptState.CONFIRMED, AttemptState.VERIFIED, AttemptState.CERTIFICATE_CLAIMED)


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """What was sampled of an assessor's work on a unit, in the attempts allocated to a verifier now."""

    assessor: str
    code: str
    units: int = 0
    """Attempts that the assessor has signed and the candidate has confirmed."""
    sampled_units: int = 0
    """Those of them with a sample in their round."""
    decisions: int = 0
    """The assessor's decisions that count now or were sampled."""
    sampled_decisions: int = 0

    @property
    def is_unsampled(self) -> bool:
        """Whether there are decisions and none of them was sampled."""
        return bool(self.decisions) and not self.sampled_decisions

    @property
    def share(self) -> float | None:
        """The share of decisions sampled; None where there are none."""
        return self.sampled_decisions / self.decisions if self.decisions else None


COVERAGE = ListDefinition[CoverageRow](
    "coverage",
    (
        Column("Assessor", lambda row: row.assessor, can_sort=True),
        Column("Unit", lambda row: row.code, can_sort=True),
        Column("Confirmed units", lambda row: row.units, only_in_csv=True),
        Column("Confirmed units sampled", lambda row: row.sampled_units),
        Column("Decisions", lambda row: row.decisions, only_in_csv=True),
        Column("Decisions sampled", lambda row: row.sampled_decisions),
        Column(
            "Share of decisions",
            lambda row: "" if row.share is None else f"{row.share:.0%}",
            can_sort=True,
            order_words="Least sampled",
            is_number=True,
        ),
    ),
    default_sort="share-of-decisions",
)


def list_coverage(person_id: int, query: ListQuery) -> ListPage[CoverageRow]:
    """List a page of a verifier's coverage, by assessor and unit. Runs two SQL statements."""
    words = query.words.lower()
    rows = [row for row in _load_rows(person_id) if words in row.assessor.lower() or words in row.code.lower()]
    return cut_page(
        COVERAGE,
        query,
        rows,
        {
            "assessor": lambda row: row.assessor.lower(),
            "unit": lambda row: row.code,
            "share-of-decisions": lambda row: row.share,
        },
    )


def _load_rows(person_id: int) -> list[CoverageRow]:
    units = {tuple(row[:3]): tuple(row[3:]) for row in db.session.execute(_select_units(person_id))}
    decisions = {tuple(row[:3]): tuple(row[3:]) for row in db.session.execute(_select_decisions(person_id))}
    keys = sorted({*units, *decisions}, key=lambda key: (key[1].lower(), key[2], key[0]))
    return [
        CoverageRow(
            assessor, code, *units.get((id_, assessor, code), (0, 0)), *decisions.get((id_, assessor, code), (0, 0))
        )
        for id_, assessor, code in keys
    ]


def _select_units(person_id: int) -> Any:
    """Select, by the assessor who signed and by unit, how many attempts are confirmed and how many were sampled."""
    was_sampled = exists().where(Sample.attempt_id == UnitAttempt.id, Sample.round == UnitAttempt.round)
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


def _select_decisions(person_id: int) -> Any:
    """Select, by the assessor who decided and by unit, how many decisions there are and how many were sampled."""
    was_sampled = exists().where(
        SampleItem.sample_id == Sample.id,
        Sample.attempt_id == Decision.attempt_id,
        SampleItem.evidence_version_id == Decision.evidence_version_id,
        SampleItem.criterion_id == Claim.criterion_id,
        Sample.sampled_at >= Decision.decided_at,
        or_(Decision.superseded_at.is_(None), Sample.sampled_at <= Decision.superseded_at),
    )
    return (
        select_allocated(
            person_id, Person.id, Person.name, Unit.code, func.count(Decision.id), func.count().filter(was_sampled)
        )
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .join(Decision, Decision.attempt_id == UnitAttempt.id)
        .join(Claim, Claim.id == Decision.claim_id)
        .join(Person, Person.id == Decision.decided_by_id)
        .where(
            UnitAttempt.state != AttemptState.VOID,
            Decision.assessment_id.is_not(None),
            or_(and_(Decision.superseded_at.is_(None), Claim.removed_at.is_(None)), was_sampled),
        )
        .group_by(Person.id, Person.name, Unit.code)
    )
