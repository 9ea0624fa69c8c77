"""Publishing of a draft: share, discard and publish."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.errors import Conflict, Invalid, NotFound
from tracker.library.forms.drafts import DraftForm, PublishForm
from tracker.library.services import publishing as services
from tracker.library.views import library
from tracker.library.views.drafts import get_draft
from tracker.models import UnitDraft
from tracker.units.drafting.problems import build_unit, list_problems
from tracker.units.drafting.units import describe_doubt, list_open_doubts
from tracker.vocabulary import DraftState, Role
from tracker.web.current_user import me
from tracker.web.forms import add_error
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@library.get("/unit-drafts/<int:draft_id>/unit")
@requires(Act.READ_UNIT_DRAFT)
def show_draft(draft_id: int) -> ResponseReturnValue:
    """Show the unit as it would be published, to the centre's assessors and administrators."""
    draft, _ = get_draft(draft_id, Act.READ_UNIT_DRAFT)
    if draft.state is not DraftState.DRAFT:
        raise NotFound("This draft is not shared.")
    return render_template(
        "library/show_draft.html",
        draft=draft,
        document=build_unit(services.load_working_copy(draft)).as_json(),
        administers=me().find_grant(Role.ADMINISTRATOR, draft.centre_id),
    )


@library.post("/unit-drafts/<int:draft_id>/share")
@requires(Act.ADMINISTER_CENTRE)
def share_draft(draft_id: int) -> ResponseReturnValue:
    """Share the draft with the centre's assessors."""
    draft, actor = get_draft(draft_id)
    services.share_draft(draft, DraftForm().seen_version, actor)
    flash("The draft is in the library. Your centre’s assessors can read it. Candidates cannot be registered for it.")
    return redirect(url_for(".review_draft", draft_id=draft.id), 303)


@library.post("/unit-drafts/<int:draft_id>/discard")
@requires(Act.ADMINISTER_CENTRE)
@idempotent
def discard_draft(draft_id: int) -> ResponseReturnValue:
    """Discard the draft."""
    draft, actor = get_draft(draft_id)
    services.discard_unit_draft(draft, actor)
    flash("The draft is discarded. The document it was read from is kept on record.")
    return redirect(url_for(".add_unit", centre_id=draft.centre_id), 303)


@library.get("/unit-drafts/<int:draft_id>/publish")
@requires(Act.ADMINISTER_CENTRE)
def confirm_publishing(draft_id: int) -> ResponseReturnValue:
    """Show what would be published, and ask for the password."""
    draft, _ = get_draft(draft_id)
    services.check_draft_open(draft)
    return render_publish_unit(draft, PublishForm(formdata=None))


@library.post("/unit-drafts/<int:draft_id>/publish")
@requires(Act.ADMINISTER_CENTRE)
@requires_password
@idempotent
def publish_unit(draft_id: int) -> ResponseReturnValue:
    """Publish the draft."""
    draft, actor = get_draft(draft_id)
    services.check_draft_open(draft)
    form = PublishForm()
    if not form.validate():
        return render_publish_unit(draft, form), 422
    try:
        unit = services.publish_unit(draft, form.seen_version, form.doubts.data or [], actor)
    except (Invalid, Conflict) as refusal:
        add_error(form, refusal)
        return render_publish_unit(draft, form), refusal.status
    flash(f"{unit.code} is published. Candidates of your centre can be registered for it.")
    return redirect(url_for(".show_unit", slug=unit.slug), 303)


def render_publish_unit(draft: UnitDraft, form: PublishForm) -> str:
    """Render the page to publish: open doubts, text not used and the password."""
    working = services.load_working_copy(draft)
    doubts = {number: working.warnings[number] for number in list_open_doubts(working)}
    form.doubts.choices = {str(number): describe_doubt(doubt) for number, doubt in doubts.items()}
    form.doubts.data = form.doubts.data or []
    problems = list_problems(working)
    return render_template(
        "library/publish_unit.html",
        draft=draft,
        working=working,
        problems=problems,
        form=form,
        unused_passages=[passage for passage in working.unparsed if not passage.placed],
    )
