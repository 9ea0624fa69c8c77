"""Time and number of SQL statements of each request, for the log of requests and for metrics."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, has_app_context, request
from sqlalchemy import event

from tracker.counters import count_request
from tracker.extensions import db

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "other"
"""Stands for any other method, whose text a client could choose."""


@dataclass
class Measurement:
    """A request that is being answered."""

    started_at: float
    statements: int = 0


@dataclass(frozen=True)
class MeasuredRequest:
    """A request, once its answer begins."""

    method: str
    endpoint: str | None
    """The name of the page; None where there is none. The address may hold the token of a link and is left out."""
    status: int
    seconds: float
    statements: int
    size: int | None
    """Bytes of the answer's body as it is sent; None if it is streamed."""


Observer = Callable[[MeasuredRequest], None]


def init_app(app: Flask, observers: Iterable[Observer]) -> None:
    """Measure each request. Call this before other hooks are registered, so that it begins first and ends last."""

    @app.before_request
    def begin() -> None:
        g.measurement = Measurement(time.perf_counter())

    @app.after_request
    def end(response: Response) -> Response:
        if begun := g.get("measurement"):
            finished = _finish(begun, response)
            if app.debug:
                response.headers["Server-Timing"] = format_server_timing(finished)
            for observe in observers:
                observe(finished)
        return response


def format_server_timing(measured: MeasuredRequest) -> str:
    """Return the header that a browser's developer tools show; for debug mode only, against timing attacks."""
    return f'total;dur={measured.seconds * 1000:.1f}, sql;desc="{measured.statements} statements"'


def _finish(begun: Measurement, response: Response) -> MeasuredRequest:
    return MeasuredRequest(
        request.method if request.method in METHODS else OTHER_METHOD,
        request.endpoint,
        response.status_code,
        time.perf_counter() - begun.started_at,
        begun.statements,
        response.calculate_content_length() if response.is_sequence else response.content_length,
    )


def count_for_metrics(measured: MeasuredRequest) -> None:
    """Count a request and what it took."""
    count_request(measured.endpoint, measured.method, measured.status, measured.seconds, measured.statements)


def count_statements(app: Flask) -> None:
    """Count the SQL statements of each request. The database must be set up."""
    with app.app_context():
        engine = db.engine

    @event.listens_for(engine, "before_cursor_execute")
    def count(*_arguments: Any) -> None:
        if has_app_context() and (measurement := g.get("measurement")):
            measurement.statements += 1
