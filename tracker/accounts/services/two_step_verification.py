"""Setting up two-step verification: authenticator apps, passkeys and recovery codes."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from tracker.accounts import emails as email_texts
from tracker.accounts.authenticator_apps import find_step
from tracker.accounts.credential_texts import describe_codes, describe_factor
from tracker.accounts.known_browsers import forget_browsers
from tracker.accounts.passkeys import NewPasskey
from tracker.accounts.recovery_codes import NewCode
from tracker.accounts.sessions import clear_second_factor_checks, end_sessions
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.ledger.row_seals import get_values
from tracker.ledger.transactions import lock_rows
from tracker.models import Person, RecoveryCode, SecondFactor
from tracker.vocabulary import SecondFactorKind
from tracker.web.encryption import encrypt
from tracker.web.text_direction import isolate

SECRET = "authenticator app"  # noqa: S105 - the purpose an encryption key is derived for, not a secret
MAX_PASSKEYS = 20
WRONG_CODE = (
    "This is not the code your app shows for this key now. Nothing was changed. Wait for the next code and enter "
    "that. If that code is refused too, check that the phone’s clock is right."
)
LAST = (
    "Your role needs two-step verification, and this is the only method you have set up. Nothing was changed. "
    "Add another method first, then remove this one."
)


def add_app(
    person: Person, secret: str, code: str, codes: Sequence[NewCode], actor: Actor, session_id: int
) -> tuple[SecondFactor, bool]:
    """Add the authenticator app that shows `code`, replacing an earlier app.

    Args:
        person: whose account it is.
        secret: the app's secret.
        code: the code the app shows now.
        codes: recovery codes, stored if this is the first second factor.
        actor: who adds it.
        session_id: the session in which it is added. The others end.

    Returns:
        The second factor, and whether the recovery codes were stored.

    Raises:
        Invalid: a wrong code.
        Conflict: another second factor was set up meanwhile.
    """
    step = find_step(secret, code, now())
    if step is None:
        raise Invalid(WRONG_CODE, "code")
    _lock(person, codes)
    for earlier in list_factors(person.id):
        if earlier.kind is SecondFactorKind.APP:
            _remove(earlier, person, actor)
    factor = SecondFactor(
        person_id=person.id,
        kind=SecondFactorKind.APP,
        name="Authenticator app",
        secret=encrypt(secret, SECRET),
        last_step=step,
        created_at=now(),
    )
    return factor, _add(factor, person, codes, actor, session_id)


def add_passkey(
    person: Person, passkey: NewPasskey, name: str, codes: Sequence[NewCode], actor: Actor, session_id: int
) -> tuple[SecondFactor, bool]:
    """Add a passkey under the name its person gives, and end their other sessions.

    Returns:
        The second factor, and whether the recovery codes were stored: they are for the first second factor.

    Raises:
        Refused: a passkey that is registered already, or too many passkeys.
        Conflict: another second factor was set up meanwhile.
    """
    _lock(person, codes)
    if db.session.scalar(select(SecondFactor.id).where(SecondFactor.credential_id == passkey.credential_id)):
        raise Refused("This passkey is already registered here. Nothing was changed.")
    if len(list_factors(person.id)) >= MAX_PASSKEYS:
        raise Refused(f"You can have at most {MAX_PASSKEYS}. Nothing was changed. Remove one first.")
    factor = SecondFactor(
        person_id=person.id,
        kind=SecondFactorKind.PASSKEY,
        name=" ".join(name.split()),
        credential_id=passkey.credential_id,
        public_key=passkey.public_key,
        sign_count=passkey.sign_count,
        created_at=now(),
    )
    return factor, _add(factor, person, codes, actor, session_id)


def remove_factor(factor_id: int, person: Person, actor: Actor, session_id: int, *, needs_one: bool) -> None:
    """Remove a second factor, and with the last one the recovery codes; end the person's other sessions.

    Raises:
        Refused: the last one of somebody whose role needs one, or one that is gone.
    """
    lock_rows(Person, [person.id])
    factors = list_factors(person.id)
    factor = next((each for each in factors if each.id == factor_id), None)
    if factor is None:
        raise Refused("This sign-in method has already been removed. Nothing was changed.")
    if len(factors) == 1 and needs_one:
        raise Refused(LAST)
    _remove(factor, person, actor)
    if len(factors) == 1:
        db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person.id))
        clear_second_factor_checks(person.id)
    end_sessions(person.id, except_id=session_id)
    send_security_email(person, *email_texts.build_second_factor_removed_email(factor.name))


def replace_recovery_codes(person: Person, codes: Sequence[NewCode], actor: Actor, session_id: int) -> None:
    """Replace a person's recovery codes with these, and end their other sessions."""
    lock_rows(Person, [person.id])
    if not list_factors(person.id):
        raise Refused("Recovery codes are for two-step verification. Set that up first.")
    _replace_codes(person, codes, actor)
    end_sessions(person.id, except_id=session_id)
    send_security_email(person, *email_texts.build_recovery_codes_replaced_email())


