"""View that changes the numbers and the date of a registration, for a centre's administrators."""

from flask import flash
from flask.typing import ResponseReturnValue

from tracker.registrations.forms import ChangeRegistrationForm
from tracker.registrations.registration_changes import change_registration as change
from tracker.registrations.registration_changes import get_numbers, list_changes
from tracker.registrations.views import registrations
from tracker.registrations.views.candidates import redirect_to_registration
from tracker.web.authorise import get_centre, get_registration
from tracker.web.forms import errors_on_form, render_form
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@registrations.route("/registrations/<int:registration_id>/numbers", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def change_registration(registration_id: int) -> ResponseReturnValue:
    """Change the candidate number, or the number and date of the registration with the awarding body."""
    registration, _ = get_registration(registration_id, Act.READ_REGISTRATION)
    _, actor = get_centre(registration.centre_id)
    changes = list_changes(registration)
    form = ChangeRegistrationForm(obj=get_numbers(registration), changes_seen=len(changes))
    if form.validate_on_submit():
        with errors_on_form(form):
            is_changed = change(registration, form.read_numbers(), actor, changes_seen=form.changes_seen.data)
            flash("The registration is changed. The earlier values are kept." if is_changed else "Nothing to change.")
            return redirect_to_registration(registration.id)
    return render_form("registrations/change_registration.html", form, registration=registration, changes=changes)
