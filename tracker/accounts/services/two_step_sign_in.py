"""Proving the second factor at sign-in: by the app's code, a passkey or a recovery code, slowed after slips."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.sql.dml import ReturningUpdate

from tracker.accounts.authenticator_apps import find_step
from tracker.accounts.encryption import decrypt
from tracker.accounts.passkeys import KnownPasskey, RelyingParty, verify_authentication
from tracker.accounts.recovery_codes import find_code
from tracker.accounts.services.sign_in import check_rate_limit, clear_failures, record_failure
from tracker.accounts.services.two_step_verification import NOT_YOU, SECRET, count_codes, send_security_email
from tracker.accounts.sessions import hash_token, take_challenge
from tracker.clock import now
from tracker.errors import Invalid
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.ledger.events import Actor, record
from tracker.models import Person, RecoveryCode, SecondFactor
from tracker.vocabulary import SecondFactorKind
from tracker.web.formatting import counted

MAX_PER_PERSON = 5
THROTTLED = "There were too many wrong codes. Wait {}, then try again."
WRONG_CODE = "That code is not right, or was used already. Wait for the next one in your app and type it."
WRONG_PASSKEY = "That passkey could not be checked. Try again, or use another way."
WRONG_RECOVERY_CODE = "That is not one of your recovery codes, or it was used already. Check it, or use another."


def check_app_code(person_id: int, code: str, address: str) -> None:
    """Raises `Invalid` unless this is the app's code now, and nobody used it before."""

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
        return _one(used.values(last_step=step, last_used_at=now()).returning(SecondFactor.id))

    _count_slips(person_id, address, is_next, Invalid(WRONG_CODE, "code"))


def check_passkey(person_id: int, session_id: int, party: RelyingParty, answer: str, address: str) -> None:
    """Raises `Invalid` unless one of the person's passkeys signed what this session was asked, just now."""

    def is_signed() -> bool:
        challenge = take_challenge(session_id)
        found = verify_authentication(party, challenge, answer, known_passkeys(person_id)) if challenge else None
        if found is None:
            return False
        passkey, count = found
        used = update(SecondFactor).where(
            SecondFactor.id == passkey.id, SecondFactor.sign_count == passkey.sign_count
        )
        return _one(used.values(sign_count=count, last_used_at=now()).returning(SecondFactor.id))

    _count_slips(person_id, address, is_signed, Invalid(WRONG_PASSKEY))


def check_recovery_code(person_id: int, typed: str, actor: Actor, address: str) -> int:
    """Use a recovery code up, and tell its person; how many are left. Raises `Invalid` for any other code."""
    with transactions.reading():
        query = select(RecoveryCode.id, RecoveryCode.code_hash)
        rows = db.session.execute(query.where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None)))
        kept = [(row.id, row.code_hash) for row in rows]

    def is_unused() -> bool:
        code_id = find_code(typed, kept)
        used = update(RecoveryCode).where(RecoveryCode.id == code_id, RecoveryCode.used_at.is_(None))
        return code_id is not None and _one(used.values(used_at=now()).returning(RecoveryCode.id))

    _count_slips(person_id, address, is_unused, Invalid(WRONG_RECOVERY_CODE, "code"))
    person, left = db.session.get_one(Person, person_id), count_codes(person_id)
    record("recovery_code_used", person, actor, left=left)
    send_security_email(
        person,
        "A recovery code was used",
        "Somebody signed in to the evidence tracker as you just now, with your password and one of your recovery "
        f"codes. You have {counted(left, 'code')} left. {NOT_YOU}",
    )
    return left


def known_passkeys(person_id: int) -> list[KnownPasskey]:
    query = (
        select(SecondFactor.id, SecondFactor.credential_id, SecondFactor.public_key, SecondFactor.sign_count)
        .where(SecondFactor.person_id == person_id, SecondFactor.kind == SecondFactorKind.PASSKEY)
        .order_by(SecondFactor.id)
    )
    rows: Sequence[Any] = db.session.execute(query).all()  # of a passkey none of these is empty
    return [KnownPasskey(*row) for row in rows]


def _count_slips(person_id: int, address: str, is_proven: Callable[[], bool], refusal: Invalid) -> None:
    """Slips are counted as at the password, under a key of their own, and fewer of them are borne."""
    account = hash_token(f"second factor {person_id}")
    with transactions.reading():
        check_rate_limit(account, address, MAX_PER_PERSON, THROTTLED)
    if is_proven():
        clear_failures(account, address)
        return
    transactions.rollback()
    record_failure(account, address)
    raise refusal


def _one(change: ReturningUpdate[tuple[int]]) -> bool:
    """Whether the change found its row as it was read: of two at once, one does."""
    return db.session.execute(change).one_or_none() is not None
