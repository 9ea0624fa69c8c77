"""Limits on attempts at passwords, codes and links (docs/rules.md, Sign-in).

An attempt is counted, and the count committed, before it is checked. So attempts made at the same moment, in any
number of server processes, get no more checks than the limit. An attempt that was right is no longer counted.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import ColumnElement, delete, func, select

from tracker import security_log
from tracker.accounts.sessions import hash_token
from tracker.clock import now
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import CountedAttempt
from tracker.vocabulary import AttemptKind

WINDOW = timedelta(hours=1)
"""How long an attempt counts."""
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 15))
"""The wait after the last attempt that was free, and after each one that follows it."""
MAX_PER_ADDRESS = 40
"""Attempts of one kind allowed from one IP address within `ADDRESS_WINDOW`, over all accounts."""
ADDRESS_WINDOW = timedelta(minutes=15)
IPV6_NETWORK_BITS = 64
"""The part of an IPv6 address that belongs to one subscriber, who chooses the rest."""


@dataclass(frozen=True)
class Limit:
    """The attempts of one kind that need no wait, and the message of those that have to wait."""

    kind: AttemptKind
    free_attempts: int
    message: str
    """A sentence with a `{}` for the time to wait."""


TOO_MANY_PASSWORDS = "There were too many wrong passwords. Wait {}, then try again."
SIGN_IN = Limit(AttemptKind.SIGN_IN, 5, TOO_MANY_PASSWORDS)
PASSWORD_CONFIRMATION = Limit(AttemptKind.PASSWORD_CONFIRMATION, 5, TOO_MANY_PASSWORDS)
SECOND_STEP = Limit(AttemptKind.SECOND_STEP, 5, "There were too many wrong codes. Wait {}, then try again.")
LINK = Limit(AttemptKind.LINK, 3, "You asked for a link too often. Check your junk folder. To ask again, wait {}.")


def count_attempt(limit: Limit, account: str, client: str) -> None:
    """Count an attempt before it is checked, in a transaction of its own.

    Args:
        limit: the limit for this kind of attempt.
        account: the account that it is an attempt at.
        client: what the attempt comes from; attempts from elsewhere are counted apart.

    Raises:
        Invalid: there were too many attempts. This one must not be checked.
    """
    with log_throttle(limit), transactions.transaction():
        lock_counters(limit.kind, account)
        check_wait(limit, account, client)
        add_attempt(limit.kind, account, client)


def count_link_request(account: str, address: str, limit: Limit = LINK) -> None:
    """Count a request for a link or a code by email, in a transaction of its own.

    Requests are limited for an account wherever they come from, and for an IP address over all accounts.

    Args:
        account: what the request is about.
        address: the IP address that it came from.
        limit: the limit.

    Raises:
        Invalid: there were too many requests. No link may be sent.
    """
    client = name_address(address)
    with log_throttle(limit), transactions.transaction():
        lock_counters(limit.kind, account, client)
        check_wait(limit, account)
        check_address(limit, client)
        add_attempt(limit.kind, account, client)


@contextmanager
def log_throttle(limit: Limit, **facts: str) -> Iterator[None]:
    """Write a line to the security log if an attempt has to wait."""
    try:
        yield
    except Invalid:
        security_log.write("attempt_throttled", kind=limit.kind.value, **facts)
        raise


def lock_counters(kind: AttemptKind, *names: str) -> None:
    """Let one transaction at a time count attempts under these names, until it ends.

    SQLite allows one writing transaction at a time anyway. On PostgreSQL an advisory lock is taken for each name, in
    the order given: accounts before IP addresses.
    """
    if db.session.get_bind().dialect.name != "postgresql":
        return
    for name in names:
        key = int(hash_token(f"{kind} {name}")[:15], 16)
        db.session.execute(select(func.pg_advisory_xact_lock(key)))


def check_wait(limit: Limit, account: str, client: str | None = None) -> None:
    """Raise `Invalid` if the account has to wait: attempts from this client, or from anywhere if None."""
    conditions = [CountedAttempt.account_hash == hash_token(account)]
    if client is not None:
        conditions.append(CountedAttempt.client_hash == hash_token(client))
    times = list_times(limit.kind, WINDOW, *conditions)
    surplus = len(times) - limit.free_attempts
    if surplus >= 0:
        refuse_until(times[0] + WAITS[min(surplus, len(WAITS) - 1)], limit.message)


def check_address(limit: Limit, client: str) -> None:
    """Raise `Invalid` if there were too many attempts from an IP address, over all accounts."""
    times = list_times(limit.kind, ADDRESS_WINDOW, CountedAttempt.client_hash == hash_token(client))
    if len(times) >= MAX_PER_ADDRESS:
        refuse_until(times[MAX_PER_ADDRESS - 1] + ADDRESS_WINDOW, limit.message)


def refuse_until(moment: datetime, message: str) -> None:
    """Raise `Invalid`, saying how long to wait, if this moment has not come."""
    wait = moment - now()
    if wait > timedelta():
        minutes = -(-wait // timedelta(minutes=1))
        raise Invalid(message.format("a minute" if minutes == 1 else f"{minutes} minutes"))


def list_times(kind: AttemptKind, window: timedelta, *conditions: ColumnElement[bool]) -> Sequence[datetime]:
    """List when attempts of this kind were made within a window, the newest first."""
    query = select(CountedAttempt.attempted_at).where(
        CountedAttempt.kind == kind, CountedAttempt.attempted_at > now() - window, *conditions
    )
    return db.session.scalars(query.order_by(CountedAttempt.attempted_at.desc())).all()


def add_attempt(kind: AttemptKind, account: str, client: str) -> None:
    """Count an attempt in the present transaction, whose caller has locked the counters."""
    attempt = CountedAttempt(
        kind=kind, account_hash=hash_token(account), client_hash=hash_token(client), attempted_at=now()
    )
    db.session.add(attempt)
    db.session.flush()


def forget_attempts(limit: Limit, account: str, client: str) -> None:
    """Count no attempt at this account from this client any more, since one was right; others still count."""
    db.session.execute(
        delete(CountedAttempt).where(
            CountedAttempt.kind == limit.kind,
            CountedAttempt.account_hash == hash_token(account),
            CountedAttempt.client_hash == hash_token(client),
        )
    )


def delete_expired_attempts() -> None:
    """Delete the attempts that no longer count; the worker calls it every minute."""
    expired = CountedAttempt.attempted_at <= now() - WINDOW
    with transactions.reading():
        is_due = db.session.scalar(select(CountedAttempt.id).where(expired).limit(1))
    if is_due:
        with transactions.transaction():
            db.session.execute(delete(CountedAttempt).where(expired))


def name_address(address: str) -> str:
    """Return the name under which an IP address is counted: an IPv6 address as its network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"address {address}"
    if isinstance(parsed, IPv6Address) and not parsed.ipv4_mapped:
        return f"address {ip_network((parsed, IPV6_NETWORK_BITS), strict=False)}"
    return f"address {parsed}"
