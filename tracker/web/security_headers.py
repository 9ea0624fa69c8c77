"""The names this site answers to, and the headers of every answer: nothing inline, foreign, or kept by a cache."""

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from flask_login import current_user
from werkzeug.sansio.utils import host_is_trusted

from tracker.config import MEGABYTE, Settings
from tracker.errors import UnknownHost
from tracker.ledger.transactions import SAFE_METHODS

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src 'self'; media-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
"""What no page here asks a browser for. A photo is taken by the phone's own camera, through a file field."""
TRANSPORT_SECURITY = "max-age=31536000"
"""A year of https alone, for this name and no other: the names beside it are not ours to speak for."""
MAX_OF_STRANGERS = 12 * MEGABYTE
HERE = ("127.0.0.1", "localhost", "[::1]")
"""This machine's own names: whoever can use them is here already."""


def csp_nonce() -> str:
    """The word on this answer's own scripts, by which a browser tells them from any that were put there.

    Made when a page first asks: made before the request, it would be missing where a request is refused before that.
    """
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def content_security_policy() -> str:
    """What a browser may load for this answer; no script at all where no page asked for the word."""
    return CONTENT_SECURITY_POLICY.format(scripts=f"'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'none'")


def names_of(settings: Settings) -> list[str]:
    """The hosts under which this site is asked for: that of `BASE_URL`, and what `TRUSTED_HOSTS` adds."""
    return [urlsplit(settings.base_url).netloc, *settings.trusted_hosts, *HERE]


def fixed_headers(app: Flask) -> dict[str, str]:
    """Return the security headers that are the same in every response."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS_POLICY,
    }
    if app.config["SETTINGS"].base_url.startswith("https://"):
        headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
    return headers


def static_file_headers(app: Flask) -> dict[str, str]:
    """Return the security headers of static files, which are served outside any request of the app."""
    return fixed_headers(app) | {"Content-Security-Policy": CONTENT_SECURITY_POLICY.format(scripts="'none'")}


def init_app(app: Flask) -> None:
    """To come before whatever else looks at a request."""
    names = names_of(app.config["SETTINGS"])
    always = fixed_headers(app)
    app.add_template_global(csp_nonce)

    @app.before_request
    def refuse_other_hosts() -> None:
        """Flask's own check answers before a page can be made; this one says what to do."""
        if not host_is_trusted(request.host, names):
            raise UnknownHost

    @app.before_request
    def bound_strangers() -> None:
        """Before the body is read: whoever is not signed in has a form to be checked to send, and nothing larger."""
        if request.method not in SAFE_METHODS and not current_user.is_authenticated:
            request.max_content_length = MAX_OF_STRANGERS

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", content_security_policy())
        for name, value in always.items():
            headers[name] = value
        if request.endpoint != "static" or response.status_code >= 400:
            headers["Cache-Control"] = "no-store"
            response.vary.add("Cookie")
        return response
