"""Settings of a centre, for its administrator."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.forms import CentreSettingsForm
from tracker.accounts.services.centres import (
    change_candidate_two_step,
    change_centre_terms,
    change_evidence_age_limit,
    change_form_annex,
    change_signing_two_step,
    change_unsampled_reasons,
)
from tracker.accounts.views import accounts
from tracker.errors import Invalid
from tracker.models.people import EVIDENCE_AGE_MONTHS
from tracker.vocabulary import CentreTerms, Role, SigningTwoStep
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.forms import errors_on_form
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@accounts.get("/settings")
@requires(Act.ADMINISTER_CENTRE)
def settings() -> ResponseReturnValue:
    """Redirect to the settings of the administrator's centre, the chosen one where they have several."""
    grant = me().find_grant(Role.ADMINISTRATOR)
    return redirect(url_for(".centre_settings", centre_id=grant.centre_id if grant else 0))


@accounts.route("/centres/<int:centre_id>/settings", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def centre_settings(centre_id: int) -> ResponseReturnValue:
    """Show and change the settings of a centre."""
    centre, actor = get_centre(centre_id)
    form = CentreSettingsForm(
        terms=centre.terms.value,
        unsampled_reasons="\n".join(centre.offered_unsampled_reasons),
        evidence_age_limit=centre.evidence_age_months,
        form_annex=centre.prints_annex,
        candidate_two_step=bool(centre.candidates_need_two_step),
        signing_two_step=centre.signers_needing_two_step.value,
    )
    if form.validate_on_submit():
        with errors_on_form(form, Invalid):
            change_unsampled_reasons(centre, (form.unsampled_reasons.data or "").splitlines(), actor)
            change_evidence_age_limit(centre, form.evidence_age_limit.data or EVIDENCE_AGE_MONTHS, actor)
            change_form_annex(centre, actor, is_printed=form.form_annex.data)
            change_candidate_two_step(centre, actor, is_needed=form.candidate_two_step.data)
            if form.signing_two_step.data:
                change_signing_two_step(centre, SigningTwoStep(form.signing_two_step.data), actor)
            change_centre_terms(centre, CentreTerms(form.terms.data), actor)
            flash("Settings saved.")
            return redirect(url_for(".centre_settings", centre_id=centre.id))
    page = render_template("accounts/centre_settings.html", centre=centre, form=form)
    return page, 422 if form.errors else 200
