"""Views that read the staff register: the list of a centre's staff, a person's record and their CPD log."""

from functools import partial

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from tracker.clock import today
from tracker.staff.members import READERS, get_staff_member
from tracker.staff.queries import register, staff_record
from tracker.staff.views import staff
from tracker.vocabulary import STAFF_ROLES, Role
from tracker.web.authorise import get_centre
from tracker.web.current_user import me
from tracker.web.list_views import send_list
from tracker.web.permissions import Act
from tracker.web.route_rules import requires


@staff.get("/staff")
@requires(Act.READ_STAFF_REGISTER)
def list_own_staff() -> ResponseReturnValue:
    """Redirect to the staff register of the chosen role's centre, or of another where that role does not read it."""
    chosen = me().chosen
    found = (chosen, *(me().find_grant(role) for role in READERS))
    grant = next((each for each in found if each and each.role in READERS), None)
    return redirect(url_for(".list_staff", centre_id=grant.centre_id if grant else 0))


@staff.get("/centres/<int:centre_id>/staff")
@requires(Act.READ_STAFF_REGISTER)
def list_staff(centre_id: int) -> ResponseReturnValue:
    """List the assessors and verifiers of a centre."""
    centre, _ = get_centre(centre_id, Act.READ_STAFF_REGISTER)
    return send_list(
        register.STAFF,
        partial(register.list_staff, centre),
        "staff/list_staff.html",
        register.list_staff_filters(centre),
        centre=centre,
        roles=STAFF_ROLES,
        is_administrator=me().find_grant(Role.ADMINISTRATOR, centre.id) is not None,
    )


@staff.get("/centres/<int:centre_id>/staff/<int:staff_id>")
@requires(Act.READ_STAFF_RECORD)
def show_staff_record(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """Show what a centre's staff register holds of a person."""
    member, _ = get_staff_member(centre_id, staff_id, Act.READ_STAFF_RECORD)
    is_own = staff_id == me().person_id
    return render_template(
        "staff/show_staff_record.html",
        member=member,
        record=staff_record.load_staff_record(member),
        erasure=staff_record.find_last_erasure(member),
        is_own=is_own,
        writes=is_own and member.is_current,
        records=not is_own and me().find_grant(Role.ADMINISTRATOR, centre_id) is not None,
        reads_all=any(me().find_grant(role, centre_id) for role in READERS),
        today=today(),
    )


@staff.get("/centres/<int:centre_id>/staff/<int:staff_id>/cpd")
@requires(Act.READ_STAFF_RECORD)
def list_cpd(centre_id: int, staff_id: int) -> ResponseReturnValue:
    """List a person's CPD log at a centre."""
    member, _ = get_staff_member(centre_id, staff_id, Act.READ_STAFF_RECORD)
    return send_list(
        staff_record.CPD,
        partial(staff_record.list_cpd, member),
        "staff/list_cpd.html",
        staff_record.CPD_FILTERS,
        member=member,
        writes=staff_id == me().person_id and member.is_current,
    )
