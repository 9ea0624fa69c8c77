"""Views of external verifiers' visits, for a centre's administrators."""

from functools import partial
from itertools import groupby
from operator import attrgetter

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue

from tracker.clock import end_of_day, now, start_of_day, today
from tracker.errors import NotFound
from tracker.models import UnitAttempt
from tracker.registrations import queries, visits
from tracker.registrations.forms import NOBODY_YET, VisitForm
from tracker.registrations.person_choices import list_candidates_to_choose
from tracker.registrations.views import registrations
from tracker.registrations.views.person_fields import find_choices, is_search
from tracker.registrations.visit_list import STATES, VISITS
from tracker.registrations.visit_list import list_visits as list_centre_visits
from tracker.vocabulary import Role
from tracker.web.authorise import get_centre
from tracker.web.forms import errors_on_form
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@registrations.route("/centres/<int:centre_id>/visits", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def list_visits(centre_id: int) -> ResponseReturnValue:
    """List the visits of a centre; a POST opens one."""
    centre, actor = get_centre(centre_id)
    form = VisitForm()
    visitors = find_choices(form.person, form.find_person, centre, Role.EXTERNAL_VERIFIER)
    form.person.choices = {
        str(NOBODY_YET): "Choose",
        **{str(person.id): isolate(person.name) for person in visitors.people},
    }
    ticked = {*(form.candidates.data or []), *queries.list_candidate_ids(centre, form.attempts.data or [])}
    candidates = list_candidates_to_choose(centre, form.find_candidates.data or "", ticked)
    attempts = queries.list_attempts_of(centre, [person.id for person in candidates.people])
    form.attempts.choices = {str(each.id): each.unit.code for each in attempts}
    if not is_search() and form.validate_on_submit():
        with errors_on_form(form):
            visit = visits.open_visit(
                next(person for person in visitors.people if person.id == form.person.data),
                centre,
                start_of_day(form.starts.data or today()),
                end_of_day(form.ends.data or today()),
                choose_attempts(attempts, form),
                actor,
            )
            flash(f"The visit of {isolate(visit.person.name)} is open.")
            return redirect(url_for(".list_visits", centre_id=centre.id), 303)
    answer = send_list(
        VISITS,
        partial(list_centre_visits, centre),
        "registrations/list_visits.html",
        [STATES],
        form=form,
        centre=centre,
        visitors=visitors,
        candidates=candidates,
        by_candidate=[list(group) for _, group in groupby(attempts, attrgetter("candidate_id"))],
        moment=now(),
    )
    return (answer[0], 200) if is_search() and isinstance(answer, tuple) else answer


def choose_attempts(attempts: list[UnitAttempt], form: VisitForm) -> list[UnitAttempt]:
    """Return the attempts that are ticked, and all those of the candidates who are ticked."""
    attempt_ids, candidate_ids = form.attempts.data or [], form.candidates.data or []
    return [each for each in attempts if each.id in attempt_ids or each.candidate_id in candidate_ids]


@registrations.post("/centres/<int:centre_id>/visits/<int:visit_id>/end")
@requires(Act.ADMINISTER_CENTRE)
def end_visit(centre_id: int, visit_id: int) -> ResponseReturnValue:
    """End a visit."""
    centre, actor = get_centre(centre_id)
    visit = queries.find_visit(centre, visit_id)
    if visit is None:
        raise NotFound
    visits.end_visit(visit, actor)
    flash("The visit has ended. The external verifier can no longer read the units.")
    return redirect(url_for(".list_visits", centre_id=centre.id), 303)
