"""One handler maps what went wrong to a page that says what happened, what was kept and what to do."""

import errno

from flask import Flask, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from tracker.errors import TrackerError

SENTENCES = {
    400: ("That request could not be read", "Nothing was saved. Go back, reload the page and try again."),
    404: ("Page not found", "There is nothing here that you can open. Check the address."),
    405: ("That cannot be done here", "Nothing was changed. Go back and use the buttons on the page."),
    413: (
        "That is too large",
        (
            "Nothing was saved. A file may be 100 MB at most, and several together 400 MB: send them one by one. "
            "Without signing in it is 10 MB."
        ),
    ),
    500: (
        "Something went wrong on our side",
        "Nothing was half-saved. Go back and try again; if it happens again, tell your centre.",
    ),
}
FULL = (
    507,
    "There is no room to save this",
    (
        "The server's disk is full. Nothing was half-saved. Keep this page open and tell your centre's "
        "administrator; what was saved before is safe."
    ),
)
READ_ONLY = (
    503,
    "Nothing can be saved just now",
    (
        "The server can read what it keeps, but not write. Nothing was half-saved. Keep this page open and tell your "
        "centre's administrator; what was saved before is safe."
    ),
)
AWAY = (
    503,
    "The server cannot reach its database",
    "Nothing was half-saved. Keep this page open, wait a minute and send it again; what was saved before is safe.",
)
DATABASE_FAULTS = {
    **dict.fromkeys(("SQLITE_FULL", "53100"), FULL),
    **dict.fromkeys(("SQLITE_READONLY", "25006"), READ_ONLY),
    **dict.fromkeys(("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "53300", "57P01", "57P02", "57P03"), AWAY),
}
"""By the name of SQLite's error, or PostgreSQL's code for it."""
EXPIRED = (
    "This page was open for too long",
    "Nothing was saved. Go back, reload the page, and send it again; what you typed is still in the page.",
)


def init_app(app: Flask) -> None:
    app.register_error_handler(TrackerError, show_refusal)
    app.register_error_handler(CSRFError, show_expired)
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(OSError, show_full_disk)
    app.register_error_handler(DBAPIError, show_database_fault)


def show_refusal(error: TrackerError) -> ResponseReturnValue:
    return page(error.status, error.title, str(error))


def show_expired(_error: CSRFError) -> ResponseReturnValue:
    return page(400, *EXPIRED)


def show_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    title, sentence = SENTENCES.get(error.code, SENTENCES[500 if error.code >= 500 else 400])
    return page(error.code, title, sentence, plain=error.code >= 500)


def show_full_disk(error: OSError) -> ResponseReturnValue:
    """A disk that is full or read-only; anything else that the system refuses is ours to mend."""
    if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        raise error
    current_app.logger.error("the disk takes nothing: %s", error.strerror)
    return page(*(READ_ONLY if error.errno == errno.EROFS else FULL))


def show_database_fault(error: DBAPIError) -> ResponseReturnValue:
    """The database is full, read-only or away; any other fault of it is ours to mend."""
    name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    found = DATABASE_FAULTS.get(name) or DATABASE_FAULTS.get("_".join(name.split("_")[:2]))
    if found is None and not error.connection_invalidated and not _is_unreachable(error, name):
        raise error
    current_app.logger.error("the database takes nothing: %s", name or type(error.orig).__name__)
    return page(*(found or AWAY), plain=True)


def _is_unreachable(error: DBAPIError, name: str) -> bool:
    """PostgreSQL's driver could not connect, or lost the connection: then there is no code."""
    import psycopg  # here: a command that starts the app need not wait for it

    return isinstance(error.orig, psycopg.OperationalError) and not name


def page(status: int, title: str, sentence: str, *, plain: bool = False) -> ResponseReturnValue:
    """The error as a page, or as JSON for a script of ours that asked so; `plain` without reading anything."""
    if request.accept_mimetypes.best == "application/json":
        return jsonify(message=sentence), status
    words = {"status": status, "title": title, "sentence": sentence}
    return render_template("errors/error.html", **words, plain=plain), status
