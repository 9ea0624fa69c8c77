"""The log of requests: one line on standard error for each, without its address, its person and its IP address."""

import logging

from flask import Flask, current_app

from tracker.log_output import add_handler, get_request_id, make_formatter, make_line
from tracker.web.measurements import MeasuredRequest

UNLOGGED = frozenset({"doctor.show_health", "doctor.show_readiness", "metrics.show_metrics"})
"""The endpoints of probes and metrics, which programs request every few seconds."""
logger = logging.getLogger("tracker.requests")


def write(measured: MeasuredRequest) -> None:
    """Write the line of a request, except in a demonstration.

    It names the endpoint and not the address, which may hold the token of a one-time link. Lines of the security log
    with the same id say who it was.
    """
    if current_app.config["DEMO"] or measured.endpoint in UNLOGGED:
        return
    milliseconds = round(measured.seconds * 1000, 1)
    if current_app.config["SETTINGS"].log_format == "json":
        facts = {
            "method": measured.method,
            "endpoint": measured.endpoint,
            "status": measured.status,
            "ms": milliseconds,
            "statements": measured.statements,
            "bytes": measured.size,
        }
        logger.info(make_line("request", facts))
        return
    logger.info(
        "%s %s %d in %s ms, %d statements, request %s",
        measured.method,
        measured.endpoint or "-",
        measured.status,
        milliseconds,
        measured.statements,
        get_request_id(),
    )


def init_app(app: Flask) -> None:
    """Send the lines to standard error, in the format of messages unless they are JSON already."""
    log_format = app.config["SETTINGS"].log_format
    add_handler(logger, None if log_format == "json" else make_formatter(log_format))
