"""Emails about changes of accounts that wait: to the person, and to the centre's other administrators."""

from datetime import timedelta

from sqlalchemy import or_, select

from tracker.accounts import emails as email_texts
from tracker.background import emails
from tracker.clock import now
from tracker.extensions import db
from tracker.models import AccountChange, Grant, Person
from tracker.vocabulary import AccountChangeKind, Role
from tracker.web.formatting import moment
from tracker.web.text_direction import isolate

NOTICE_PERIOD = timedelta(days=30)
"""For how long an address that was replaced is still told of further changes."""


def list_notified_addresses(person: Person) -> list[str]:
    """List a person's address and those that were replaced within `NOTICE_PERIOD`.

    So somebody who changed an address cannot go on to reset two-step verification unnoticed.
    """
    query = select(AccountChange.old_email).where(
        AccountChange.person_id == person.id,
        AccountChange.kind == AccountChangeKind.EMAIL,
        AccountChange.centre_id.is_not(None),
        AccountChange.applied_at > now() - NOTICE_PERIOD,
    )
    return list(dict.fromkeys([person.email, *db.session.scalars(query)]))


def describe_change(change: AccountChange) -> str:
    """Return what a change is, as words that begin a sentence."""
    if change.kind is AccountChangeKind.EMAIL:
        return f"Email address from {change.old_email} to {change.new_email}"
    return "Reset of two-step verification"


def notify_of_request(change: AccountChange, token: str) -> None:
    """Email the person, with a link that cancels it, and the centre's other administrators."""
    person, centre, asked_by = change.person, change.centre, change.requested_by
    if centre is None or asked_by is None:
        return  # the operator's changes do not wait
    what, when = describe_change(change), moment(change.takes_effect_at)
    url = emails.build_url(f"/account-changes/{token}")
    message = email_texts.build_account_change_requested_email(what, asked_by.name, centre.name, when, url)
    _send(list_notified_addresses(person), person, message)
    query = (
        select(Person)
        .join(Grant, Grant.person_id == Person.id)
        .where(Grant.centre_id == centre.id, Grant.role == Role.ADMINISTRATOR)
        .where(or_(Grant.ends_at.is_(None), Grant.ends_at > now()))
        .where(Person.id.not_in([person.id, asked_by.id]))
        .distinct()
    )
    url = emails.build_url(f"/centres/{centre.id}/people/{person.id}")
    message = email_texts.build_account_change_to_approve_email(what, person.name, asked_by.name, when, url)
    for administrator in db.session.scalars(query):
        emails.notify(administrator, f"account_change:{change.id}", *message)


def notify_of_effect(change: AccountChange, addresses: list[str]) -> None:
    """Email the person that a change has taken effect; somebody who was only invited gets a new invitation instead.

    Args:
        change: the change.
        addresses: the addresses told before it took effect; a new address is told too.
    """
    person = change.person
    if person.password_hash is None:
        return
    if change.kind is AccountChangeKind.EMAIL:
        message = email_texts.build_email_changed_email(change.old_email, person.email)
    else:
        message = email_texts.build_two_step_verification_reset_email("An administrator of your centre")
    _send([*addresses, person.email], person, message)


def notify_of_cancelling(change: AccountChange) -> None:
    """Email the person, and who asked for the change, that it was cancelled; a closed account gets no email."""
    message = email_texts.build_account_change_cancelled_email(
        describe_change(change), change.person.name, change.cancelled_because or ""
    )
    if not change.person.deactivated_at:
        _send(list_notified_addresses(change.person), change.person, message)
    if change.requested_by and change.requested_by_id != change.cancelled_by_id:
        emails.notify(change.requested_by, f"account_change_cancelled:{change.id}", *message)


def _send(addresses: list[str], person: Person, message: tuple[str, str]) -> None:
    """Email a person at these addresses every time: the second time may be an attack."""
    subject, body = message
    for address in dict.fromkeys(addresses):
        emails.send(address, subject, f"Hello {isolate(person.name)},\n\n{body}\n")
