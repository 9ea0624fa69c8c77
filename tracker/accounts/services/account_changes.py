"""Changes of accounts that wait: of an email address, and resets of two-step verification.

docs/rules.md, Roles and permissions, rules 18 to 20.
"""

import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select

from tracker.accounts.account_change_queries import find_waiting_change
from tracker.accounts.services import account_change_notices as notices
from tracker.accounts.services.account_links import close_links, send_link
from tracker.accounts.services.people import check_account_managed, find_account_obstacle, find_person, is_address
from tracker.accounts.services.two_step_verification import list_factors, remove_all_factors
from tracker.accounts.sessions import hash_token
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, Invalid, NotFound, Refused
from tracker.extensions import db
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.ledger.transactions import lock_rows, reading, transaction
from tracker.models import AccountChange, AccountLink, Centre, Grant, Person
from tracker.vocabulary import AccountChangeKind, LinkPurpose, Role
from tracker.web.text_direction import isolate

WAITING_TIME = timedelta(hours=24)
NO_EMAILS = (
    "This installation sends no emails, so nobody could be warned. Ask your system operator. Nothing was changed."
)


def request_email_change(person: Person, centre: Centre | None, email: str, actor: Actor) -> AccountChange:
    """Ask for another email address; it is changed at once for somebody who has never signed in, and by the operator.

    Args:
        person: whose address it is.
        centre: the administrator's centre; None for the operator.
        email: the new address.
        actor: the administrator or the operator.

    Raises:
        Invalid: an address that cannot be used, or that belongs to somebody.
        Refused: see `_prepare`.
    """
    address = email.strip().lower()
    _prepare(person, centre, actor, AccountChangeKind.EMAIL)
    if not is_address(address):
        raise Invalid("Emails cannot be sent to this address. Enter one such as name@example.org.", "email")
    if address == person.email:
        raise Invalid("This is the address now. Enter another one.", "email")
    if find_person(address):
        raise Invalid("Another account has this address. Enter another one.", "email")
    is_immediate = centre is None or person.password_hash is None
    change = _add(person, centre, AccountChangeKind.EMAIL, actor, address, is_immediate=is_immediate)
    if is_immediate:
        _apply(change, actor)
        if person.password_hash is None:
            send_link(person, LinkPurpose.INVITATION, actor)
    return change


def request_two_step_reset(person: Person, centre: Centre, actor: Actor) -> AccountChange:
    """Ask for a person's two-step verification to be removed, so that they set it up again.

    Raises:
        Refused: see `_prepare`; or they have not set it up.
    """
    _prepare(person, centre, actor, AccountChangeKind.TWO_STEP_VERIFICATION)
    if not list_factors(person.id):
        raise Refused(f"{isolate(person.name)} has not set up two-step verification. Nothing was changed.")
    return _add(person, centre, AccountChangeKind.TWO_STEP_VERIFICATION, actor)


def approve_change(change: AccountChange, actor: Actor) -> None:
    """Let a change take effect now.

    Raises:
        Refused: by who asked for it or whose account it is, or a change that has ended or can no longer take effect.
    """
    _lock(change.person_id, change.id)
    _check_waiting(change)
    if actor.person_id == change.requested_by_id:
        raise Refused("You asked for this change. Another administrator has to approve it. Nothing was changed.")
    if actor.person_id == change.person_id:
        raise Refused("This is your own account. Another administrator has to approve it. Nothing was changed.")
    if obstacle := _find_obstacle(change):
        raise Refused(f"{obstacle} Nothing was changed.")
    change.approved_by_id = actor.person_id
    _apply(change, actor)


def cancel_change(change: AccountChange, actor: Actor) -> None:
    """Cancel a change that waits: by its person, or by an administrator of the centre.

    Raises:
        Refused: it has taken effect, or was cancelled already.
    """
    _lock(change.person_id, change.id)
    _check_waiting(change)
    _cancel(change, actor)


def get_change(change_id: int, person_id: int, centre_id: int | None = None) -> AccountChange:
    """Return a change of this person's account, of this centre if one is named; raise `NotFound` for any other."""
    change = db.session.get(AccountChange, change_id)
    if change is None or change.person_id != person_id or centre_id not in {None, change.centre_id}:
        raise NotFound
    return change


def get_change_by_token(token: str) -> AccountChange:
    """Return the change that the link in an email cancels; raise `NotFound` if there is none."""
    query = select(AccountChange).where(AccountChange.token_hash == hash_token(token))
    change = db.session.scalars(query).one_or_none()
    if change is None or change.person.deactivated_at:
        raise NotFound
    return change


def apply_due_changes(address: str | None = None) -> int:
    """Apply the changes whose waiting time is over, or cancel those that can no longer take effect.

    Each is done in a transaction of its own. The worker does this every minute, and signing in does it first.

    Args:
        address: only the changes from or to this email address; None for all.

    Returns:
        How many were due.
    """
    query = select(AccountChange.id).where(
        AccountChange.takes_effect_at <= now(),
        AccountChange.applied_at.is_(None),
        AccountChange.cancelled_at.is_(None),
    )
    if address is not None:
        current = Person.id.in_(select(Person.id).where(Person.email == address))
        query = query.join(Person, Person.id == AccountChange.person_id).where(
            or_(current, AccountChange.new_email == address)
        )
    with reading():
        due = list(db.session.scalars(query.order_by(AccountChange.id)))
    for change_id in due:
        _apply_if_due(change_id)
    return len(due)


