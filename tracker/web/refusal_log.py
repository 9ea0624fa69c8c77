"""Lines of the security log for requests that are refused: another host, a missing CSRF token, a missing right."""

from flask import request
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from tracker import security_log
from tracker.errors import Forbidden, NotFound, UnknownHost


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
