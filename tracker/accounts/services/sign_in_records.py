"""Records of sign-ins: what people read of their own account, and the events in the ledger.

A failed sign-in is kept in the same way for every email address, since the time of the answer must not tell whether
an account exists. The worker then records what concerns an account, and deletes the rest.
"""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from sqlalchemy import delete, select

from tracker import security_log
from tracker.accounts.known_browsers import Client
from tracker.accounts.sessions import hash_token
from tracker.clock import now
from tracker.extensions import db
from tracker.ledger import read_only, transactions
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.models import Person, SignIn, UserSession
from tracker.vocabulary import SignInOutcome

KEPT_FOR = timedelta(days=90)
"""How long people can read of a sign-in. Its event stays in the ledger, without address and browser."""


def record_sign_in(token: str, client: Client, *, second_step: bool) -> None:
    """Record that sign-in is complete in the session with this token, in the present transaction.

    The event binds the session: it holds a salted hash of what the database holds of the token. While a restore waits
    to be accepted nothing is recorded, and accepting it ends the sessions.
    """
    session = db.session.scalars(select(UserSession).where(UserSession.token_hash == hash_token(token))).one()
    _add(session.person_id, SignInOutcome.SUCCEEDED, client)
    security_log.write("signed_in", person=session.person_id, second_step=second_step)
    if not read_only.is_read_only():
        actor = Actor(session.person_id, None, session.token_hash[:16])
        record("signed_in", session, actor, second_step=second_step, texts={"session": session.token_hash})


def keep_failure(email: str, outcome: SignInOutcome, client: Client) -> None:
    """Keep a failed sign-in at the account with this email address, in a transaction of its own."""
    with transactions.transaction():
        _add(select(Person.id).where(Person.email == email).scalar_subquery(), outcome, client)


def record_failed_sign_ins() -> None:
    """Record the failed sign-ins of each account in one event, and delete what is not kept; runs every minute."""
    is_new = (SignIn.outcome != SignInOutcome.SUCCEEDED) & SignIn.is_recorded.is_(False)
    is_expired = SignIn.at <= now() - KEPT_FOR
    with transactions.reading():
        is_due = db.session.scalar(select(SignIn.id).where(is_new | is_expired).limit(1))
    if not is_due:
        return
    with transactions.transaction():
        db.session.execute(delete(SignIn).where(SignIn.person_id.is_(None) | is_expired))
        rows = db.session.scalars(select(SignIn).where(is_new).order_by(SignIn.person_id, SignIn.id)).all()
        for person_id, failures in groupby(rows, key=lambda row: row.person_id):
            _record_failures(db.session.get_one(Person, person_id), list(failures))


def _record_failures(person: Person, failures: Sequence[SignIn]) -> None:
    first, last = (failures[place].at.isoformat(timespec="seconds") for place in (0, -1))
    record("sign_in_failed", person, OPERATOR, count=len(failures), first=first, last=last)
    for failure in failures:
        failure.is_recorded = True


def _add(person_id: object, outcome: SignInOutcome, client: Client) -> None:
    row = SignIn(
        person_id=person_id,
        at=now(),
        outcome=outcome,
        address=client.address[:45],
        browser=client.browser[:200],
        is_recorded=outcome is SignInOutcome.SUCCEEDED,
    )
    db.session.add(row)
    db.session.flush()
