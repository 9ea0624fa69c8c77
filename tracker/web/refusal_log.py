"""Lines of the security log for requests that are refused: for another host, without a right, or by a rule."""

from flask import Flask, Response, g, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from tracker import security_log
from tracker.errors import Forbidden, NotFound, UnknownHost

REFUSED = frozenset({400, 405, 409, 413, 422, 429})
"""Statuses of requests that are refused for what they ask, and not for lack of a right or a fault of ours."""


def init_app(app: Flask) -> None:
    """Write a line for each refused request that has none yet."""

    @app.after_request
    def log_refused_request(response: Response) -> Response:
        if response.status_code in REFUSED and "security_line" not in g:
            security_log.write("request_refused", status=response.status_code)
        return response


def log_refusal(error: Exception) -> None:
    """Write a line if the error refuses a request for a reason of security.

    An object that the person may not know of looks like one that does not exist, so both make the same line.
    """
    match error:
        case UnknownHost():
            security_log.write("host_refused", host=request.host)
        case CSRFError():
            security_log.write("csrf_refused", reason=error.description)
        case Forbidden():
            security_log.write("permission_refused", status=error.status)
        case NotFound() if current_user.is_authenticated:
            security_log.write("permission_refused", status=error.status)
