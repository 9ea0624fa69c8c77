"""Gzip compression of pages, padded against attacks that read a page's secrets from its compressed length."""

import gzip
import io
import secrets

from flask import Flask, Response, request

MIN_LENGTH = 500
"""Bytes below which a page gains nothing."""
LEVEL = 6
MAX_PADDING = 100


def compress(body: bytes) -> bytes:
    """Return `body` as gzip whose header holds a file name of random length, which every browser skips.

    Whoever makes a signed-in browser ask for pages that repeat the asker's text (a search does) could learn a secret
    in the page by watching the length shrink when a guess is right (BREACH). The random length hides a difference of
    one byte among a hundred: the "Heal the BREACH" method, which Django's GZipMiddleware uses too. Two more things
    stand against it: the session cookie is SameSite=Lax, so no other site's picture or script brings it along, and a
    CSRF token is signed with the second it was made in, so what is learnt from one page is not in the next.
    """
    packed = io.BytesIO()
    padding = "a" * secrets.randbelow(MAX_PADDING)
    with gzip.GzipFile(filename=padding, mode="wb", compresslevel=LEVEL, fileobj=packed, mtime=0) as file:
        file.write(body)
    return packed.getvalue()


def is_page(response: Response) -> bool:
    """Return whether this is a page on screen: nothing streamed, no file that is sent or downloaded."""
    return (
        response.mimetype == "text/html"
        and not response.is_streamed
        and not response.direct_passthrough
        and "Content-Encoding" not in response.headers
        and "Content-Disposition" not in response.headers
    )


def init_app(app: Flask) -> None:
    """Compress pages for browsers that accept it. Call it before whatever else looks at a response: it runs last."""

    @app.after_request
    def compress_page(response: Response) -> Response:
        if is_page(response):
            response.vary.add("Accept-Encoding")
            body = response.get_data()
            if len(body) >= MIN_LENGTH and request.accept_encodings.quality("gzip") > 0:
                response.set_data(compress(body))
                response.headers["Content-Encoding"] = "gzip"
        return response
