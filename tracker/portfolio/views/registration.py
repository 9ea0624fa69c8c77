"""View of a registration: its units with their allocations, progress and forms."""

from flask import render_template
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.library.queries.qualifications import find_library_units
from tracker.library.queries.units import list_newest_units, list_warnings
from tracker.matrix import summarise_attempts
from tracker.portfolio.views import portfolio
from tracker.registrations import queries
from tracker.registrations.progress import find_progress
from tracker.vocabulary import AttemptState, Role
from tracker.web.authorise import get_registration
from tracker.web.current_user import me
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@portfolio.get("/registrations/<int:registration_id>")
@requires(Act.READ_REGISTRATION)
def show_registration(registration_id: int) -> ResponseReturnValue:
    """Show a registration with its units, and to administrators what they can change."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    attempts = queries.list_attempts(registration)
    ids = [attempt.id for attempt in attempts]
    allocations = queries.list_allocation_history(ids)
    registered_codes = {attempt.unit.code for attempt in attempts if attempt.state is not AttemptState.VOID}
    qualification_progress = find_progress(registration)
    centre_ids = [registration.centre_id]
    person_ids = {each.person_id for history in allocations.values() for each in history}
    administers = bool(me().find_grant(Role.ADMINISTRATOR, registration.centre_id))
    newest_units = list_newest_units(centre_ids)
    newest_ids = {unit.code: unit.id for unit in newest_units}
    units = [unit for unit in newest_units if unit.code not in registered_codes]
    return render_template(
        "portfolio/show_registration.html",
        registration=registration,
        attempts=attempts,
        allocations=allocations,
        live_roles=queries.list_live_roles(registration.centre_id, person_ids),
        attempt_progress=summarise_attempts(ids),
        with_later_version={
            each.id for each in attempts if newest_ids.get(each.unit.code, each.unit_id) != each.unit_id
        },
        units=units,
        warnings=list_warnings(units, today()) if administers else {},
        qualification_progress=qualification_progress,
        library_units=find_library_units(qualification_progress.document, centre_ids)
        if qualification_progress
        else {},
        administers=administers,
    )
