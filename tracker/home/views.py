"""Home page of the chosen role: what to do next, or a redirect to the role's queue."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.background import emails, jobs
from tracker.clock import LONDON, now, today
from tracker.home import queries
from tracker.home.activity import list_recent_activity
from tracker.home.admin_todo import MAX_SHOWN, load_admin_todo
from tracker.home.figures import load_centre_figures
from tracker.library.queries.drafts import list_drafts
from tracker.library.services.publishing import OPEN_STATES
from tracker.registrations.progress import list_own_progress
from tracker.vocabulary import AttemptState, Role
from tracker.web.current_user import CurrentGrant, me
from tracker.web.route_rules import signed_in
from tracker.web.text_direction import isolate

home = Blueprint("home", __name__)

QUEUES = {
    Role.ASSESSOR: "assessment.queue",
    Role.INTERNAL_VERIFIER: "verification.list_verifications",
    Role.EXTERNAL_VERIFIER: "verification.show_visit",
}


@home.get("/", endpoint="home")
@signed_in
def show_home() -> ResponseReturnValue:
    """Show the home page of the chosen role, or redirect to its queue."""
    chosen = me().chosen
    if chosen is None:
        return render_template("home/no_role.html")
    if chosen.role in QUEUES:
        return redirect(url_for(QUEUES[chosen.role]))
    return render_candidate_home() if chosen.role is Role.CANDIDATE else render_administrator_home(chosen)


def render_candidate_home() -> str:
    """Render a candidate's next steps, units and latest evidence."""
    person = me()
    centre_ids = tuple(grant.centre_id for grant in person.grants if grant.role is Role.CANDIDATE)
    units = queries.list_candidate_units(person.person_id, centre_ids)
    items = queries.list_own_items(person.person_id, centre_ids)
    assessed = [unit.attempt_id for unit in units if unit.state is AttemptState.ASSESSED]
    is_on = assessed and person.has_countersigning(Role.CANDIDATE)
    to_countersign = queries.list_to_countersign(assessed) if is_on else set[int]()
    return render_template(
        "home/candidate.html",
        greeting=build_greeting(),
        units=units,
        qualifications=list_own_progress(person.person_id, centre_ids),
        steps=queries.list_steps(person.person_id, centre_ids, units, items, to_countersign),
        latest=queries.list_latest(items),
    )


def render_administrator_home(chosen: CurrentGrant) -> str:
    """Render a centre's figures, what needs its administrator's attention, and recent activity."""
    return render_template(
        "home/administrator.html",
        greeting=build_greeting(),
        centre=chosen,
        today=today(),
        figures=load_centre_figures(chosen.centre_id),
        todo=load_admin_todo(chosen.centre_id),
        activity=list_recent_activity(chosen.centre_id),
        drafts=list_drafts([chosen.centre_id], OPEN_STATES, MAX_SHOWN),
        delivers=emails.can_deliver(),
        has_worker=jobs.get_jobs().has_worker(),
    )


def build_greeting() -> str:
    """Return a greeting for the time of day in London, with the person's first name."""
    hour = now().astimezone(LONDON).hour
    time_of_day = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
    return f"Good {time_of_day}, {isolate(me().name.split()[0])}."