def reset_two_step_verification(person: Person) -> None:
    """Remove a person's second factors and recovery codes and end their sessions: for the operator only."""
    lock_rows(Person, [person.id])
    if not list_factors(person.id):
        raise Refused(f"{person.email} has not set up two-step verification. Nothing was changed.")
    record("two_step_verification_reset", person, OPERATOR, factors=remove_all_factors(person))
    message = email_texts.build_two_step_verification_reset_email("The system operator of the evidence tracker")
    send_security_email(person, *message)


def remove_all_factors(person: Person) -> list[int]:
    """Remove a person's second factors and recovery codes and end their sessions; return the factors' ids."""
    ids = [each.id for each in list_factors(person.id)]
    db.session.execute(delete(SecondFactor).where(SecondFactor.person_id == person.id))
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person.id))
    end_sessions(person.id)
    forget_browsers(person.id)
    return ids


def list_factors(person_id: int) -> list[SecondFactor]:
    """List a person's authenticator app and passkeys, oldest first."""
    query = select(SecondFactor).where(SecondFactor.person_id == person_id).order_by(SecondFactor.id)
    return list(db.session.scalars(query))


def count_codes(person_id: int) -> int:
    """Return how many of a person's recovery codes can still be used."""
    query = select(func.count()).select_from(RecoveryCode)
    return db.session.scalar(query.where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))) or 0


def send_security_email(person: Person, subject: str, body: str) -> None:
    """Email a person about their account every time, not once a day: the second time may be an attack."""
    emails.send(person.email, subject, f"Hello {isolate(person.name)},\n\n{body}\n")


def _lock(person: Person, codes: Sequence[NewCode]) -> None:
    """Lock the person; raise `Conflict` if codes were made for a first second factor and there is one now."""
    lock_rows(Person, [person.id])
    if codes and list_factors(person.id):
        raise Conflict(
            "Two-step verification has been set up in another browser. Nothing was changed here. "
            "Sign in again and use that method."
        )


def _add(factor: SecondFactor, person: Person, codes: Sequence[NewCode], actor: Actor, session_id: int) -> bool:
    db.session.add(factor)
    db.session.flush()
    end_sessions(person.id, except_id=session_id)
    texts = {"factor": describe_factor(get_values(factor))}
    record("second_factor_added", person, actor, texts=texts, factor=factor.id, kind=factor.kind.value)
    send_security_email(person, *email_texts.build_second_factor_added_email(factor.name))
    if not codes or db.session.scalar(select(RecoveryCode.id).where(RecoveryCode.person_id == person.id).limit(1)):
        return False
    _replace_codes(person, codes, actor)
    return True


def _replace_codes(person: Person, codes: Sequence[NewCode], actor: Actor) -> None:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person.id))
    rows = [RecoveryCode(person_id=person.id, code_hash=each.code_hash, created_at=now()) for each in codes]
    db.session.add_all(rows)
    db.session.flush()
    texts = {"codes": describe_codes(each.code_hash for each in codes)}
    record("recovery_codes_made", person, actor, texts=texts, count=len(rows))


def _remove(factor: SecondFactor, person: Person, actor: Actor) -> None:
    db.session.delete(factor)
    db.session.flush()
    record("second_factor_removed", person, actor, factor=factor.id, kind=factor.kind.value)
