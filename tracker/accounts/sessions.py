"""Signed-in browsers: rows in the database, found by the hash of a 256-bit token in a cookie."""

import hashlib
import secrets
from datetime import datetime, timedelta

from flask import Request, current_app, request
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tracker.clock import now
from tracker.errors import Conflict
from tracker.extensions import db
from tracker.ledger import transactions
from tracker.models import Centre, Grant, Person, SecondFactor, UserSession
from tracker.web.current_user import HeldGrant, SignedIn

COOKIE = "tracker_session"
HOST_PREFIX = "__Host-"
"""Before the name of a cookie that a browser takes over https from this very host alone, never from one beside it."""
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SEEN_AT_MOST = timedelta(minutes=1)
PENDING = timedelta(minutes=10)
"""So long may somebody take to prove their second factor."""
CHALLENGE_LASTS = timedelta(minutes=5)


def find_signed_in(incoming: Request) -> SignedIn | None:
    """The person behind a request's cookie, in a short transaction of its own; None when it lapsed."""
    token = incoming.cookies.get(get_cookie_name())
    if not token:
        return None
    moment = now()
    with Session(db.engine) as session:
        found = session.execute(
            select(UserSession, Person, exists().where(SecondFactor.person_id == Person.id).label("has_factor"))
            .join(Person, Person.id == UserSession.person_id)
            .where(
                UserSession.token_hash == hash_token(token),
                UserSession.ended_at.is_(None),
                UserSession.last_seen_at > moment - IDLE,
                UserSession.created_at > moment - ABSOLUTE,
                Person.deactivated_at.is_(None),
            )
        ).first()
        if not found or _is_pending_too_long(found.UserSession, found.has_factor, moment):
            return None
        grants = _held_grants(session, found.Person.id, moment)
    _mark_seen(found.UserSession, moment)
    chosen = next((g for g in grants if g.id == found.UserSession.chosen_grant_id), None)
    return SignedIn(
        person_id=found.Person.id,
        name=found.Person.name,
        email=found.Person.email,
        password_hash=found.Person.password_hash or "",
        session_id=found.UserSession.id,
        session_ref=found.UserSession.token_hash[:16],
        grants=grants,
        chosen=chosen or (grants[0] if grants else None),
        has_second_factor=found.has_factor,
        is_proven=found.UserSession.verified_at is not None,
    )


def start_session(person: Person, address: str, browser: str, *, proven: bool = False) -> str:
    """A new session for a person who has just given their password; the token for the cookie comes out.

    `proven`: whether they have proved their second factor too.
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


def mark_second_factor_proven(session_id: int) -> str:
    """Note that the second factor was proven in a session. It goes on under another token, which comes out."""
    token, moment = secrets.token_urlsafe(32), now()
    found = db.session.scalars(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.ended_at.is_(None), UserSession.verified_at.is_(None))
        .values(token_hash=hash_token(token), verified_at=moment, challenge=None, challenged_at=None)
        .returning(UserSession.id)
    ).one_or_none()
    if found is None:
        raise Conflict
    return token


def clear_second_factor_checks(person_id: int) -> None:
    """Have a person's sessions no longer count as proven: there is nothing left to prove."""
    db.session.execute(update(UserSession).where(UserSession.person_id == person_id).values(verified_at=None))


def save_challenge(session_id: int, challenge: str) -> None:
    """What a passkey is to sign next in this session."""
    db.session.execute(
        update(UserSession).where(UserSession.id == session_id).values(challenge=challenge, challenged_at=now())
    )


def take_challenge(session_id: int) -> str | None:
    """The challenge of a session, once and while it lasts; its use outlives the failure of what it is used for."""
    with transactions.transaction():
        row = db.session.execute(
            select(UserSession.challenge, UserSession.challenged_at)
            .where(UserSession.id == session_id)
            .with_for_update()
        ).one()
        db.session.execute(
            update(UserSession).where(UserSession.id == session_id).values(challenge=None, challenged_at=None)
        )
    return row.challenge if row.challenge and row.challenged_at > now() - CHALLENGE_LASTS else None


def end_sessions(person_id: int, *, except_id: int | None = None) -> None:
    """End every session of a person at once, or all but one."""
    query = update(UserSession).where(UserSession.person_id == person_id, UserSession.ended_at.is_(None))
    if except_id is not None:
        query = query.where(UserSession.id != except_id)
    db.session.execute(query.values(ended_at=now()))


def set_cookie(response: Response, token: str) -> None:
    response.set_cookie(
        get_cookie_name(),
        token,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        max_age=int(ABSOLUTE.total_seconds()),
    )


def delete_cookie(response: Response) -> None:
    response.delete_cookie(
        get_cookie_name(), httponly=True, samesite="Lax", secure=current_app.config["SESSION_COOKIE_SECURE"]
    )


def get_cookie_name() -> str:
    return f"{HOST_PREFIX}{COOKIE}" if current_app.config["SESSION_COOKIE_SECURE"] else COOKIE


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def get_client_address() -> str:
    return request.remote_addr or ""


def _held_grants(session: Session, person_id: int, moment: datetime) -> tuple[HeldGrant, ...]:
    rows = session.execute(
        select(Grant.id, Grant.role, Grant.centre_id, Centre.name, Centre.terms, Grant.ends_at)
        .join(Centre, Centre.id == Grant.centre_id)
        .where(Grant.person_id == person_id, Grant.starts_at <= moment)
        .where((Grant.ends_at.is_(None)) | (Grant.ends_at > moment))
        .order_by(Grant.id)
    )
    return tuple(HeldGrant(*row) for row in rows)


def _is_pending_too_long(session_row: UserSession, has_factor: bool, moment: datetime) -> bool:
    return has_factor and not session_row.verified_at and session_row.created_at <= moment - PENDING


def _mark_seen(session_row: UserSession, moment: datetime) -> None:
    """At most once a minute, and on its own: reading a page takes no lasting lock."""
    if moment - session_row.last_seen_at < SEEN_AT_MOST:
        return
    with transactions.writing(), Session(db.engine) as session, session.begin():
        session.execute(update(UserSession).where(UserSession.id == session_row.id).values(last_seen_at=moment))


def end_session(token: str) -> None:
    """End the session of a token, if there is one."""
    db.session.execute(
        update(UserSession)
        .where(UserSession.token_hash == hash_token(token), UserSession.ended_at.is_(None))
        .values(ended_at=now())
    )
