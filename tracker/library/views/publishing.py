"""From a working copy to a version of the centre's library: looked at as a draft, published, or put away."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.password_confirmation import requires_password
from tracker.errors import Conflict, Invalid, NotFound
from tracker.library.forms.drafts import DraftForm, PublishForm
from tracker.library.services import publishing as services
from tracker.library.views import library
from tracker.library.views.drafts import get_draft
from tracker.models import UnitDraft
from tracker.units.drafting.units import doubt_sentence, open_doubts
from tracker.units.drafting.working import as_unit, list_faults
from tracker.vocabulary import DraftState, Role
from tracker.web.current_user import me
from tracker.web.idempotency import once
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@library.get("/unit-drafts/<int:draft_id>/unit")
@requires(Act.READ_UNIT_DRAFT)
def show_draft(draft_id: int) -> ResponseReturnValue:
    """The unit as it would be published, for the centre's assessors and whoever administers it."""
    draft, _ = get_draft(draft_id, Act.READ_UNIT_DRAFT)
    if draft.state is not DraftState.DRAFT:
        raise NotFound("This draft is not open to be looked at.")
    return render_template(
        "library/show_draft.html",
        draft=draft,
        document=as_unit(services.read_working(draft)).as_json(),
        administers=me().holds(Role.ADMINISTRATOR, draft.centre_id),
    )


@library.post("/unit-drafts/<int:draft_id>/share")
@requires(Act.ADMINISTER_CENTRE)
def share_draft(draft_id: int) -> ResponseReturnValue:
    draft, actor = get_draft(draft_id)
    services.share_draft(draft, DraftForm().seen_version, actor)
    flash("It stands in the library as a draft. Your centre’s assessors can look at it; nobody is registered on it.")
    return redirect(url_for(".review_draft", draft_id=draft.id), 303)


@library.post("/unit-drafts/<int:draft_id>/discard")
@requires(Act.ADMINISTER_CENTRE)
@once
def discard_draft(draft_id: int) -> ResponseReturnValue:
    draft, actor = get_draft(draft_id)
    services.discard_draft(draft, actor)
    flash("The draft is discarded. The document it was read from is kept on record.")
    return redirect(url_for(".add_unit", centre_id=draft.centre_id), 303)


@library.get("/unit-drafts/<int:draft_id>/publish")
@requires(Act.ADMINISTER_CENTRE)
def confirm_publishing(draft_id: int) -> ResponseReturnValue:
    draft, _ = get_draft(draft_id)
    services.check_open(draft)
    return show_publishing(draft, PublishForm(formdata=None))


@library.post("/unit-drafts/<int:draft_id>/publish")
@requires(Act.ADMINISTER_CENTRE)
@requires_password
@once
def publish_unit(draft_id: int) -> ResponseReturnValue:
    draft, actor = get_draft(draft_id)
    services.check_open(draft)
    form = PublishForm()
    if not form.validate():
        return show_publishing(draft, form), 422
    try:
        unit = services.publish_unit(draft, form.seen_version, form.doubts.data or [], actor)
    except (Invalid, Conflict) as refusal:
        if getattr(refusal, "field", None) == "doubts":
            form.doubts.errors = [str(refusal)]
        else:
            form.form_errors.append(str(refusal))
        return show_publishing(draft, form), refusal.status
    flash(f"{unit.code} is published. Candidates of your centre can be registered for it.")
    return redirect(url_for(".show_unit", slug=unit.slug), 303)


def show_publishing(draft: UnitDraft, form: PublishForm) -> str:
    """What will be published, what is still doubtful or left out, and the password."""
    working = services.read_working(draft)
    doubts = {number: working["warnings"][number] for number in open_doubts(working)}
    form.doubts.choices = {str(number): doubt_sentence(each) for number, each in doubts.items()}
    form.doubts.data = form.doubts.data or []
    faults = list_faults(working)
    return render_template(
        "library/publish_unit.html",
        draft=draft,
        working=working,
        faults=faults,
        form=form,
        left_out=[each for each in working["unparsed"] if not each["placed"]],
    )
