"""The facts of a form's annex, read from the database."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from tracker.accounts.person_names import clean_name, remove_invisible_characters
from tracker.clock import day_of
from tracker.extensions import db
from tracker.matrix.testimony_notes import list_testimony_notes
from tracker.models import (
    Acknowledgement,
    Claim,
    Criterion,
    Decision,
    Evidence,
    EvidenceRequirement,
    EvidenceVersion,
    Person,
    RequirementConfirmation,
    Sample,
    SampleItem,
    Signature,
    Submission,
    UnitAttempt,
)
from tracker.recording_forms.annex import AnnexRecord, AnnexRequirement, AnnexSample, FormAnnex
from tracker.recording_forms.form_content import GROUP_HEADINGS
from tracker.vocabulary import CriterionKind, RecordKind


class _SampledDecision(NamedTuple):
    """A sampled decision as the database returns it."""

    sample: Sample
    item: SampleItem
    verifier: str
    kind: CriterionKind
    label: str
    evidence_number: int | None
    version: EvidenceVersion


def build_annex(attempt: UnitAttempt, assessor: Signature | None, verifier: Signature | None) -> FormAnnex:
    """Return the annex of an attempt's form as it is now; four statements (docs/rules.md, Signing, rule 13).

    The requirements are those confirmed in this round; the sampled decisions are those of every round.

    Args:
        attempt: the attempt.
        assessor: the assessor's signature of this round, with the reason for signing over warnings if there is one.
        verifier: the verifier's signature of this round, with the reason for not sampling if there is one.
    """
    warnings_reason = assessor.warnings_reason if assessor else None
    unsampled_reason = verifier.unsampled_reason if verifier else None
    return FormAnnex(
        requirements=_list_requirements(attempt),
        samples=_list_samples(attempt),
        records=_list_records(attempt),
        warnings_reason=remove_invisible_characters(warnings_reason or ""),
        unmet_guidance=tuple(
            remove_invisible_characters(f"{each['expected']}: {'; '.join(each['missing'])}")
            for each in (assessor.unmet_guidance if assessor else None) or ()
        ),
        unsampled_reason=remove_invisible_characters(unsampled_reason or ""),
    )


def _list_requirements(attempt: UnitAttempt) -> tuple[AnnexRequirement, ...]:
    is_confirmation = and_(
        RequirementConfirmation.requirement_id == EvidenceRequirement.id,
        RequirementConfirmation.attempt_id == attempt.id,
        RequirementConfirmation.round == attempt.round,
        RequirementConfirmation.removed_at.is_(None),
    )
    query = (
        select(EvidenceRequirement, RequirementConfirmation, Person.name)
        .outerjoin(RequirementConfirmation, is_confirmation)
        .outerjoin(Person, Person.id == RequirementConfirmation.confirmed_by_id)
        .where(EvidenceRequirement.unit_id == attempt.unit_id)
        .order_by(EvidenceRequirement.position)
    )
    return tuple(_requirement(*row) for row in db.session.execute(query))


def _requirement(
    requirement: EvidenceRequirement, confirmation: RequirementConfirmation | None, name: str | None
) -> AnnexRequirement:
    printed = AnnexRequirement(requirement.label, requirement.text, tuple(requirement.points))
    if confirmation is None:
        return printed
    return replace(
        printed,
        confirmed_by=clean_name(name or ""),
        confirmed_on=day_of(confirmation.confirmed_at),
        note=remove_invisible_characters(confirmation.note),
    )


def _list_samples(attempt: UnitAttempt) -> tuple[AnnexSample, ...]:
    query = (
        select(Sample, SampleItem, Person.name, Criterion.kind, Criterion.label, Evidence.number, EvidenceVersion)
        .join(SampleItem, SampleItem.sample_id == Sample.id)
        .join(Person, Person.id == Sample.verifier_id)
        .join(Criterion, Criterion.id == SampleItem.criterion_id)
        .join(EvidenceVersion, EvidenceVersion.id == SampleItem.evidence_version_id)
        .join(Evidence, Evidence.id == EvidenceVersion.evidence_id)
        .where(Sample.attempt_id == attempt.id)
        .order_by(Sample.id, Evidence.number, EvidenceVersion.number, Criterion.position)
    )
    sampled = [_SampledDecision(*row) for row in db.session.execute(query)]
    decisions = _load_assessors_decisions(attempt) if sampled else {}
    printed = [_sample(each, decisions.get((each.version.id, each.item.criterion_id), ())) for each in sampled]
    pairs = zip(sampled, printed, strict=True)
    return tuple(_merge(group) for _, group in groupby(pairs, key=lambda pair: (pair[0].sample.id, pair[1])))


def _list_records(attempt: UnitAttempt) -> tuple[AnnexRecord, ...]:
    """Return the records of assessment among the evidence that this round sees, each with the last answer to it."""
    acknowledger = aliased(Person)
    last = (
        select(func.max(Acknowledgement.id))
        .where(Acknowledgement.evidence_version_id == EvidenceVersion.id)
        .correlate(EvidenceVersion)
        .scalar_subquery()
    )
    claimed = select(Claim.evidence_id).where(Claim.attempt_id == attempt.id, Claim.removed_at.is_(None))
    query = (
        select(Evidence.number, EvidenceVersion, Person.name, Acknowledgement, acknowledger.name)
        .join(EvidenceVersion, EvidenceVersion.evidence_id == Evidence.id)
        .join(Submission, Submission.evidence_version_id == EvidenceVersion.id)
        .join(Person, Person.id == EvidenceVersion.author_id)
        .outerjoin(Acknowledgement, Acknowledgement.id == last)
        .outerjoin(acknowledger, acknowledger.id == Acknowledgement.acknowledged_by_id)
        .where(Evidence.id.in_(claimed), Submission.withdrawn_at.is_(None))
        .order_by(Evidence.number, EvidenceVersion.number)
    )
    if attempt.assessed_at:
        query = query.where(Submission.submitted_at <= attempt.assessed_at)
    newest = {row[0]: row for row in db.session.execute(query)}
    return tuple(_record(*row) for row in newest.values())


def _record(
    number: int | None, version: EvidenceVersion, author: str, answer: Acknowledgement | None, answered_by: str | None
) -> AnnexRecord:
    witness = version.witness_name if version.record_kind is RecordKind.WITNESS_TESTIMONY else None
    return AnnexRecord(
        ref=f"{number} v{version.number}" if version.number > 1 else str(number),
        kind=version.record_kind.label if version.record_kind else "",
        author=clean_name(witness or author),
        finished_on=day_of(version.sealed_at),
        answer=answer.answer if answer else None,
        answered_by=clean_name(answered_by or ""),
        answered_on=day_of(answer.acknowledged_at) if answer else None,
        notes=_list_notes(version, answer) if version.record_kind is RecordKind.WITNESS_TESTIMONY else (),
    )


def _list_notes(version: EvidenceVersion, answer: Acknowledgement | None) -> tuple[str, ...]:
    notes = list_testimony_notes(version.content, answer.statement if answer else None)
    return tuple(clean_name(each) for each in [version.witness_status or "", *notes] if each)


def _load_assessors_decisions(attempt: UnitAttempt) -> dict[tuple[int, int], list[Decision]]:
    """Return every decision made by an assessor, oldest first, by evidence version and criterion."""
    query = (
        select(Decision, Claim.criterion_id)
        .join(Claim, Claim.id == Decision.claim_id)
        .where(Decision.attempt_id == attempt.id, Decision.assessment_id.is_not(None))
        .order_by(Decision.id)
    )
    decisions: dict[tuple[int, int], list[Decision]] = defaultdict(list)
    for decision, criterion_id in db.session.execute(query):
        decisions[decision.evidence_version_id, criterion_id].append(decision)
    return decisions


def _sample(sampled: _SampledDecision, decisions: Iterable[Decision]) -> AnnexSample:
    """Return a sampled decision as it is printed, without its criterion.

    The decision that was sampled is the one that was live at that moment.
    """
    sample, item = sampled.sample, sampled.item
    live = [
        each.outcome
        for each in decisions
        if each.decided_at <= sample.sampled_at
        and (not each.superseded_at or each.superseded_at >= sample.sampled_at)
    ]
    version = f" v{sampled.version.number}" if sampled.version.number > 1 else ""
    comments = dict.fromkeys(text.strip() for text in (item.comment, sample.comment) if text.strip())
    return AnnexSample(
        ref=f"{sampled.evidence_number}{version}",
        title=remove_invisible_characters(sampled.version.title or ""),
        criteria="",
        decision=live[-1] if live else None,
        verifier=clean_name(sampled.verifier),
        sampled_on=day_of(sample.sampled_at),
        round=sample.round,
        is_interim=sample.is_interim,
        agrees=item.agrees,
        comment=remove_invisible_characters("\n".join(comments)),
    )


def _merge(group: Iterable[tuple[_SampledDecision, AnnexSample]]) -> AnnexSample:
    """Return one row for decisions that differ in the criterion alone, with all their criteria: `PC 1, 2; K&U a`."""
    pairs = list(group)
    by_kind = groupby((sampled for sampled, _ in pairs), key=lambda sampled: sampled.kind)
    criteria = "; ".join(
        f"{GROUP_HEADINGS[kind][1]} {', '.join(each.label for each in sampled)}" for kind, sampled in by_kind
    )
    return replace(pairs[0][1], criteria=criteria)
