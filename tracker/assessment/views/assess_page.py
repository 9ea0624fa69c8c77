"""The page on which an assessor assesses one item: the evidence beside the criteria claimed in each unit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for

from tracker.assessment.queries import assessing as queries
from tracker.assessment.queries.answers import SuggestedDecision, find_marks, list_answers_to_mark, suggest_decisions
from tracker.assessment.queries.countersigning import find_disagreement
from tracker.assessment.queries.queue import (
    EvidenceToAssess,
    QueuePosition,
    filter_queue,
    find_queue_position,
    group_by_item,
)
from tracker.assessment.queries.same_files import list_items_with_same_files
from tracker.assessment.services import assessments as services
from tracker.assessment.services.assessments import DraftDecisions
from tracker.assessment.services.releasing import CHECKS
from tracker.clock import day_of
from tracker.errors import Conflict, Invalid
from tracker.library.queries.units import AttachedGuidance, list_guidance_by_unit
from tracker.matrix import MatrixColumn
from tracker.models import Assessment, EvidenceVersion, FeedbackRemark, UnitAttempt
from tracker.portfolio.evidence_warnings import ClaimedUnit, list_evidence_warnings
from tracker.portfolio.queries.remarks import RemarksOnItem, build_remarks
from tracker.portfolio.queries.warnings import load_version_context
from tracker.portfolio.remark_places import list_places
from tracker.vocabulary import Outcome
from tracker.web.current_user import me
from tracker.web.lists import MAX_SEARCH_LENGTH, read_search_words
from tracker.web.requests import get_query_number


@dataclass(frozen=True)
class ClaimToDecide:
    """One claim to decide, with the outcome and the comment so far."""

    criterion: queries.CriterionWithClaim
    outcome: str
    comment: str
    is_from_answers: bool = False
    """Whether it is filled in from what the assessor thinks of the answers; then it is not decided yet."""
    returned_version: int | None = None
    """The version on which it was marked as met before the item was returned; then it is filled in, not confirmed."""


@dataclass(frozen=True)
class UnitToAssess:
    """One of the units that an item is assessed in: its claims, its other criteria, and what was assessed before."""

    attempt: UnitAttempt
    choices: list[ClaimToDecide]
    unclaimed: list[MatrixColumn]
    draft: Assessment | None
    released: list[queries.ItemAssessment]
    guidance: tuple[AttachedGuidance, ...]
    remark_rows: list[Any]
    """The rows of the remarks on the item in this unit."""

    @property
    def affirmable(self) -> int:
        """Return how many criteria an earlier version met, so that they can be affirmed."""
        return sum(choice.criterion.cell.awaits_affirmation for choice in self.choices if choice.criterion.cell)


def render_assess_page(
    attempts: Sequence[UnitAttempt],
    versions: Sequence[EvidenceVersion],
    queue: Sequence[EvidenceToAssess],
    *,
    typed: DraftDecisions | None = None,
    refused: Invalid | Conflict | None = None,
    added_remark: FeedbackRemark | None = None,
) -> str:
    """Return the page on which one item is assessed.

    Args:
        attempts: the attempts in which it is assessed, the one in the page's address first.
        versions: the version of the item to assess, and those before it, newest first.
        queue: the assessor's queue.
        typed: what the assessor typed, after a refusal; None shows the saved draft.
        refused: why the form was refused.
        added_remark: a remark that the refused form would have added, which is in its fields again.
    """
    version, *earlier_versions = versions
    attachments = version.attachments
    guidance = list_guidance_by_unit((attempt.unit.code for attempt in attempts), [attempts[0].centre_id])
    units = [load_unit_to_assess(attempt, version, typed, guidance) for attempt in attempts]
    context = load_version_context(
        version, attachments, attempts[0].centre.evidence_age_months, list_claimed_units(units)
    )
    to_mark = list_answers_to_mark(attempts[0], version, units[0].draft, typed)
    drafts = [unit.draft for unit in units if unit.draft]
    draft = max(drafts, key=lambda each: each.saved_at, default=None)
    earlier = merge_feedback([entry for unit in units for entry in unit.released])
    return render_template(
        "assessment/assess.html",
        attempt=attempts[0],
        units=units,
        version=version,
        answers_to_mark=to_mark,
        attachments=attachments,
        changes=(
            queries.find_version_changes(version, attachments, earlier_versions[0]) if earlier_versions else None
        ),
        checks=typed.checks if typed else {check: bool(draft and getattr(draft, check)) for check in CHECKS},
        feedback=typed.feedback if typed else (draft.feedback if draft else ""),
        draft=draft,
        refused=refused,
        missing_id=find_missing_id(units, refused) if refused else None,
        earlier=earlier,
        answers=[each for each in versions if each.response],
        newest_release_id=max((entry.assessment.id for entry in earlier), default=0),
        newest_superseding_id=services.get_newest_superseding_id(
            choice.criterion.cell for unit in units for choice in unit.choices if choice.criterion.cell
        ),
        position=find_position(queue, version),
        assessing_url=build_assessing_url,
        undoable=find_assessment_to_undo(),
        warnings=list_evidence_warnings(version, context),
        same_files=(
            list_items_with_same_files(version, attachments, me().person_id) if context.files_elsewhere else []
        ),
        warnings_reason=find_warnings_reason(typed, draft, earlier),
        remarks=build_page_remarks(units, version, added_remark),
        places=list_places(version, attachments),
        disagreement=find_disagreement(draft.id) if draft and attempts[0].centre.has_countersigning else None,
    )


def build_page_remarks(
    units: Iterable[UnitToAssess], version: EvidenceVersion, without: FeedbackRemark | None
) -> RemarksOnItem:
    """Return the remarks in these units, the assessor's own drafts too, without one that a refused form would add."""
    rows = (row for unit in units for row in unit.remark_rows)
    return build_remarks((row for row in rows if without is None or row.remark_id != without.id), version.id)


