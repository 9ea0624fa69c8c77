"""Sessions: rows in the database, found by the hash of a 256-bit token in a cookie."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from flask import Request, current_app, request, session
from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tracker import security_log
from tracker.clock import now
from tracker.config import HOST_PREFIX
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Centre, Grant, Person, SecondFactor, UserSession
from tracker.statements import fetch_rows_in_own_transaction, moment_of_reading
from tracker.vocabulary import SecondStepMethod
from tracker.web.current_user import CurrentGrant, SecondStep, SignedIn

COOKIE_NAME = "tracker_session"
IDLE_TIMEOUT = timedelta(minutes=30)
ABSOLUTE_TIMEOUT = timedelta(hours=12)
LAST_SEEN_INTERVAL = timedelta(minutes=1)
"""The shortest time between two updates of a session's `last_seen_at`."""
SECOND_FACTOR_TIMEOUT = timedelta(minutes=10)
"""How long after the password the second factor may be given."""
COOKIE_LIFETIME = ABSOLUTE_TIMEOUT + timedelta(hours=24)
"""How long a browser keeps the cookie: longer than the session, whose end the server checks, so that a form sent
after it can still be matched to its person (docs/security.md, Unsaved text)."""
CHALLENGE_TIMEOUT = timedelta(minutes=5)
"""How long a passkey may take to answer a challenge."""


def is_open() -> ColumnElement[bool]:
    """Return the condition that a session has neither ended nor timed out when it is read."""
    return and_(
        UserSession.ended_at.is_(None),
        UserSession.last_seen_at > moment_of_reading(minus=IDLE_TIMEOUT),
        UserSession.created_at > moment_of_reading(minus=ABSOLUTE_TIMEOUT),
    )


GRANT_COLUMNS: tuple[Any, ...] = (
    Grant.id.label("grant_id"),
    Grant.role,
    Grant.centre_id,
    Centre.name.label("centre_name"),
    Centre.terms,
    Grant.ends_at,
    Centre.candidates_need_two_step,
    Centre.signing_two_step,
    Centre.has_countersigning,
)
"""The columns for `CurrentGrant`, in the order of its fields."""
SESSION_WITH_GRANTS = (
    select(
        *GRANT_COLUMNS,
        UserSession.id.label("session_id"),
        UserSession.token_hash,
        UserSession.chosen_grant_id,
        UserSession.created_at,
        UserSession.last_seen_at,
        UserSession.verified_at,
        UserSession.verified_with,
        Person.id.label("person_id"),
        Person.name.label("person_name"),
        Person.email,
        Person.password_hash,
        exists().where(SecondFactor.person_id == Person.id).label("has_factor"),
    )
    .select_from(UserSession)
    .join(Person, Person.id == UserSession.person_id)
    .outerjoin(
        Grant,
        and_(
            Grant.person_id == Person.id,
            Grant.starts_at <= moment_of_reading(),
            or_(Grant.ends_at.is_(None), Grant.ends_at > moment_of_reading()),
        ),
    )
    .outerjoin(Centre, Centre.id == Grant.centre_id)
    .where(UserSession.token_hash == bindparam("token_hash"), is_open(), Person.deactivated_at.is_(None))
    .order_by(Grant.id)
)
"""An open session with its person and their live grants: a row for each grant, or one row without."""


def find_signed_in(incoming: Request) -> SignedIn | None:
    """Return the person whose session a request's cookie names, or None if it has expired or there is none.

    Reads in a short transaction of its own, before the request's.
    """
    token = incoming.cookies.get(get_cookie_name())
    if not token:
        return None
    rows = fetch_rows_in_own_transaction(SESSION_WITH_GRANTS, token_hash=hash_token(token))
    moment = now()
    if not rows or _has_timed_out(rows[0], moment):
        return None
    row, grants = rows[0], tuple(CurrentGrant(*each[: len(GRANT_COLUMNS)]) for each in rows if each.grant_id)
    _mark_seen(row, moment)
    chosen = next((g for g in grants if g.id == row.chosen_grant_id), None)
    return SignedIn(
        person_id=row.person_id,
        name=row.person_name,
        email=row.email,
        password_hash=row.password_hash or "",
        session_id=row.session_id,
        session_ref=row.token_hash[:16],
        grants=grants,
        chosen=chosen or (grants[0] if grants else None),
        has_second_factor=row.has_factor,
        is_proven=row.verified_at is not None,
        second_step=_get_second_step(row),
    )


