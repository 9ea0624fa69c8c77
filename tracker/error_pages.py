"""One handler maps what went wrong to a page that says what happened, what was kept and what to do."""

from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from tracker.errors import TrackerError

SENTENCES = {
    400: ("That request could not be read", "Nothing was saved. Go back, reload the page and try again."),
    404: ("Page not found", "There is nothing here that you can open. Check the address."),
    405: ("That cannot be done here", "Nothing was changed. Go back and use the buttons on the page."),
    413: (
        "That is too large",
        "Nothing was saved. A file may be 100 MB at most, and several together 400 MB. Send them one by one.",
    ),
    500: (
        "Something went wrong on our side",
        "Nothing was half-saved. Go back and try again; if it happens again, tell your centre.",
    ),
}
EXPIRED = (
    "This page was open for too long",
    "Nothing was saved. Go back, reload the page, and send it again; what you typed is still in the page.",
)


def init_app(app: Flask) -> None:
    app.register_error_handler(TrackerError, show_refusal)
    app.register_error_handler(CSRFError, show_expired)
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(OSError, show_full_disk)


def show_refusal(error: TrackerError) -> ResponseReturnValue:
    return page(error.status, error.title, str(error))


def show_expired(_error: CSRFError) -> ResponseReturnValue:
    return page(400, *EXPIRED)


def show_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    title, sentence = SENTENCES.get(error.code, SENTENCES[500 if error.code >= 500 else 400])
    return page(error.code, title, sentence)


def show_full_disk(error: OSError) -> ResponseReturnValue:
    """A disk that is full or read-only; anything else that the system refuses is ours to mend."""
    if error.errno not in {28, 30, 122}:
        raise error
    return page(
        507,
        "There is no room to save this",
        "The server's disk is full. Nothing was half-saved. Keep this page open and tell your centre's "
        "administrator; what was saved before is safe.",
    )


def page(status: int, title: str, sentence: str) -> ResponseReturnValue:
    """The error as a page, or as JSON for a script of ours that asked so."""
    if request.accept_mimetypes.best == "application/json":
        return jsonify(message=sentence), status
    return render_template("errors/error.html", status=status, title=title, sentence=sentence), status