def load_unit_to_assess(
    attempt: UnitAttempt,
    version: EvidenceVersion,
    typed: DraftDecisions | None,
    guidance: Mapping[str, tuple[AttachedGuidance, ...]],
) -> UnitToAssess:
    """Load what the page shows of one unit, whose guidance is given by its code. Runs two SQL statements."""
    criteria = queries.list_criteria_with_claims(attempt, version)
    assessments, remark_rows = queries.list_item_assessments(attempt, version.evidence_id, me().person_id)
    draft = queries.pick_draft(assessments, version, me().person_id)
    released = queries.pick_released(assessments)
    returned = queries.find_returned_decisions(released)
    suggested = suggest_decisions(attempt, version, criteria, find_marks(draft, typed))
    choices = [build_claim_to_decide(each, draft, typed, returned) for each in criteria if each.cell]
    return UnitToAssess(
        attempt=attempt,
        choices=[fill_in_suggestion(each, suggested) for each in choices],
        unclaimed=[each.column for each in criteria if not each.cell],
        draft=draft,
        released=released,
        guidance=guidance.get(attempt.unit.code, ()),
        remark_rows=remark_rows,
    )


def list_claimed_units(units: Iterable[UnitToAssess]) -> tuple[ClaimedUnit, ...]:
    """Return what the warnings about an item depend on in each unit, in the order of the attempts."""
    return tuple(
        ClaimedUnit(
            unit.attempt.unit.code,
            unit.attempt.unit.simulation,
            unit.attempt.registration.awarding_body_date or day_of(unit.attempt.registration.registered_at),
            len(unit.choices) + len(unit.unclaimed),
            len(unit.choices),
        )
        for unit in sorted(units, key=lambda each: each.attempt.id)
        if unit.choices
    )


def merge_feedback(released: list[queries.ItemAssessment]) -> list[queries.ItemAssessment]:
    """List the item's assessments, newest first, leaving out feedback that was given in another unit too."""
    shown: dict[tuple[object, ...], queries.ItemAssessment] = {}
    for entry in sorted(released, key=lambda each: each.assessment.id, reverse=True):
        past = entry.assessment
        shown.setdefault((past.assessor_id, entry.version_number, past.outcome, past.feedback), entry)
    return list(shown.values())


