"""Which recording forms are printed together: those of the chosen candidates of a centre, of all units or of one."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from tracker.errors import Invalid
from tracker.extensions import db
from tracker.models import Centre, Person, Registration, Unit, UnitAttempt, UnitCode
from tracker.registrations.registration_list import select_registrations
from tracker.units.standards_folder import normalise_code
from tracker.vocabulary import AttemptState
from tracker.web.formatting import counted
from tracker.web.lists import ListQuery

MAX_FORMS = 500
"""The most forms of one file."""


@dataclass(frozen=True)
class CohortChoice:
    """The forms to print, by their attempts in the order of the file, and how many candidates they are of."""

    attempt_ids: tuple[int, ...]
    candidates: int

    @property
    def title(self) -> str:
        """Return the title of the job."""
        forms, candidates = counted(len(self.attempt_ids), "recording form"), counted(self.candidates, "candidate")
        return f"{forms} of {candidates}"


def choose_forms(
    centre: Centre, query: ListQuery, registration_ids: Collection[int] | None, unit_code: str
) -> CohortChoice:
    """Return the forms of the chosen candidates, or of all in the list if `registration_ids` is None.

    Args:
        centre: where the candidates are registered; ids of other centres are left out.
        query: the search and the filters of the list.
        registration_ids: the candidates that were ticked.
        unit_code: the code of the only unit to print, or empty for all units.

    Raises:
        Invalid: nobody is chosen, no form is left, or the ticked candidates or the forms are more than `MAX_FORMS`.
    """
    if registration_ids is not None and not registration_ids:
        raise Invalid("Tick at least one candidate, or choose all candidates in this list.", "which")
    if registration_ids is not None and len(registration_ids) > MAX_FORMS:  # a statement takes so many values only
        raise Invalid(
            f"You ticked more than {MAX_FORMS} candidates. Nothing was started. Tick fewer candidates.", "which"
        )
    chosen = select_registrations(centre, query, Registration.id)
    if registration_ids is not None:
        chosen = select(Registration.id).where(
            Registration.centre_id == centre.id, Registration.id.in_(registration_ids)
        )
    attempts = (
        select(UnitAttempt.id, UnitAttempt.candidate_id)
        .join(Person, Person.id == UnitAttempt.candidate_id)
        .join(Unit, Unit.id == UnitAttempt.unit_id)
        .where(UnitAttempt.registration_id.in_(chosen), UnitAttempt.state != AttemptState.VOID)
        .order_by(func.lower(Person.name), Person.id, Unit.code, UnitAttempt.id)
        .limit(MAX_FORMS + 1)
    )
    code = unit_code.strip()
    if code:
        units = select(UnitCode.unit_id).where(UnitCode.normalised == normalise_code(code))
        attempts = attempts.where(UnitAttempt.unit_id.in_(units))
    found = db.session.execute(attempts).all()
    if not found:
        unit = f" in unit {code}" if code else ""
        raise Invalid(f"The chosen candidates have no units{unit}. Nothing was started.", "unit" if code else "which")
    if len(found) > MAX_FORMS:
        raise Invalid(
            f"These candidates have more than {MAX_FORMS} forms. Nothing was started. Choose fewer candidates, or "
            "one unit.",
            "which",
        )
    return CohortChoice(tuple(row[0] for row in found), len({row[1] for row in found}))
