"""Browsers with which a person has signed in: they are not affected by attempts that others make at the account."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app, request
from sqlalchemy import ColumnElement, delete, exists, or_, select
from werkzeug.wrappers import Response

from tracker.accounts.sessions import get_client_address, hash_token, set_token_cookie
from tracker.accounts.user_agents import describe_browser
from tracker.clock import now
from tracker.config import HOST_PREFIX
from tracker.extensions import db
from tracker.models import KnownBrowser, Person

COOKIE_NAME = "tracker_browser"
LIFETIME = timedelta(days=90)
"""How long a browser stays known after the last sign-in with it."""


@dataclass(frozen=True)
class Client:
    """What a sign-in comes from."""

    address: str
    """The IP address."""
    browser_token: str = ""
    """The token of the browser's cookie, or an empty string if it has none."""
    browser: str = ""
    """The name of browser and system, as `describe_browser` returns it."""


def get_client() -> Client:
    """Return what the present request comes from."""
    browser = describe_browser(request.headers.get("User-Agent", ""))
    return Client(get_client_address(), request.cookies.get(get_cookie_name(), ""), browser)


def is_known_browser(email: str, client: Client) -> bool:
    """Return whether the person with this address has signed in with this browser; False if there is none."""
    return _exists(email, KnownBrowser.token_hash == hash_token(client.browser_token))


def is_known_client(email: str, client: Client) -> bool:
    """Return whether the person has signed in with this browser or from this IP address."""
    is_browser = KnownBrowser.token_hash == hash_token(client.browser_token)
    return _exists(email, or_(is_browser, KnownBrowser.address == client.address[:45]))


def remember_browser(person_id: int, response: Response) -> None:
    """Store the browser of the present request as known to a person, and set its cookie.

    A token that nobody's browser has is not taken over: the cookie may have been set by somebody else.
    """
    client = get_client()
    token_hash, oldest = hash_token(client.browser_token), now() - LIFETIME
    db.session.execute(
        delete(KnownBrowser).where(KnownBrowser.person_id == person_id, KnownBrowser.last_used_at <= oldest)
    )
    known = db.session.scalars(select(KnownBrowser).where(KnownBrowser.token_hash == token_hash)).all()
    token = client.browser_token if known else secrets.token_urlsafe(32)
    row = next((each for each in known if each.person_id == person_id), None)
    if row is None:
        row = KnownBrowser(person_id=person_id, token_hash=hash_token(token))
        db.session.add(row)
    row.address, row.last_used_at = client.address[:45], now()
    db.session.flush()
    set_token_cookie(response, get_cookie_name(), token, LIFETIME)


def forget_browsers(person_id: int) -> None:
    """Delete a person's known browsers: after a new password each has to sign in again to be known."""
    db.session.execute(delete(KnownBrowser).where(KnownBrowser.person_id == person_id))


def get_cookie_name() -> str:
    """Return the name of the cookie; over HTTPS it has the `__Host-` prefix."""
    return f"{HOST_PREFIX}{COOKIE_NAME}" if current_app.config["SESSION_COOKIE_SECURE"] else COOKIE_NAME


def _exists(email: str, condition: ColumnElement[bool]) -> bool:
    person_id = select(Person.id).where(Person.email == email).scalar_subquery()
    known = exists().where(
        KnownBrowser.person_id == person_id, KnownBrowser.last_used_at > now() - LIFETIME, condition
    )
    return bool(db.session.scalar(select(known)))