def find_warnings_reason(
    typed: DraftDecisions | None, draft: Assessment | None, released: list[queries.ItemAssessment]
) -> str:
    """Return the reason to accept the item over its warnings: as typed, as saved, or of the newest acceptance."""
    if typed and typed.warnings_reason is not None:
        return typed.warnings_reason
    if draft and draft.warnings_reason is not None:
        return draft.warnings_reason
    return next((past.assessment.warnings_reason for past in released if past.assessment.warnings_reason), "")


def build_claim_to_decide(
    criterion: queries.CriterionWithClaim,
    draft: Assessment | None,
    typed: DraftDecisions | None,
    returned: queries.ReturnedDecisions | None,
) -> ClaimToDecide:
    """Return a claim with what was typed, else the draft, else the decision on this version.

    Where there is none of these, it is filled in with what was marked before the item was returned
    (docs/rules.md, Assessment, rule 16).
    """
    cell = criterion.cell
    assert cell is not None  # noqa: S101 - the page lists only claimed criteria to decide
    drafted = (draft.draft_decisions if draft else {}).get(str(cell.claim_id), {})
    decided = cell.outcome if cell.is_decided else None
    outcome = drafted.get("outcome") or decided or ""
    comment = drafted.get("comment", cell.comment if decided else "")
    if typed:
        outcome = typed.outcomes.get(cell.claim_id) or outcome
        comment = typed.comments.get(cell.claim_id, comment)
    if not outcome and not comment and returned and cell.claim_id in returned.comments:
        return ClaimToDecide(
            criterion,
            Outcome.MET,
            returned.comments[cell.claim_id],
            returned_version=returned.version_number,
        )
    return ClaimToDecide(criterion, outcome, comment)


def fill_in_suggestion(choice: ClaimToDecide, suggested: Mapping[int, SuggestedDecision]) -> ClaimToDecide:
    """Return a claim without outcome and comment as what the assessor thinks of its answers suggests."""
    suggestion = suggested.get(choice.criterion.column.id)
    if suggestion is None or choice.outcome or choice.comment:
        return choice
    return ClaimToDecide(choice.criterion, suggestion.outcome, suggestion.comment, is_from_answers=True)


def find_missing_id(units: Sequence[UnitToAssess], refusal: Invalid | Conflict) -> str | None:
    """Return the id of the part of the page that a refusal is about: a field, or the first claim to decide."""
    act = request.form.get("act", "")
    if isinstance(refusal, Invalid) and refusal.field == "reason":
        return act.replace("add", "add-reason")
    if isinstance(refusal, Invalid) and refusal.field:
        return refusal.field
    if act != "accept":
        return None
    cells = (choice.criterion.cell for unit in units for choice in unit.choices if not choice.outcome)
    return next((f"claim-{cell.claim_id}" for cell in cells if cell), None)


def find_position(queue: Sequence[EvidenceToAssess], version: EvidenceVersion) -> QueuePosition:
    """Return the item's position in the queue as it is filtered."""
    filtered = filter_queue(queue, **read_queue_filter())
    return find_queue_position(group_by_item(filtered), version.evidence_id)


def list_other_attempt_ids(
    queue: Sequence[EvidenceToAssess], attempt: UnitAttempt, version: EvidenceVersion
) -> list[int]:
    """List the other attempts of the queue in which this version is to be assessed."""
    return [
        entry.attempt_id
        for entry in queue
        if entry.evidence_id == version.evidence_id
        and entry.version_number == version.number
        and entry.attempt_id != attempt.id
    ]


def find_assessment_to_undo() -> Assessment | None:
    """Return the assessment that the address names, if it can still be undone; None otherwise."""
    done = get_query_number("done")
    return queries.find_assessment_to_undo(done, me().person_id) if done else None


def read_queue_filter() -> dict[str, Any]:
    """Return the filters and the search of the queue from the query string, without empty values."""
    chosen = {
        "candidate": get_query_number("candidate"),
        "unit": request.args.get("unit", "")[:MAX_SEARCH_LENGTH],
        "q": read_search_words(request.args),
    }
    return {name: value for name, value in chosen.items() if value}


def build_assessing_url(attempt_id: int, evidence_id: int, **query: Any) -> str:
    """Return the URL of the page for an item, with the filters and the search of the queue."""
    return url_for(
        "assessment.assess", attempt_id=attempt_id, evidence_id=evidence_id, **read_queue_filter(), **query
    )
