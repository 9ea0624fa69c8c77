"""A person's second factors: set up, taken away, and the recovery codes that stand in for them."""

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from tracker.accounts.authenticator_apps import find_step
from tracker.accounts.encryption import encrypt
from tracker.accounts.passkeys import NewPasskey
from tracker.accounts.recovery_codes import NewCode
from tracker.accounts.sessions import clear_second_factor_checks, end_sessions
from tracker.background import emails
from tracker.clock import now
from tracker.errors import Conflict, Invalid, Refused
from tracker.extensions import db
from tracker.ledger.events import OPERATOR, Actor, record
from tracker.ledger.transactions import lock_rows
from tracker.models import Person, RecoveryCode, SecondFactor
from tracker.vocabulary import SecondFactorKind

SECRET = "authenticator app"  # noqa: S105 - what the key is derived for
MAX_PASSKEYS = 20
WRONG_CODE = (
    "That is not the code your app shows for this key now. Nothing was changed. Wait for the next one and type it; "
    "if it is refused too, look at the clock of the phone."
)
LAST = (
    "This is your only second factor, and your role needs one. Nothing was changed. Add another first, then remove "
    "this one."
)
NOT_YOU = "If this was not you, change your password at once and tell whoever runs this installation."


def add_app(
    person: Person, secret: str, code: str, codes: Sequence[NewCode], actor: Actor
) -> tuple[SecondFactor, bool]:
    """Take on the app that shows `code` in place of an earlier one; and whether `codes` were needed, and are kept."""
    step = find_step(secret, code, now())
    if step is None:
        raise Invalid(WRONG_CODE, "code")
    _lock(person, codes)
    for earlier in list_factors(person.id):
        if earlier.kind is SecondFactorKind.APP:
            _take_away(earlier, person, actor)
    factor = SecondFactor(
        person_id=person.id,
        kind=SecondFactorKind.APP,
        name="Authenticator app",
        secret=encrypt(secret, SECRET),
        last_step=step,
        created_at=now(),
    )
    return factor, _add(factor, person, codes, actor)


def add_passkey(
    person: Person, made: NewPasskey, name: str, codes: Sequence[NewCode], actor: Actor
) -> tuple[SecondFactor, bool]:
    """Take on a passkey under the name its person gives; and whether `codes` were needed, and are kept."""
    _lock(person, codes)
    if db.session.scalar(select(SecondFactor.id).where(SecondFactor.credential_id == made.credential_id)):
        raise Refused("This passkey is known here already. Nothing was changed.")
    if len(list_factors(person.id)) >= MAX_PASSKEYS:
        raise Refused(f"{MAX_PASSKEYS} is as many as anybody may have. Nothing was changed. Remove one first.")
    factor = SecondFactor(
        person_id=person.id,
        kind=SecondFactorKind.PASSKEY,
        name=" ".join(name.split()),
        credential_id=made.credential_id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        created_at=now(),
    )
    return factor, _add(factor, person, codes, actor)


def remove_factor(factor_id: int, person: Person, actor: Actor, *, needs_one: bool) -> None:
    """Take a factor away. The last one stays with who needs one; with it go the recovery codes."""
    lock_rows(Person, [person.id])
    held = list_factors(person.id)
    factor = next((each for each in held if each.id == factor_id), None)
    if factor is None:
        raise Refused("That is no longer among your second factors. Nothing was changed.")
    if len(held) == 1 and needs_one:
        raise Refused(LAST)
    _take_away(factor, person, actor)
    if len(held) == 1:
        db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person.id))
        clear_second_factor_checks(person.id)
    send_security_email(
        person,
        "A second factor was removed",
        f"“{factor.name}” was removed from your account just now and no longer opens it. {NOT_YOU}",
    )


def replace_recovery_codes(person: Person, codes: Sequence[NewCode], actor: Actor) -> None:
    """Void a person's recovery codes and keep these instead."""
    lock_rows(Person, [person.id])
    if not list_factors(person.id):
        raise Refused("You have no second factor yet, so there is nothing to recover. Set one up first.")
    _keep_codes(person, codes, actor)
    send_security_email(
        person,
        "Your recovery codes are new",
        f"New recovery codes were made for your account just now, and the old ones no longer work. {NOT_YOU}",
    )


def reset_two_step_verification(person: Person) -> None:
    """Remove all that a person proves themselves by beside the password, for the operator; their sessions end."""
    lock_rows(Person, [person.id])
    held = list_factors(person.id)
    if not held:
        raise Refused(f"{person.email} has no second factor. Nothing was changed.")
    db.session.execute(delete(SecondFactor).where(SecondFactor.person_id == person.id))
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person.id))
    end_sessions(person.id)
    record("two_step_verification_reset", person, OPERATOR, factors=[each.id for each in held])
    send_security_email(
        person,
        "Your second factor was removed",
        "The operator of the evidence tracker removed your second factor and your recovery codes, and every browser "
        "was signed out. If your role needs a second factor, you are asked to set one up when you sign in next. "
        "If you did not ask for this, tell your centre at once.",
    )


def list_factors(person_id: int) -> list[SecondFactor]:
    query = select(SecondFactor).where(SecondFactor.person_id == person_id).order_by(SecondFactor.id)
    return list(db.session.scalars(query))


def count_codes(person_id: int) -> int:
    """Recovery codes that can still be used."""
    query = select(func.count()).select_from(RecoveryCode)
    return db.session.scalar(query.where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None))) or 0


def send_security_email(person: Person, subject: str, words: str) -> None:
    """Each time, not once a day: what was done twice may have been somebody else the second time."""
    emails.send(person.email, subject, f"Hello {person.name},\n\n{words}\n")


def _lock(person: Person, codes: Sequence[NewCode]) -> None:
    """Codes come with a first factor, which the password alone sets up: raises `Conflict` where one was meanwhile."""
    lock_rows(Person, [person.id])
    if codes and list_factors(person.id):
        raise Conflict(
            "A second factor was set up elsewhere meanwhile. Nothing was changed. Sign in again and use it."
        )


def _add(factor: SecondFactor, person: Person, codes: Sequence[NewCode], actor: Actor) -> bool:
    db.session.add(factor)
    db.session.flush()
    record("second_factor_added", person, actor, factor=factor.id, kind=factor.kind.value)
    send_security_email(
        person,
        "A second factor was added",
        f"“{factor.name}” was added to your account just now: it is asked for beside your password. {NOT_YOU}",
    )
    if not codes or db.session.scalar(select(RecoveryCode.id).where(RecoveryCode.person_id == person.id).limit(1)):
        return False
    _keep_codes(person, codes, actor)
    return True


def _keep_codes(person: Person, codes: Sequence[NewCode], actor: Actor) -> None:
    """Keep these and no others."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person.id))
    kept = [RecoveryCode(person_id=person.id, code_hash=each.code_hash, created_at=now()) for each in codes]
    db.session.add_all(kept)
    db.session.flush()
    record("recovery_codes_made", person, actor, count=len(kept))


def _take_away(factor: SecondFactor, person: Person, actor: Actor) -> None:
    db.session.delete(factor)
    db.session.flush()
    record("second_factor_removed", person, actor, factor=factor.id, kind=factor.kind.value)
