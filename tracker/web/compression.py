"""Gzip compression of pages, padded against attacks that read a page's secrets from its compressed length."""

import gzip
import io
import secrets

from flask import Flask, Response, request

MIN_LENGTH = 500
"""The size in bytes below which compression gains nothing."""
LEVEL = 4
"""Level 6 takes about 1.5 times as long, for a matrix that is 4 to 7% smaller (docs/performance.md)."""
MAX_PADDING = 100


def compress(body: bytes) -> bytes:
    """Return `body` as gzip whose header holds a file name of random length, which every browser skips.

    This hinders the BREACH attack: a page that repeats an attacker's text (as a search does) compresses better when
    the text equals a secret on the page. The random length hides a difference of one byte among a hundred (the "Heal
    the BREACH" method, as in Django's GZipMiddleware). Two further protections: the session cookie is SameSite=Lax,
    so it is not sent with another site's images or scripts, and CSRF tokens change every second.
    """
    packed = io.BytesIO()
    padding = "a" * secrets.randbelow(MAX_PADDING)
    with gzip.GzipFile(filename=padding, mode="wb", compresslevel=LEVEL, fileobj=packed, mtime=0) as file:
        file.write(body)
    return packed.getvalue()


def is_page(response: Response) -> bool:
    """Return whether a response is an HTML page, not streamed, sent from a file, downloaded or already compressed."""
    return (
        response.mimetype == "text/html"
        and not response.is_streamed
        and not response.direct_passthrough
        and "Content-Encoding" not in response.headers
        and "Content-Disposition" not in response.headers
    )


def init_app(app: Flask) -> None:
    """Compress pages for browsers that accept gzip.

    Call this before other response hooks are registered: Flask runs the first one last.
    """

    @app.after_request
    def compress_page(response: Response) -> Response:
        if is_page(response):
            response.vary.add("Accept-Encoding")
            body = response.get_data()
            if len(body) >= MIN_LENGTH and request.accept_encodings.quality("gzip") > 0:
                response.set_data(compress(body))
                response.headers["Content-Encoding"] = "gzip"
        return response
