"""Views of the invitation links of many people, for administrators where no emails are sent."""

from io import BytesIO

from flask import render_template, request, send_file
from flask.typing import ResponseReturnValue

from tracker.accounts.services.shown_links import (
    MAX_LINKS,
    InvitationLink,
    check_links_can_be_shown,
    issue_shown_links,
    list_people_to_invite,
)
from tracker.accounts.views import accounts
from tracker.clock import today
from tracker.models import Centre
from tracker.web.authorise import get_centre
from tracker.web.csv_files import write_csv
from tracker.web.current_user import in_terms
from tracker.web.permissions import Act
from tracker.web.route_rules import requires

MAX_NAMED = 20
"""How many people the page names of each kind; the others are counted."""


@accounts.route("/centres/<int:centre_id>/people/invitation-links", methods=["GET", "POST"])
@requires(Act.ADMINISTER_CENTRE)
def make_invitation_links(centre_id: int) -> ResponseReturnValue:
    """Say who needs an invitation link; a POST makes the links and shows them once, as a page or a CSV file."""
    centre, actor = get_centre(centre_id)
    if request.method == "POST":
        links = issue_shown_links(centre, actor, replace=bool(request.form.get("replace")))
        if request.form.get("act") == "csv":
            return send_links_as_csv(centre, links)
        return render_template("accounts/show_invitation_links.html", centre=centre, links=links)
    check_links_can_be_shown()
    return render_template(
        "accounts/make_invitation_links.html",
        centre=centre,
        people=list_people_to_invite(centre),
        limit=MAX_LINKS,
        max_named=MAX_NAMED,
    )


def send_links_as_csv(centre: Centre, links: list[InvitationLink]) -> ResponseReturnValue:
    """Send the links as a CSV file: name, email, roles at the centre and link."""
    rows = [
        (
            each.person.name,
            each.person.email,
            ", ".join(in_terms(grant.role.label, centre.terms) for grant in each.person.grants),
            each.url,
        )
        for each in links
    ]
    content = write_csv([("Name", "Email", "Roles", "Invitation link"), *rows])
    name = f"invitation-links-{today().isoformat()}.csv"
    return send_file(BytesIO(content), "text/csv; charset=utf-8", as_attachment=True, download_name=name)
