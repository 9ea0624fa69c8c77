"""Output of the logs on standard error: as text, or every line as JSON, with the id of the request."""

import json
import logging
import re
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from flask import Flask, Response, has_request_context, request
from flask.logging import default_handler

from tracker.clock import now

TEXT_FORMAT = "[%(asctime)s] %(levelname)s in %(module)s: %(message)s"
"""The format of lines that are not JSON."""
HEADER = "X-Request-Id"
REQUEST_ID = "tracker.request_id"
"""The key of the id in the WSGI environment, set by the middleware of trusted proxies to the id that they sent."""
VALID_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class StandardErrorHandler(logging.StreamHandler[TextIO]):
    """A handler that writes to what standard error is now; a test or a command may have replaced it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # an attribute of the base class
        """Return standard error."""
        return sys.stderr


class IndentingFormatter(logging.Formatter):
    """A formatter that indents all lines of an entry but the first, against log injection."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record, its trace included, as text."""
        return "\n  ".join(super().format(record).splitlines())


class JsonFormatter(logging.Formatter):
    """A formatter that writes a record, its trace included, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON."""
        trace = self.formatException(record.exc_info) if record.exc_info and record.exc_info[1] else None
        return _dump(
            {
                "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
                "log": "message",
                "level": record.levelname.lower(),
                "logger": record.name,
                "request": get_request_id() if has_request_context() else None,
                "message": record.getMessage(),
                "trace": trace,
            }
        )


def make_formatter(log_format: str) -> logging.Formatter:
    """Return the formatter of messages for the setting `LOG_FORMAT`."""
    return JsonFormatter() if log_format == "json" else IndentingFormatter(TEXT_FORMAT)


def make_line(log: str, facts: Mapping[str, Any]) -> str:
    """Return an entry of a log as one line of JSON: the time, the log's name, the id of the request and the facts."""
    request_id = get_request_id() if has_request_context() else None
    moment = now().isoformat(timespec="milliseconds")
    return _dump({"at": moment, "log": log, "request": request_id, **facts})


def add_handler(logger: logging.Logger, formatter: logging.Formatter | None = None) -> None:
    """Send the lines of a logger to standard error and nowhere else, with a formatter if one is given."""
    if not logger.handlers:
        logger.addHandler(StandardErrorHandler())
    logger.handlers[0].setFormatter(formatter)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def get_request_id() -> str:
    """Return the id of the present request: the one that a trusted proxy gave, or a new one."""
    if not VALID_ID.fullmatch(request.environ.get(REQUEST_ID, "")):
        request.environ[REQUEST_ID] = secrets.token_hex(8)
    return str(request.environ[REQUEST_ID])


def set_format(log_format: str) -> None:
    """Let messages be written as the setting `LOG_FORMAT` says."""
    formatter = make_formatter(log_format)
    default_handler.setFormatter(formatter)
    if logging.lastResort:  # the handler of modules' own loggers
        logging.lastResort.setFormatter(formatter)


def init_app(app: Flask) -> None:
    """Set the format of messages, and send the id of each request to the browser."""
    set_format(app.config["SETTINGS"].log_format)

    @app.after_request
    def add_request_id(response: Response) -> Response:
        response.headers[HEADER] = get_request_id()
        return response


def _dump(line: Mapping[str, Any]) -> str:
    return json.dumps({name: fact for name, fact in line.items() if fact is not None})
