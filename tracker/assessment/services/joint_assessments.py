"""Assessment of one item in several units in one act: one feedback and one set of checks, decisions in each unit.

Each unit has an assessment of its own (`assessments`). The caller has locked the attempts (docs/rules.md, Assessment,
rule 17).
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from tracker.assessment.services.assessments import (
    DraftDecisions,
    accept_evidence,
    affirm_evidence,
    check_all_decided,
    get_draft_to_finish,
    list_undecided,
    load_claimed_cells,
    return_evidence,
    save_draft,
)
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger.events import Actor
from tracker.models import Assessment, EvidenceVersion, UnitAttempt


def save_drafts(
    attempts: Sequence[UnitAttempt], version: EvidenceVersion, draft: DraftDecisions, actor: Actor
) -> None:
    """Save an assessor's changes in the draft of each unit: its own claims, and what is common to all units.

    A claim of none of these units is refused by the first; otherwise raise as `save_draft` does.
    """
    for attempt, own_draft in zip(attempts, split_draft(attempts, version, draft), strict=True):
        save_draft(attempt, version, own_draft, actor)


def split_draft(
    attempts: Sequence[UnitAttempt], version: EvidenceVersion, draft: DraftDecisions
) -> list[DraftDecisions]:
    """Return each attempt's part of a draft. A claim of none of them is in the first part."""
    claim_ids = [{cell.claim_id for cell in load_claimed_cells(each, version).values()} for each in attempts[1:]]
    known = set().union(*claim_ids)
    claim_ids.insert(0, (set(draft.outcomes) | set(draft.comments)) - known)
    return [
        replace(
            draft,
            outcomes={claim_id: outcome for claim_id, outcome in draft.outcomes.items() if claim_id in own_ids},
            comments={claim_id: comment for claim_id, comment in draft.comments.items() if claim_id in own_ids},
        )
        for own_ids in claim_ids
    ]


def accept_in_units(attempts: Sequence[UnitAttempt], version: EvidenceVersion, actor: Actor) -> list[Assessment]:
    """Accept an item in each of the units, or in none; raise as `accept_evidence` does."""
    drafts = [get_draft_to_finish(attempt, version, actor) for attempt in attempts]
    check_all_decided([cell for draft in drafts for cell in list_undecided(draft)])
    return [accept_evidence(attempt, version, actor) for attempt in attempts]


def return_in_units(attempts: Sequence[UnitAttempt], version: EvidenceVersion, actor: Actor) -> list[Assessment]:
    """Return an item in each of the units with the same feedback; raise as `return_evidence` does."""
    return [return_evidence(attempt, version, actor) for attempt in attempts]


def affirm_in_units(attempts: Sequence[UnitAttempt], version: EvidenceVersion, actor: Actor) -> list[Assessment]:
    """Affirm what an earlier version of the item met, in each of the units; raise as `affirm_evidence` does."""
    affirmable = [
        attempt
        for attempt in attempts
        if any(cell.awaits_affirmation for cell in load_claimed_cells(attempt, version).values())
    ]
    return [affirm_evidence(attempt, version, actor) for attempt in affirmable or attempts]


def list_undoable_with(assessment: Assessment) -> list[Assessment]:
    """List the assessments of the same version by the same assessor that can still be undone, this one included."""
    query = (
        select(Assessment)
        .where(
            Assessment.evidence_version_id == assessment.evidence_version_id,
            Assessment.assessor_id == assessment.assessor_id,
            Assessment.release_after > now(),
        )
        .order_by(Assessment.id)
    )
    return list(db.session.scalars(query))