def find_timed_out_person_id(incoming: Request) -> int | None:
    """Return the id of the person whose session a request's cookie names, if that session has timed out.

    None for a session that is open, that was ended (by signing out, a new password or the end of an account), whose
    sign-in was never completed, or whose cookie should have been forgotten.
    """
    token = incoming.cookies.get(get_cookie_name())
    if not token:
        return None
    moment = now()
    with Session(db.engine) as database:
        return database.scalar(
            select(UserSession.person_id)
            .join(Person, Person.id == UserSession.person_id)
            .where(
                UserSession.token_hash == hash_token(token),
                UserSession.ended_at.is_(None),
                UserSession.created_at > moment - COOKIE_LIFETIME,
                (UserSession.last_seen_at <= moment - IDLE_TIMEOUT)
                | (UserSession.created_at <= moment - ABSOLUTE_TIMEOUT),
                UserSession.verified_at.is_not(None) | ~exists().where(SecondFactor.person_id == Person.id),
                Person.deactivated_at.is_(None),
            )
        )


def is_session_of(token: str, person_id: int) -> bool:
    """Return whether a token belongs to a session of this person that was not ended, timed out or not."""
    query = select(UserSession.id).where(
        UserSession.token_hash == hash_token(token),
        UserSession.person_id == person_id,
        UserSession.ended_at.is_(None),
    )
    return db.session.scalar(query) is not None


def start_session(person: Person, address: str, browser: str, *, proven: bool = False) -> str:
    """Start a session for a person who has just given their password, and return the token for its cookie.

    `proven`: whether they have given their second factor too.
    """
    token = secrets.token_urlsafe(32)
    moment = now()
    db.session.add(
        UserSession(
            token_hash=hash_token(token),
            person_id=person.id,
            address=address[:45],
            browser=browser[:200],
            created_at=moment,
            last_seen_at=moment,
            verified_at=moment if proven else None,
        )
    )
    db.session.flush()
    return token


def mark_second_factor_proven(session_id: int, method: SecondStepMethod) -> str:
    """Record that and how the second factor was given in a session, and return the session's new token.

    Raises:
        Conflict: the session has ended, or its second factor was given already.
    """
    token, moment = secrets.token_urlsafe(32), now()
    changed_id = db.session.scalars(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.ended_at.is_(None), UserSession.verified_at.is_(None))
        .values(
            token_hash=hash_token(token),
            verified_at=moment,
            verified_with=method,
            challenge=None,
            challenged_at=None,
        )
        .returning(UserSession.id)
    ).one_or_none()
    if changed_id is None:
        raise Conflict
    return token


def mark_second_factor_proven_again(session_id: int, method: SecondStepMethod) -> None:
    """Record when and how the second factor was given again in a session that is signed in.

    Raises:
        Conflict: the session has ended, or lost its two-step verification.
    """
    changed_id = db.session.scalars(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.ended_at.is_(None), UserSession.verified_at.is_not(None))
        .values(verified_at=now(), verified_with=method)
        .returning(UserSession.id)
    ).one_or_none()
    if changed_id is None:
        raise Conflict


def clear_second_factor_checks(person_id: int) -> None:
    """Clear the record that the second factor was given from a person's sessions: they have none any more."""
    ended = {"verified_at": None, "verified_with": None}
    db.session.execute(update(UserSession).where(UserSession.person_id == person_id).values(ended))


def save_challenge(session_id: int, challenge: str) -> None:
    """Store the challenge that a passkey has to sign next in this session."""
    db.session.execute(
        update(UserSession).where(UserSession.id == session_id).values(challenge=challenge, challenged_at=now())
    )


