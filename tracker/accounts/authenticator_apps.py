"""Authenticator apps: the shared secret, its QR code, and the six-digit code of each half minute (TOTP, RFC 6238)."""

import hmac
from datetime import datetime

import pyotp
import segno
from markupsafe import Markup

ISSUER = "Evidence tracker"
DIGITS = 6
STEP_SECONDS = 30
ALLOWED_DRIFT_STEPS = 1
"""Steps by which the app's clock may be ahead of or behind the server's."""
QUIET_ZONE = 4
"""The white border of the QR code, in modules."""


def make_secret() -> str:
    """Return a new secret of 160 bits, in base32."""
    return pyotp.random_base32()


def find_step(secret: str, code: str, moment: datetime) -> int | None:
    """Return the time step a code belongs to, as steps since 1970, or None if it is not valid around this moment."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    app, now = pyotp.TOTP(secret), int(moment.timestamp()) // STEP_SECONDS
    steps = range(now - ALLOWED_DRIFT_STEPS, now + ALLOWED_DRIFT_STEPS + 1)
    return next((step for step in steps if hmac.compare_digest(app.generate_otp(step), typed)), None)


def draw_qr_code(secret: str, email: str) -> Markup:
    """Return the QR code that an authenticator app scans, as an inline SVG."""
    uri = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)
    rows = [list(row) for row in segno.make(uri, error="m", micro=False).matrix_iter(border=QUIET_ZONE)]
    dark = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return Markup(
        '<svg class="qr-code" viewBox="0 0 {size} {size}" role="img" aria-label="{label}">'
        '<path class="qr-code-background" d="M0 0h{size}v{size}H0z"/><path d="{dark}"/></svg>'
    ).format(size=len(rows), label="QR code for your authenticator app", dark=dark)


def group_key(secret: str) -> str:
    """Return the secret in groups of four characters, to type where no camera is available."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
