"""Views that confirm one's own email address: sending the link, and the page that it opens."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.accounts.services.account_links import LinkExpired
from tracker.accounts.services.email_confirmation import (
    EXPIRED,
    confirm_address,
    find_address_to_confirm,
    request_confirmation,
)
from tracker.accounts.sessions import get_client_address
from tracker.accounts.views import accounts
from tracker.web.current_user import me
from tracker.web.route_rules import signed_in


@accounts.post("/account/confirm-address")
@signed_in
def send_confirmation_link() -> ResponseReturnValue:
    """Email a link to one's own address, with which one confirms it."""
    person = request_confirmation(me().as_actor(None), get_client_address())
    flash(f"A link is on its way to {person.email}. Open it within 24 hours to confirm the address.")
    return redirect(url_for(".my_account"), 303)


@accounts.route("/account/confirm-address/<token>", methods=["GET", "POST"])
@signed_in
def confirm_own_address(token: str) -> ResponseReturnValue:
    """Confirm one's own address with a link; a GET asks first, since mail scanners follow links."""
    if request.method == "POST":
        confirm_address(token, me().as_actor(None))
        flash(f"{me().email} is confirmed.")
        return redirect(url_for(".my_account"), 303)
    address = find_address_to_confirm(token, me().person_id)
    if address is None:
        raise LinkExpired(EXPIRED)
    return render_template("accounts/confirm_own_address.html", address=address, token=token)
