"""Error handlers, which render each error as a page that says what is wrong and what to do."""

import errno

from flask import Flask, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from tracker.errors import Busy, FormWaits, TrackerError
from tracker.storage.stores import StoreUnreachable
from tracker.web.current_user import in_terms

SENTENCES = {
    400: ("Your request could not be read", "Nothing was saved. Go back, reload the page and try again."),
    404: ("Page not found", "You cannot open this page, or it does not exist. Check the address."),
    405: ("This page does not do that", "Nothing was changed. Go back and use the buttons on the page."),
    413: (
        "Your upload is too large",
        (
            "Nothing was saved. Each file can be up to 100 MB, and files sent together up to 400 MB. Upload them "
            "one by one. If you are not signed in, the limit is 10 MB."
        ),
    ),
    500: (
        "Something went wrong",
        "This was not saved. Go back and try again. If it happens again, tell your centre’s administrator.",
    ),
}
DISK_FULL = (
    507,
    "The server’s disk is full",
    (
        "This could not be saved. What was saved before is safe. Keep this page open and tell your centre’s "
        "administrator."
    ),
)
READ_ONLY = (
    503,
    "Changes cannot be saved at the moment",
    (
        "The server can read but not write. What was saved before is safe. Keep this page open and tell your "
        "centre’s administrator."
    ),
)
UNREACHABLE = (
    503,
    "The server cannot reach its database",
    "This was not saved. What was saved before is safe. Keep this page open, wait a minute and send it again.",
)
FILES_UNREACHABLE = (
    503,
    "The server cannot reach its files",
    "This was not done. What was saved before is safe. Keep this page open, wait a minute and try again.",
)
DATABASE_FAULTS = {
    **dict.fromkeys(("SQLITE_FULL", "53100"), DISK_FULL),
    **dict.fromkeys(("SQLITE_READONLY", "25006"), READ_ONLY),
    **dict.fromkeys(
        ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "53300", "57P01", "57P02", "57P03"), UNREACHABLE
    ),
}
"""The errors to show, by SQLite's name of the error or PostgreSQL's code for it."""
EXPIRED = (
    "This page has expired",
    "Nothing was saved. Go back, reload the page and send it again. What you typed is still on the page.",
)


def init_app(app: Flask) -> None:
    """Register the error handlers."""
    app.register_error_handler(TrackerError, show_refusal)
    app.register_error_handler(CSRFError, show_expired)
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(OSError, show_full_disk)
    app.register_error_handler(StoreUnreachable, show_unreachable_store)
    app.register_error_handler(DBAPIError, show_database_fault)


def show_refusal(error: TrackerError) -> ResponseReturnValue:
    """Show the sentence of a domain error; where waiting helps, the answer says how long."""
    response = make_response(render_error(error.status, error.title, in_terms(str(error))))
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, FormWaits):
        response.headers["Refresh"] = str(error.retry_after)
    return response


def show_expired(_error: CSRFError) -> ResponseReturnValue:
    """Show that the page's CSRF token is no longer valid; a script is told so, and gets a fresh one."""
    if request.accept_mimetypes.best == "application/json":
        return jsonify(message=EXPIRED[1], expired=True), 400
    return render_error(400, *EXPIRED)


def show_http_error(error: HTTPException) -> ResponseReturnValue:
    """Show an HTTP error such as 404 or 413."""
    if error.code is None or error.code < 400:
        return error.get_response()
    title, sentence = SENTENCES.get(error.code, SENTENCES[500 if error.code >= 500 else 400])
    return render_error(error.code, title, sentence, plain=error.code >= 500)


def show_full_disk(error: OSError) -> ResponseReturnValue:
    """Show that the disk is full or read-only; raise any other OS error."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        raise error
    current_app.logger.error("The disk cannot be written to: %s", error.strerror)
    return render_error(*(READ_ONLY if error.errno == errno.EROFS else DISK_FULL))


def show_unreachable_store(error: StoreUnreachable) -> ResponseReturnValue:
    """Show that the bucket of stored files cannot be used."""
    current_app.logger.error("%s", error)
    return render_error(*FILES_UNREACHABLE)


def show_database_fault(error: DBAPIError) -> ResponseReturnValue:
    """Show that the database is full, read-only or unreachable; raise any other error."""
    name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    fault = DATABASE_FAULTS.get(name) or DATABASE_FAULTS.get("_".join(name.split("_")[:2]))
    if fault is None and not error.connection_invalidated and not _is_unreachable(error, name):
        raise error
    current_app.logger.error("The database cannot be used: %s", name or type(error.orig).__name__)
    return render_error(*(fault or UNREACHABLE), plain=True)


def _is_unreachable(error: DBAPIError, name: str) -> bool:
    """Return whether PostgreSQL's driver could not connect or lost the connection; such an error has no SQLSTATE."""
    import psycopg  # imported here, so that commands start without it

    return isinstance(error.orig, psycopg.OperationalError) and not name


def render_error(status: int, title: str, sentence: str, *, plain: bool = False) -> ResponseReturnValue:
    """Return the error as a page, or as JSON if one of our scripts asked for JSON.

    Args:
        status: the HTTP status.
        title: the page's heading.
        sentence: what is wrong and how to put it right.
        plain: True to render the page without the database, even for a signed-in person.
    """
    if request.accept_mimetypes.best == "application/json":
        return jsonify(message=sentence), status
    texts = {"status": status, "title": title, "sentence": sentence}
    return render_template("errors/error.html", **texts, plain=plain), status
