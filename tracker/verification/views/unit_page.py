"""What the pages of one unit share: their tabs, the form as it will print, and the progress of sampling."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import render_template

from tracker.assessment.queries.action_points import list_action_points
from tracker.assessment.queries.signing import list_requirement_confirmations
from tracker.matrix import Matrix, load_matrix
from tracker.models import UnitAttempt
from tracker.registrations.current_allocations import find_current_allocation
from tracker.verification.queries import unit_record
from tracker.verification.queries.allocated import find_next_to_verify
from tracker.verification.queries.sampling import list_items_to_sample, summarise_sampling
from tracker.verification.services.sampling import can_sample
from tracker.vocabulary import AttemptState, Role
from tracker.web.current_user import me

TIME_TO_RESPOND = timedelta(days=14)
"""The due date that the pages suggest for an action point."""


@dataclass(frozen=True)
class TabCounts:
    """The figures on the tabs of a unit."""

    requirements: int
    confirmed: int
    action_points: int
    open_action_points: int


def render_unit_page(template: str, attempt: UnitAttempt, matrix: Matrix | None = None, **context: Any) -> str:
    """Return a page of one unit, with the values that its head, its tabs and its bar show."""
    matrix = matrix or load_matrix(attempt)
    items = list_items_to_sample(attempt, matrix)
    requirements = list_requirement_confirmations(attempt)
    action_points = list_action_points(attempt)
    allocation = find_current_allocation(attempt, Role.ASSESSOR)
    return render_template(
        template,
        attempt=attempt,
        matrix=matrix,
        items=items,
        progress=summarise_sampling(items),
        can_sample=can_sample(attempt),
        requirements=requirements,
        action_points=action_points,
        assessor_name=allocation.person.name if allocation else "",
        samples=unit_record.list_samples(attempt),
        next_to_verify=find_next_to_verify(me().person_id) if attempt.state is AttemptState.VERIFIED else None,
        tabs=TabCounts(
            requirements=len(requirements),
            confirmed=sum(confirmation is not None for _, confirmation in requirements),
            action_points=len(action_points),
            open_action_points=sum(entry.action_point.closed_at is None for entry in action_points),
        ),
        **context,
    )