def _apply_if_due(change_id: int) -> None:
    try:
        with transaction():
            change = db.session.get_one(AccountChange, change_id)
            _lock(change.person_id, change.id)
            if not change.is_waiting or change.takes_effect_at > now():
                return
            if obstacle := _find_obstacle(change):
                _cancel(change, OPERATOR, obstacle)
            else:
                _apply(change, OPERATOR)
    except Conflict:  # somebody took the address at the same moment: the next run finds it in use, and cancels
        return


def _prepare(person: Person, centre: Centre | None, actor: Actor, kind: AccountChangeKind) -> None:
    """Lock the person, and raise `Refused` unless an administrator of the centre may ask for this change.

    Raises:
        Refused: their own account, an account that is not the centre's alone, no emails, or a change that waits.
    """
    _lock(person.id)
    if centre is not None:
        check_account_managed(person, centre, actor)
        check_can_be_warned(person)
    elif person.deactivated_at:
        raise Refused(f"The account {person.email} is closed. Nothing was changed.")
    if find_waiting_change(person.id, kind):
        raise Refused("This change has been asked for already. Approve or cancel it first. Nothing was changed.")


def check_can_be_warned(person: Person) -> None:
    """Raise `Refused` for somebody with a password where no emails are sent, so that nobody would warn them."""
    if person.password_hash and not emails.can_deliver():
        raise Refused(NO_EMAILS)


def _add(
    person: Person,
    centre: Centre | None,
    kind: AccountChangeKind,
    actor: Actor,
    new_email: str | None = None,
    *,
    is_immediate: bool = False,
) -> AccountChange:
    token = secrets.token_urlsafe(32)
    change = AccountChange(
        person=person,
        centre=centre,
        kind=kind,
        old_email=person.email,
        new_email=new_email,
        requested_at=now(),
        requested_by_id=actor.person_id,
        takes_effect_at=now() if is_immediate else now() + WAITING_TIME,
        token_hash=None if is_immediate else hash_token(token),
    )
    db.session.add(change)
    db.session.flush()
    record(
        "account_change_requested", change, actor, texts={"new_email": new_email} if new_email else None,
        person=person.id, centre=change.centre_id, kind=kind.value,
    )  # fmt: skip
    if not is_immediate:
        notices.notify_of_request(change, token)
    return change


def _apply(change: AccountChange, actor: Actor) -> None:
    """Make a change take effect. The caller has locked its person and the change."""
    person, change.applied_at = change.person, now()
    addresses = notices.list_notified_addresses(person)
    facts: dict[str, Any] = {"change": change.id, "centre": change.centre_id}
    if change.kind is AccountChangeKind.EMAIL:
        assert change.new_email  # noqa: S101 - a constraint holds it
        person.email, person.email_confirmed_at = change.new_email, None
        db.session.flush()
        for purpose in LinkPurpose:
            close_links(person, purpose)
        record("email_changed", person, actor, has_account=person.password_hash is not None, **facts)
    else:
        record("two_step_verification_reset", person, actor, factors=remove_all_factors(person), **facts)
    notices.notify_of_effect(change, addresses)


def _cancel(change: AccountChange, actor: Actor, because: str | None = None) -> None:
    change.cancelled_at, change.cancelled_by_id, change.cancelled_because = now(), actor.person_id, because
    db.session.flush()
    record("account_change_cancelled", change, actor, person=change.person_id, centre=change.centre_id)
    notices.notify_of_cancelling(change)


def _find_obstacle(change: AccountChange) -> str:
    """Return why a change can no longer take effect, or an empty string."""
    person, centre = change.person, change.centre
    if centre is None:
        return ""
    if obstacle := find_account_obstacle(person, centre):
        return obstacle
    query = select(Grant).where(
        Grant.person_id == change.requested_by_id, Grant.centre_id == centre.id, Grant.role == Role.ADMINISTRATOR
    )
    if not any(grant.is_live(now()) for grant in db.session.scalars(query)):
        return "Who asked for it is no longer an administrator here."
    if change.new_email and find_person(change.new_email):
        return "Another account has the new address now."
    if change.kind is AccountChangeKind.TWO_STEP_VERIFICATION and not list_factors(person.id):
        return "Two-step verification has been removed already."
    return ""


def _check_waiting(change: AccountChange) -> None:
    if change.applied_at:
        raise Refused("This change has already taken effect. Nothing was changed.")
    if change.cancelled_at:
        raise Refused("This change was cancelled. Nothing was changed.")


def _lock(person_id: int, *change_ids: int) -> None:
    """Lock a person's links, then the person, then the change: the order in which a link is used."""
    lock_rows(AccountLink, db.session.scalars(select(AccountLink.id).where(AccountLink.person_id == person_id)))
    lock_rows(Person, [person_id])
    lock_rows(AccountChange, change_ids)
