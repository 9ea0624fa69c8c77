"""Signed-in browsers: rows in the database, found by the hash of a 256-bit token in a cookie."""

import hashlib
import secrets
from datetime import datetime, timedelta

from flask import Request, current_app, request
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tracker import transactions
from tracker.access import HeldGrant, SignedIn
from tracker.clock import now
from tracker.extensions import db
from tracker.models import Centre, Grant, Person, UserSession

COOKIE = "tracker_session"
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SEEN_AT_MOST = timedelta(minutes=1)


def find_signed_in(incoming: Request) -> SignedIn | None:
    """The person behind a request's cookie, in a short transaction of its own; None when it lapsed."""
    token = incoming.cookies.get(COOKIE)
    if not token:
        return None
    moment = now()
    with Session(db.engine) as session:
        found = session.execute(
            select(UserSession, Person)
            .join(Person, Person.id == UserSession.person_id)
            .where(
                UserSession.token_hash == hash_token(token),
                UserSession.ended_at.is_(None),
                UserSession.last_seen_at > moment - IDLE,
                UserSession.created_at > moment - ABSOLUTE,
                Person.deactivated_at.is_(None),
            )
        ).first()
        if not found:
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
    )


def start_session(person: Person, address: str, browser: str) -> str:
    """A new session for a person who has just proved who they are; the token for the cookie comes out."""
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
        )
    )
    db.session.flush()
    return token


def end_sessions(person_id: int, *, except_id: int | None = None) -> None:
    """End every session of a person at once, or all but one."""
    query = update(UserSession).where(UserSession.person_id == person_id, UserSession.ended_at.is_(None))
    if except_id is not None:
        query = query.where(UserSession.id != except_id)
    db.session.execute(query.values(ended_at=now()))


def set_cookie(response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE,
        token,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        max_age=int(ABSOLUTE.total_seconds()),
    )


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def current_address() -> str:
    return request.remote_addr or ""


def _held_grants(session: Session, person_id: int, moment: datetime) -> tuple[HeldGrant, ...]:
    rows = session.execute(
        select(Grant.id, Grant.role, Grant.centre_id, Centre.name, Grant.until_at)
        .join(Centre, Centre.id == Grant.centre_id)
        .where(Grant.person_id == person_id, Grant.from_at <= moment)
        .where((Grant.until_at.is_(None)) | (Grant.until_at > moment))
        .order_by(Grant.id)
    )
    return tuple(HeldGrant(*row) for row in rows)


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
