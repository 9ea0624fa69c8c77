"""Queries for the page on which an internal verifier samples a unit: its items, their decisions and samples."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select

from tracker.extensions import db
from tracker.matrix import Matrix, MatrixCell, MatrixColumn, MatrixRow
from tracker.models import CarriedOverClaim, Claim, Sample, SampleItem, UnitAttempt
from tracker.vocabulary import Method


@dataclass(frozen=True)
class DecisionToSample:
    """A claim with its decision, and the verifier's latest sample of that decision."""

    column: MatrixColumn
    cell: MatrixCell
    sample: Sample | None = None
    sample_item: SampleItem | None = None
    earlier_sample: Sample | None = None
    """The latest sample of the decision in an earlier version of the unit, if it was not sampled since."""
    earlier_sample_item: SampleItem | None = None

    @property
    def can_be_sampled(self) -> bool:
        """Return whether the live decision is an assessor's, and so can be agreed with or not."""
        return self.cell.assessment_id is not None

    @property
    def is_sampled(self) -> bool:
        """Return whether the assessor's live decision was sampled."""
        return self.can_be_sampled and self.sample_item is not None


@dataclass(frozen=True)
class ItemToSample:
    """An item of evidence with its decisions, in the order of the unit's criteria."""

    row: MatrixRow
    decisions: tuple[DecisionToSample, ...]

    @cached_property
    def sampleable_count(self) -> int:
        """Return how many decisions can be sampled."""
        return sum(decision.can_be_sampled for decision in self.decisions)

    @cached_property
    def sampled_count(self) -> int:
        """Return how many decisions were sampled."""
        return sum(decision.is_sampled for decision in self.decisions)

    @cached_property
    def earlier_count(self) -> int:
        """Return how many decisions were sampled only in an earlier version of the unit."""
        return sum(decision.earlier_sample is not None for decision in self.decisions)

    @cached_property
    def disagreed_count(self) -> int:
        """Return how many live decisions come from a disagreement of the verifier."""
        return sum(
            not decision.can_be_sampled and decision.sample_item is not None and not decision.sample_item.agrees
            for decision in self.decisions
        )


@dataclass(frozen=True)
class SamplingProgress:
    """The number of decisions and items of a unit, and of those sampled so far."""

    decisions: int
    sampled_decisions: int
    items: int
    sampled_items: int
    sampled_methods: tuple[Method, ...]
    earlier_decisions: int = 0
    """Decisions sampled only in an earlier version of the unit, which the other figures leave out."""


def list_items_to_sample(attempt: UnitAttempt, matrix: Matrix) -> list[ItemToSample]:
    """List the items that claim a criterion of the unit, each with its decisions in the order of the criteria."""
    latest_samples = _load_latest_samples(attempt)
    earlier_criteria = _load_earlier_criteria(attempt) if attempt.is_moved else {}
    return [
        ItemToSample(
            row,
            tuple(
                _build_decision(
                    column,
                    row.cells[column.id],
                    latest_samples,
                    earlier_criteria.get(row.cells[column.id].claim_id, ()),
                )
                for column in matrix.columns
                if column.id in row.cells
            ),
        )
        for row in matrix.claiming_rows
    ]


def summarise_sampling(items: Iterable[ItemToSample]) -> SamplingProgress:
    """Summarise how many decisions and items were sampled, and evidence of which methods.

    A decision that the verifier disagreed with counts as sampled until the assessor decides again.
    """
    items = list(items)
    sampled_items = [item for item in items if item.sampled_count or item.disagreed_count]
    methods = dict.fromkeys(item.row.method for item in sampled_items if item.row.method)
    return SamplingProgress(
        decisions=sum(item.sampleable_count + item.disagreed_count for item in items),
        sampled_decisions=sum(item.sampled_count + item.disagreed_count for item in items),
        items=sum(1 for item in items if item.sampleable_count or item.disagreed_count),
        sampled_items=len(sampled_items),
        sampled_methods=tuple(methods),
        earlier_decisions=sum(item.earlier_count for item in items),
    )


def _load_latest_samples(attempt: UnitAttempt) -> dict[tuple[int, int], tuple[Sample, SampleItem]]:
    """Return the latest sample of each decision of the attempt, by evidence version and criterion."""
    query = (
        select(Sample, SampleItem)
        .join(SampleItem, SampleItem.sample_id == Sample.id)
        .where(Sample.attempt_id == attempt.id)
        .order_by(Sample.id, SampleItem.id)
    )
    return {
        (item.evidence_version_id, item.criterion_id): (sample, item)
        for sample, item in db.session.execute(query)  # later samples overwrite earlier ones
    }


def _load_earlier_criteria(attempt: UnitAttempt) -> dict[int, set[int]]:
    """Return, by the id of a claim that a version move carried over, the criteria claimed in earlier versions."""
    query = (
        select(CarriedOverClaim.claim_id, CarriedOverClaim.from_claim_id, Claim.criterion_id)
        .join(Claim, Claim.id == CarriedOverClaim.from_claim_id)
        .where(Claim.attempt_id == attempt.id)
        .order_by(CarriedOverClaim.move_id)
    )
    criteria: dict[int, set[int]] = {}
    for claim_id, from_claim_id, criterion_id in db.session.execute(query):  # earlier moves come first
        criteria.setdefault(claim_id, set()).update({criterion_id}, criteria.get(from_claim_id, ()))
    return criteria


def _build_decision(
    column: MatrixColumn,
    cell: MatrixCell,
    latest_samples: Mapping[tuple[int, int], tuple[Sample, SampleItem]],
    earlier_criteria: Collection[int],
) -> DecisionToSample:
    """Build a decision with its sample, unless the decision was made after that sample.

    A decision that a version move carried over keeps its day; its samples name the criteria of earlier versions.
    """
    if cell.decided_version_id is None or cell.decided_at is None:
        return DecisionToSample(column, cell)
    version_id, decided_at = cell.decided_version_id, cell.decided_at

    def find(criterion_ids: Iterable[int]) -> tuple[Sample, SampleItem] | tuple[None, None]:
        found = (latest_samples.get((version_id, criterion_id)) for criterion_id in criterion_ids)
        current = [pair for pair in found if pair and pair[0].sampled_at >= decided_at]
        return max(current, key=lambda pair: pair[1].id, default=(None, None))

    sample, item = find([column.id])
    earlier = (None, None) if sample else find(earlier_criteria)
    return DecisionToSample(column, cell, sample, item, *earlier)