def take_challenge(session_id: int) -> str | None:
    """Return a session's challenge, once only, or None if there is none or it has expired.

    Commits at once: a challenge stays used when the sign-in it was used for fails.
    """
    with transactions.transaction():
        row = db.session.execute(
            select(UserSession.challenge, UserSession.challenged_at)
            .where(UserSession.id == session_id)
            .with_for_update()
        ).one()
        db.session.execute(
            update(UserSession).where(UserSession.id == session_id).values(challenge=None, challenged_at=None)
        )
    return row.challenge if row.challenge and row.challenged_at > now() - CHALLENGE_TIMEOUT else None


def end_sessions(person_id: int, *, except_id: int | None = None) -> None:
    """End every session of a person, or all but one."""
    db.session.execute(
        update(UserSession)
        .where(
            UserSession.person_id == person_id,
            UserSession.ended_at.is_(None),
            UserSession.id.is_distinct_from(except_id),
        )
        .values(ended_at=now())
    )


def end_every_session() -> None:
    """End the sessions of everybody."""
    db.session.execute(update(UserSession).where(UserSession.ended_at.is_(None)).values(ended_at=now()))


def set_cookie(response: Response, token: str) -> None:
    """Set the session cookie on a response."""
    set_token_cookie(response, get_cookie_name(), token, COOKIE_LIFETIME)


def set_token_cookie(response: Response, name: str, token: str, lifetime: timedelta) -> None:
    """Set a cookie that only this site gets and no script reads."""
    response.set_cookie(
        name,
        token,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        max_age=int(lifetime.total_seconds()),
    )


def delete_cookie(response: Response) -> None:
    """Delete the session cookie from the browser."""
    response.delete_cookie(
        get_cookie_name(), httponly=True, samesite="Lax", secure=current_app.config["SESSION_COOKIE_SECURE"]
    )


def get_cookie_name() -> str:
    """Return the name of the session cookie; over HTTPS it has the `__Host-` prefix."""
    return f"{HOST_PREFIX}{COOKIE_NAME}" if current_app.config["SESSION_COOKIE_SECURE"] else COOKIE_NAME


def hash_token(token: str) -> str:
    """Return the hash under which a token, or the key of a rate limit, is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def get_client_address() -> str:
    """Return the IP address of the request, or an empty string if it has none."""
    return request.remote_addr or ""


def _get_second_step(session_row: Row[*tuple[Any, ...]]) -> SecondStep | None:
    at, method = session_row.verified_at, session_row.verified_with
    return SecondStep(at, method) if at and method else None


def _has_timed_out(session_row: Row[*tuple[Any, ...]], moment: datetime) -> bool:
    """Return whether a session has waited for its second factor for too long."""
    started_at: datetime = session_row.created_at
    return session_row.has_factor and not session_row.verified_at and started_at <= moment - SECOND_FACTOR_TIMEOUT


def _mark_seen(session_row: Row[*tuple[Any, ...]], moment: datetime) -> None:
    """Update `last_seen_at` at most once a minute, in a transaction of its own: reading a page holds no lock."""
    if moment - session_row.last_seen_at < LAST_SEEN_INTERVAL:
        return
    with transactions.writing(), Session(db.engine) as database, database.begin():
        database.execute(
            update(UserSession).where(UserSession.id == session_row.session_id).values(last_seen_at=moment)
        )


def sign_browser_out(response: Response) -> Response:
    """End the session of the request's browser, and clear its cookies and cache, for shared phones."""
    end_session(request.cookies.get(get_cookie_name(), ""))
    security_log.write("signed_out")
    session.clear()
    delete_cookie(response)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def end_session(token: str) -> None:
    """End the session that a token belongs to, if there is one."""
    db.session.execute(
        update(UserSession)
        .where(UserSession.token_hash == hash_token(token), UserSession.ended_at.is_(None))
        .values(ended_at=now())
    )
