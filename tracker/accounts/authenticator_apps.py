"""Authenticator apps: a shared secret, and the code of six digits that it gives for each half minute (RFC 6238)."""

import hmac
from datetime import datetime

import pyotp
import segno
from markupsafe import Markup

ISSUER = "Evidence tracker"
DIGITS = 6
SECONDS = 30
CLOCKS_DIFFER = 1
"""Steps by which the app's clock may differ from ours, either way."""
QUIET = 4
"""The white edge of a QR code, in its own squares."""


def make_secret() -> str:
    """160 bits, in the letters and digits that an app takes."""
    return pyotp.random_base32()


def find_step(secret: str, code: str, moment: datetime) -> int | None:
    """The half minute, counted from 1970, whose code this is; None if it is of none near this moment."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    app, now = pyotp.TOTP(secret), int(moment.timestamp()) // SECONDS
    steps = range(now - CLOCKS_DIFFER, now + CLOCKS_DIFFER + 1)
    return next((step for step in steps if hmac.compare_digest(app.generate_otp(step), typed)), None)


def draw_qr_code(secret: str, email: str) -> Markup:
    """What an app's camera reads, as a drawing that stands in the page."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)
    rows = [list(row) for row in segno.make(address, error="m", micro=False).matrix_iter(border=QUIET)]
    dark = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return Markup(
        '<svg class="square" viewBox="0 0 {size} {size}" role="img" aria-label="{label}">'
        '<path class="square-paper" d="M0 0h{size}v{size}H0z"/><path d="{dark}"/></svg>'
    ).format(size=len(rows), label="QR code for your authenticator app", dark=dark)


def group_key(secret: str) -> str:
    """The key in groups of four, to be typed where there is no camera."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
