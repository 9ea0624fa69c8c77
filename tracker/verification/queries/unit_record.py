"""Queries for one unit's record of verification: samples with their decisions, and released assessments."""

from dataclasses import dataclass

from sqlalchemy import case, func, select

from tracker.extensions import db
from tracker.models import (
    Assessment,
    Criterion,
    Evidence,
    EvidenceVersion,
    Person,
    Sample,
    SampleItem,
    Unit,
    UnitAttempt,
)
from tracker.vocabulary import AssessmentState


@dataclass(frozen=True)
class SampleOfUnit:
    """A sample with its verifier, and how many decisions were sampled and agreed with."""

    sample: Sample
    verifier: str
    sampled_count: int
    agreed_count: int


@dataclass(frozen=True)
class SampledDecisionOfUnit:
    """One sampled decision, with the label of its criterion and the reference of its evidence."""

    item: SampleItem
    label: str
    evidence_number: int | None
    version_number: int
    unit_version: str | None
    """The version of the unit that the criterion is of; None for the attempt's own."""


def list_samples(attempt: UnitAttempt) -> list[SampleOfUnit]:
    """List an attempt's samples, oldest first."""
    query = (
        select(Sample, Person.name, func.count(SampleItem.id), func.count(SampleItem.id).filter(SampleItem.agrees))
        .join(Person, Person.id == Sample.verifier_id)
        .join(SampleItem, SampleItem.sample_id == Sample.id)
        .where(Sample.attempt_id == attempt.id)
        .group_by(Sample.id, Person.name)
        .order_by(Sample.id)
    )
    return [SampleOfUnit(*row) for row in db.session.execute(query)]


def list_sampled_decisions(attempt: UnitAttempt) -> dict[int, list[SampledDecisionOfUnit]]:
    """List the sampled decisions of an attempt by sample, in the order of the unit's criteria."""
    is_of_own_version = Unit.id == attempt.unit_id
    query = (
        select(
            SampleItem,
            Criterion.label,
            Evidence.number,
            EvidenceVersion.number,
            case((is_of_own_version, None), else_=Unit.version),
        )
        .join(Sample, Sample.id == SampleItem.sample_id)
        .join(Criterion, Criterion.id == SampleItem.criterion_id)
        .join(Unit, Unit.id == Criterion.unit_id)
        .join(EvidenceVersion, EvidenceVersion.id == SampleItem.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .where(Sample.attempt_id == attempt.id)
        .order_by(Evidence.number, Criterion.position)
    )
    by_sample: dict[int, list[SampledDecisionOfUnit]] = {}
    for row in db.session.execute(query):
        by_sample.setdefault(row[0].sample_id, []).append(SampledDecisionOfUnit(*row))
    return by_sample


def load_released_assessments(attempt: UnitAttempt) -> dict[int, list[tuple[Assessment, str]]]:
    """Return the attempt's released assessments by id of the evidence version, each with the assessor's name."""
    query = (
        select(Assessment, Person.name)
        .join(Person, Person.id == Assessment.assessor_id)
        .where(Assessment.attempt_id == attempt.id, Assessment.state == AssessmentState.RELEASED)
        .order_by(Assessment.released_at, Assessment.id)
    )
    by_version: dict[int, list[tuple[Assessment, str]]] = {}
    for assessment, name in db.session.execute(query):
        by_version.setdefault(assessment.evidence_version_id, []).append((assessment, name))
    return by_version
