"""Sign-in, limited per account and client (docs/rules.md, Sign-in)."""

from sqlalchemy import select

from tracker import security_log
from tracker.accounts.known_browsers import Client, is_known_browser, is_known_client
from tracker.accounts.passwords import is_password
from tracker.accounts.services.account_changes import apply_due_changes
from tracker.accounts.services.attempt_limits import (
    SIGN_IN,
    WAITS,
    WINDOW,
    add_attempt,
    check_address,
    check_wait,
    forget_attempts,
    list_times,
    lock_counters,
    log_throttle,
    name_address,
    refuse_until,
)
from tracker.accounts.services.sign_in_records import keep_failure
from tracker.accounts.sessions import hash_token
from tracker.background import emails
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.transactions import lock_rows
from tracker.models import CountedAttempt, Person
from tracker.vocabulary import SignInOutcome

MAX_PER_ACCOUNT = 20
"""Wrong passwords for one account within `WINDOW`, from anywhere, before a new browser needs a link by email."""
WRONG = "The email address or the password is wrong. Check both, or ask for a new password."
MANY_PLACES = "There were too many wrong passwords for this email address from different places."
ASK_OPERATOR = (
    f"{MANY_PLACES} Use a browser that you have signed in with before. To try again with this browser, wait {{}}. "
    "Your centre’s administrator can get a link for a new password from the system operator."
)


class BrowserUnknown(Invalid):
    """A sign-in with a new browser while the account is attacked: it needs a link by email first."""

    def __init__(self) -> None:
        super().__init__(f"{MANY_PLACES} To sign in with this browser, get a link by email first.")


def authenticate(email: str, password: str, client: Client) -> Person:
    """Return the person with this email address and password.

    The attempt is counted and committed before the password is checked, so that it outlives the rollback of the
    request, and attempts at the same moment get no more checks than the limit.

    Raises:
        BrowserUnknown: too many wrong passwords from different places, and nobody has signed in to the account with
            this browser or from this IP address.
        Invalid: with the same message for an unknown address and for a wrong password, or too many attempts.
    """
    email = email.strip().lower()
    apply_due_changes(email)
    with log_throttle(SIGN_IN, account=security_log.hash_email(email)), transactions.transaction():
        counted_client = _count(email, client)
    with transactions.reading():
        query = select(Person.id, Person.password_hash, Person.deactivated_at).where(Person.email == email)
        row = db.session.execute(query).one_or_none()
    person_id, stored_hash, deactivated_at = row or (None, None, None)
    is_right = is_password(stored_hash, password)
    person = _lock_unless_changed(person_id, stored_hash) if is_right and person_id and not deactivated_at else None
    if person is None:
        keep_failure(email, SignInOutcome.WRONG_PASSWORD, client)
        security_log.write("sign_in_failed", account=security_log.hash_email(email), person=person_id)
        raise Invalid(WRONG)
    forget_attempts(SIGN_IN, email, counted_client)
    return person


def _count(email: str, client: Client) -> str:
    """Count an attempt to sign in, and return the name of the client under which it is counted.

    A browser that the person has signed in with has a count of its own, which nobody else's attempts reach. The same
    statements run for an address without an account.
    """
    has_browser, is_known = is_known_browser(email, client), is_known_client(email, client)
    address = name_address(client.address)
    counted_client = f"browser {hash_token(client.browser_token)}" if has_browser else address
    lock_counters(SIGN_IN.kind, email, address)
    check_wait(SIGN_IN, email, counted_client)
    if not has_browser:
        check_address(SIGN_IN, address)
    if not is_known:
        _check_account(email)
    add_attempt(SIGN_IN.kind, email, counted_client)
    return counted_client


def _check_account(email: str) -> None:
    """Raise `Invalid` for a client that is not known while there are many attempts at the account, from anywhere.

    Where no emails are sent, such clients together get one attempt in the longest wait.
    """
    times = list_times(SIGN_IN.kind, WINDOW, CountedAttempt.account_hash == hash_token(email))
    if len(times) < MAX_PER_ACCOUNT:
        return
    if emails.can_deliver():
        raise BrowserUnknown
    refuse_until(times[0] + WAITS[-1], ASK_OPERATOR)


def _lock_unless_changed(person_id: int, password_hash: str | None) -> Person | None:
    """Lock and return the person if the password is still the one checked and the account still open, or None.

    Otherwise the session that starts now would outlive a change that was meant to end every session.
    """
    lock_rows(Person, [person_id])
    person = db.session.get_one(Person, person_id)
    return person if person.password_hash == password_hash and person.deactivated_at is None else None
