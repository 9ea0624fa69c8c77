"""Views in which people write their own CPD log and declare their interests."""

from flask.typing import ResponseReturnValue

from tracker.errors import Invalid
from tracker.models import CpdEntry, InterestDeclaration
from tracker.staff.forms import CpdForm, DeclarationForm
from tracker.staff.members import get_staff_member
from tracker.staff.queries.staff_record import get_entry
from tracker.staff.services import own_entries
from tracker.staff.views import staff
from tracker.staff.views.recording import end_entry, redirect_to_record
from tracker.web.forms import errors_on_form, render_form
from tracker.web.idempotency import idempotent
from tracker.web.permissions import Act
from tracker.web.route_rules import requires
from tracker.web.text_direction import isolate


@staff.route("/centres/<int:centre_id>/staff/<int:staff_id>/cpd/add", methods=["GET", "POST"])
@requires(Act.WRITE_OWN_STAFF_RECORD)
@idempotent
def record_cpd(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """Add an entry to one's own CPD log."""
    member, actor = get_staff_member(centre_id, staff_id, Act.WRITE_OWN_STAFF_RECORD)
    form = CpdForm()
    if form.validate_on_submit():
        texts = (form.title.data or "", form.learning.data or "", form.evidence.data or "")
        with errors_on_form(form):
            own_entries.record_cpd(member.person, member.centre, form.happened_on.data, form.minutes, texts, actor)
            return redirect_to_record(member, "The entry is in your CPD log.")
    return render_form("staff/record_cpd.html", form, member=member)


@staff.route("/centres/<int:centre_id>/staff/<int:staff_id>/cpd/<int:cpd_id>/remove", methods=["GET", "POST"])
@requires(Act.WRITE_OWN_STAFF_RECORD)
def remove_cpd(centre_id: int, staff_id: int, cpd_id: int) -> ResponseReturnValue:
    """Remove an entry from one's own CPD log, with a reason."""
    member, actor = get_staff_member(centre_id, staff_id, Act.WRITE_OWN_STAFF_RECORD)
    entry = get_entry(CpdEntry, member, cpd_id)
    return end_entry(
        member,
        lambda reason: own_entries.remove_cpd(entry, member.person, reason, actor),
        heading=f"Remove {isolate(entry.title)}",
        button="Remove the entry",
        consequence="Its hours no longer count. To correct an entry, remove it and add it again.",
        done="The entry is removed from your CPD log.",
    )


@staff.route("/centres/<int:centre_id>/staff/<int:staff_id>/interests/add", methods=["GET", "POST"])
@requires(Act.WRITE_OWN_STAFF_RECORD)
@idempotent
def declare_interest(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """Declare a conflict of interest, or that there is none."""
    member, actor = get_staff_member(centre_id, staff_id, Act.WRITE_OWN_STAFF_RECORD)
    form = DeclarationForm()
    if form.validate_on_submit():
        with errors_on_form(form):
            own_entries.declare_interest(member.person, member.centre, read_interest(form), actor)
            return redirect_to_record(member, "Your declaration is recorded.")
    return render_form("staff/declare_interest.html", form, member=member)


@staff.route("/centres/<int:centre_id>/staff/<int:staff_id>/interests/<int:interest_id>/end", methods=["GET", "POST"])
@requires(Act.WRITE_OWN_STAFF_RECORD)
def end_interest(centre_id: int, staff_id: int, interest_id: int) -> ResponseReturnValue:
    """End one's own declared interest, with a reason."""
    member, actor = get_staff_member(centre_id, staff_id, Act.WRITE_OWN_STAFF_RECORD)
    declaration = get_entry(InterestDeclaration, member, interest_id)
    return end_entry(
        member,
        lambda reason: own_entries.end_interest(declaration, member.person, reason, actor),
        heading="End a declared interest",
        button="End the interest",
        consequence="The declaration stays in your staff record, with the day on which it ended.",
        done="The declared interest has ended.",
    )


def read_interest(form: DeclarationForm) -> str:
    """Return the declared interest, empty for none. Raises Invalid if what was typed does not fit what was chosen."""
    typed = (form.interest.data or "").strip()
    if form.what.data == form.NOTHING:
        if typed:
            raise Invalid("You typed an interest. Choose that you have one, or empty this field.", "interest")
        return ""
    if not typed:
        raise Invalid("Enter whom or what it concerns.", "interest")
    return typed
