"""The second step of signing in: an authenticator app's code, a passkey or a recovery code, with rate limiting."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.sql.dml import ReturningUpdate

from tracker import security_log
from tracker.accounts import emails as email_texts
from tracker.accounts.authenticator_apps import find_step
from tracker.accounts.known_browsers import Client, is_known_browser
from tracker.accounts.passkeys import KnownPasskey, RelyingParty, verify_authentication
from tracker.accounts.recovery_codes import find_code
from tracker.accounts.services.attempt_limits import SECOND_STEP, count_attempt, forget_attempts
from tracker.accounts.services.sign_in_records import keep_failure
from tracker.accounts.services.two_step_verification import SECRET, count_codes, send_security_email
from tracker.accounts.sessions import hash_token, take_challenge
from tracker.clock import now
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.events import Actor, record
from tracker.models import Person, RecoveryCode, SecondFactor
from tracker.vocabulary import SecondFactorKind, SignInOutcome
from tracker.web.encryption import decrypt
from tracker.web.formatting import counted

WRONG_CODE = "This code is wrong or was already used. Wait for the next code in your app and enter that."
WRONG_PASSKEY = "This passkey could not be checked. Try again, or sign in another way."
WRONG_RECOVERY_CODE = "This is not one of your recovery codes, or it was already used. Check it, or use another."


def check_app_code(person_id: int, code: str, client: Client) -> None:
    """Accept the authenticator app's current code, once; raise `Invalid` for any other code."""

    def is_next() -> bool:
        app = db.session.execute(
            select(SecondFactor.id, SecondFactor.secret).where(
                SecondFactor.person_id == person_id, SecondFactor.kind == SecondFactorKind.APP
            )
        ).one_or_none()
        secret = decrypt(app.secret, SECRET) if app else None
        step = find_step(secret, code, now()) if secret else None
        if app is None or step is None:
            return False
        used = update(SecondFactor).where(SecondFactor.id == app.id, SecondFactor.last_step < step)
        return _changes_row(used.values(last_step=step, last_used_at=now()).returning(SecondFactor.id))

    _check_with_limit(person_id, client, is_next, Invalid(WRONG_CODE, "code"))


def check_passkey(person_id: int, session_id: int, party: RelyingParty, answer: str, client: Client) -> None:
    """Accept a passkey's answer to this session's challenge; raise `Invalid` unless one of the person's signed it."""

    def is_signed() -> bool:
        challenge = take_challenge(session_id)
        result = verify_authentication(party, challenge, answer, list_passkeys(person_id)) if challenge else None
        if result is None:
            return False
        passkey, count = result
        used = update(SecondFactor).where(
            SecondFactor.id == passkey.id, SecondFactor.sign_count == passkey.sign_count
        )
        return _changes_row(used.values(sign_count=count, last_used_at=now()).returning(SecondFactor.id))

    _check_with_limit(person_id, client, is_signed, Invalid(WRONG_PASSKEY))


def check_recovery_code(person_id: int, typed: str, actor: Actor, client: Client) -> int:
    """Use a recovery code, email its person, and return how many are left; raise `Invalid` for any other code."""
    with transactions.reading():
        query = select(RecoveryCode.id, RecoveryCode.code_hash)
        rows = db.session.execute(query.where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None)))
        stored = [(row.id, row.code_hash) for row in rows]

    def is_unused() -> bool:
        code_id = find_code(typed, stored)
        used = update(RecoveryCode).where(RecoveryCode.id == code_id, RecoveryCode.used_at.is_(None))
        return code_id is not None and _changes_row(used.values(used_at=now()).returning(RecoveryCode.id))

    _check_with_limit(person_id, client, is_unused, Invalid(WRONG_RECOVERY_CODE, "code"))
    person, remaining = db.session.get_one(Person, person_id), count_codes(person_id)
    record("recovery_code_used", person, actor, left=remaining)
    send_security_email(person, *email_texts.build_recovery_code_used_email(counted(remaining, "code")))
    return remaining


def list_passkeys(person_id: int) -> list[KnownPasskey]:
    """List a person's passkeys as they are stored."""
    query = (
        select(SecondFactor.id, SecondFactor.credential_id, SecondFactor.public_key, SecondFactor.sign_count)
        .where(SecondFactor.person_id == person_id, SecondFactor.kind == SecondFactorKind.PASSKEY)
        .order_by(SecondFactor.id)
    )
    rows: Sequence[Any] = db.session.execute(query).all()  # a constraint sets all of these columns for a passkey
    return [KnownPasskey(*row) for row in rows]


def _check_with_limit(person_id: int, client: Client, is_right: Callable[[], bool], error: Invalid) -> None:
    """Raise the error unless the check passes. The attempt is counted before it is checked.

    Each browser with which the person has signed in before has a count of its own. All others have one together: who
    has the password may come from any number of them.
    """
    with transactions.reading():
        email = db.session.scalars(select(Person.email).where(Person.id == person_id)).one()
        has_browser = is_known_browser(email, client)
    counted_client = f"browser {hash_token(client.browser_token)}" if has_browser else "new browsers"
    count_attempt(SECOND_STEP, f"person {person_id}", counted_client)
    if not is_right():
        transactions.rollback()
        keep_failure(email, SignInOutcome.WRONG_CODE, client)
        security_log.write("second_step_failed", person=person_id)
        raise error
    forget_attempts(SECOND_STEP, f"person {person_id}", counted_client)


def _changes_row(change: ReturningUpdate[tuple[int]]) -> bool:
    """Make the change; return whether its row was still as it was read. Of two at once, only one succeeds."""
    return db.session.execute(change).one_or_none() is not None
