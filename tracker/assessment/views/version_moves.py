"""Version moves: the page for one attempt, and the page for all open attempts of a centre."""

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.assessment.forms import MoveForm
from tracker.assessment.queries import version_moves as queries
from tracker.assessment.services import version_moves as services
from tracker.assessment.services.version_move_plans import (
    VersionMapping,
    VersionMovePlan,
    check_move_allowed,
    check_ready_to_move,
    format_version,
    plan_version_move,
)
from tracker.assessment.views import assessment
from tracker.errors import Invalid, NotFound, Refused
from tracker.library.queries.centre_rules import count_rules_in_use
from tracker.library.queries.links import list_other_versions
from tracker.library.queries.units import find_unit, version_order
from tracker.models import Centre, Unit, UnitAttempt
from tracker.web.authorise import get_attempt, get_centre
from tracker.web.formatting import counted
from tracker.web.forms import add_error
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@dataclass(frozen=True)
class VersionMovePreview:
    """The plan of a version move for one attempt, or the reason why the attempt cannot move."""

    attempt: UnitAttempt
    plan: VersionMovePlan | None
    refusal: str = ""


@assessment.get("/attempts/<int:attempt_id>/move")
@requires(Act.MOVE_ATTEMPT)
def move_attempt(attempt_id: int) -> ResponseReturnValue:
    """Show the later versions, and what a move to the chosen one would do."""
    attempt, _ = get_attempt(attempt_id, Act.MOVE_ATTEMPT)
    return render_move_page(attempt, find_unit(request.args.get("to", ""), [attempt.centre_id]))


@assessment.post("/attempts/<int:attempt_id>/move")
@requires(Act.MOVE_ATTEMPT)
@requires_password
@idempotent
def move(attempt_id: int) -> ResponseReturnValue:
    """Move one attempt."""
    attempt, actor = get_attempt(attempt_id, Act.MOVE_ATTEMPT)
    newer, form = find_unit(request.form.get("to", ""), [attempt.centre_id]), MoveForm()
    if newer is None:
        raise Invalid("Choose the version to move to. Nothing was moved.")
    if not form.validate():
        check_move_allowed(attempt, newer)
        return render_move_page(attempt, newer, form), 422
    try:
        version_move = services.move_to_version(
            attempt, newer, form.reason.data or "", actor, seen_hash=form.seen_hash.data or ""
        )
    except (Invalid, Refused) as refusal:
        add_error(form, refusal)
        return render_move_page(attempt, newer, form), refusal.status
    claims = counted(len(version_move.not_carried_over), "claim was", "claims were")
    flash(
        f"{newer.code} of {isolate(attempt.candidate.name)} moved to {format_version(newer)}. "
        f"{claims} not carried over."
    )
    return redirect(url_for("portfolio.show_attempt", attempt_id=attempt.id), 303)


@assessment.get("/centres/<int:centre_id>/moves/<slug>/<other_slug>")
@requires(Act.ADMINISTER_CENTRE)
def move_attempts(centre_id: int, slug: str, other_slug: str) -> ResponseReturnValue:
    """Show all open attempts on one version, each with what a move would do, and those already moved."""
    centre, _ = get_centre(centre_id)
    return render_move_all_page(centre, *get_versions(centre, slug, other_slug))


@assessment.post("/centres/<int:centre_id>/moves/<slug>/<other_slug>")
@requires(Act.ADMINISTER_CENTRE)
@requires_password
@idempotent
def move_all(centre_id: int, slug: str, other_slug: str) -> ResponseReturnValue:
    """Move every open attempt that can move."""
    centre, actor = get_centre(centre_id)
    older, newer = get_versions(centre, slug, other_slug)
    form = MoveForm()
    if not form.validate():
        return render_move_all_page(centre, older, newer, form), 422
    moved, refused = services.move_all(older, newer, centre, form.reason.data or "", actor)
    total = moved + len(refused)
    flash(f"{moved} of {counted(total, 'unit')} moved to {format_version(newer)}.")
    if refused:
        flash("The other units were not moved. The table shows the reason for each.", "needs-you")
    return redirect(url_for(".move_attempts", centre_id=centre.id, slug=slug, other_slug=other_slug), 303)


def get_versions(centre: Centre, slug: str, other_slug: str) -> tuple[Unit, Unit]:
    """Return an older and a newer version of one unit that this centre can see; raise `NotFound` otherwise."""
    older, newer = (find_unit(unit_slug, [centre.id]) for unit_slug in (slug, other_slug))
    if older is None or newer is None or older.code != newer.code or version_order(older) >= version_order(newer):
        raise NotFound
    return older, newer


def render_move_page(attempt: UnitAttempt, newer: Unit | None, form: MoveForm | None = None) -> str:
    """Return the page for one attempt: the versions to choose from, and the preview of the chosen one."""
    later = [
        unit
        for unit in list_other_versions(attempt.unit, [attempt.centre_id])
        if version_order(unit) > version_order(attempt.unit)
    ]
    preview = preview_version_move(attempt, newer, None) if newer in later and newer else None
    return render_template(
        "assessment/move_attempt.html",
        attempt=attempt,
        later=later,
        newer=newer if newer in later else None,
        preview=preview,
        rules_left=count_rules_in_use(attempt.centre_id, attempt.unit_id) if preview else 0,
        form=form or MoveForm(formdata=None),
        refused=form,
        format_version=format_version,
    )


def render_move_all_page(centre: Centre, older: Unit, newer: Unit, form: MoveForm | None = None) -> str:
    """Return the page for all open attempts."""
    mapping = VersionMapping(older, newer, centre.id)
    attempts = queries.list_open_attempts(older, centre.id)
    return render_template(
        "assessment/move_attempts.html",
        centre=centre,
        older=older,
        newer=newer,
        previews=[preview_version_move(attempt, newer, mapping) for attempt in attempts],
        rules_left=count_rules_in_use(centre.id, older.id),
        moved=queries.list_version_moves(older, newer, centre.id),
        form=form or MoveForm(formdata=None),
        refused=form,
        format_version=format_version,
    )


def preview_version_move(attempt: UnitAttempt, newer: Unit, mapping: VersionMapping | None) -> VersionMovePreview:
    """Return the plan of a version move, or the reason why the attempt cannot move."""
    plan = None
    try:
        plan = plan_version_move(attempt, newer, mapping)
        check_ready_to_move(plan)
    except Refused as refusal:
        return VersionMovePreview(attempt, plan, str(refusal))
    return VersionMovePreview(attempt, plan)
