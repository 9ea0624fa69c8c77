"""Security headers of every response, and the host names that this site answers to."""

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
    "img-src 'self'; media-src 'self'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
FILE_SECURITY_POLICY = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""The policy of uploaded files: opened by themselves they run nothing, and no page may show them in a frame."""
RECORDING_SECURITY_POLICY = f"{FILE_SECURITY_POLICY} allow-same-origin; media-src 'self'"
"""The policy of recordings: opened by itself one is played, which requests it again with the session's cookie.

No script runs: neither the sandbox nor `default-src` allows it.
"""
PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
"""The browser features that no page uses, but for `allow_microphone`. Photos are taken through a file field."""
TRANSPORT_SECURITY = "max-age=31536000; includeSubDomains"
"""HTTPS only, for a year, for this name and those below it, which can set cookies for it."""
MAX_ANONYMOUS_SIZE = 12 * MEGABYTE
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""This machine's own names, which are always answered."""


def csp_nonce() -> str:
    """Return the CSP nonce of this response: the browser runs only the scripts that have it.

    It is generated on first use, so that error pages of refused requests have one too.
    """
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def allow_microphone() -> None:
    """Let the page of this response ask its reader for the microphone, to record a discussion."""
    g.uses_microphone = True


def content_security_policy() -> str:
    """Return the content security policy of this response; without a nonce it allows no script."""
    return CONTENT_SECURITY_POLICY.format(scripts=f"'nonce-{g.csp_nonce}'" if "csp_nonce" in g else "'none'")


def list_host_names(settings: Settings) -> list[str]:
    """Return the host names that this site answers to: that of `BASE_URL`, and those in `TRUSTED_HOSTS`."""
    return [urlsplit(settings.base_url).netloc, *settings.trusted_hosts, *LOCAL_NAMES]


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
    """Check host names and body sizes, and add the headers; register this before other request hooks."""
    names = list_host_names(app.config["SETTINGS"])
    fixed = fixed_headers(app)
    app.add_template_global(csp_nonce)

    @app.before_request
    def refuse_other_hosts() -> None:
        """Refuse requests for other hosts with a page that says what to do, which Flask's own check cannot."""
        if not host_is_trusted(request.host, names):
            raise UnknownHost

    @app.before_request
    def limit_anonymous_uploads() -> None:
        """Limit the body of a request without a session: it contains at most one recording form to verify."""
        if request.method not in SAFE_METHODS and not current_user.is_authenticated:
            request.max_content_length = MAX_ANONYMOUS_SIZE

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", content_security_policy())
        for name, value in fixed.items():
            headers[name] = value
        if g.get("uses_microphone"):
            headers["Permissions-Policy"] = PERMISSIONS_POLICY.replace("microphone=()", "microphone=(self)")
        if request.endpoint != "static" or response.status_code >= 400:
            headers["Cache-Control"] = "no-store"
            response.vary.add("Cookie")
        return response
