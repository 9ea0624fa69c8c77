"""The SQL condition that the author of a record of assessment still has a unit of its candidate allocated to them."""

from sqlalchemy import ColumnElement, select

from tracker.models import Allocation, Evidence, UnitAttempt
from tracker.vocabulary import Role


def is_allocated_to_author() -> ColumnElement[bool]:
    """Return as SQL whether an attempt of the candidate of a statement's `Evidence` is allocated to its author now.

    As its assessor, at the centre of the evidence, in any state: docs/rules.md, Who sees what, rule 6.
    """
    return (
        select(Allocation.id)
        .join(UnitAttempt, UnitAttempt.id == Allocation.attempt_id)
        .where(
            UnitAttempt.candidate_id == Evidence.candidate_id,
            UnitAttempt.centre_id == Evidence.centre_id,
            Allocation.person_id == Evidence.author_id,
            Allocation.role == Role.ASSESSOR,
            Allocation.ends_at.is_(None),
        )
        .correlate(Evidence)
        .exists()
    )
