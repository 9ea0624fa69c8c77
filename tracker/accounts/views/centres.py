"""Settings of a centre, for its administrator."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.forms import CentreSettingsForm
from tracker.accounts.services.centres import change_centre_terms
from tracker.accounts.views import accounts
from tracker.vocabulary import CentreTerms
from tracker.web.authorise import get_centre
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@accounts.route("/centres/<int:centre_id>/settings", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def centre_settings(centre_id: int) -> ResponseReturnValue:
    """Show and change the terms that the centre uses."""
    centre, actor = get_centre(centre_id)
    form = CentreSettingsForm(terms=centre.terms.value)
    if form.validate_on_submit():
        change_centre_terms(centre, CentreTerms(form.terms.data), actor)
        flash("Settings saved.")
        return redirect(url_for(".centre_settings", centre_id=centre.id))
    page = render_template("accounts/centre_settings.html", centre=centre, form=form)
    return page, 422 if form.errors else 200
