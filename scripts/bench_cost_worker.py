"""The process that answers the requests which `bench_cost` measures; it runs the code of the checkout it is given.

It reads one JSON object a line: what to measure (`page`, `bare` or `raw`), the page's path and session, and how often.
It answers with the processor seconds of its own and of its PostgreSQL backends, and with statements and bytes.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, sys.argv[1])

from flask import Flask, Response, g, template_rendered
from sqlalchemy import event, text

from tracker import create_app
from tracker.accounts.sessions import COOKIE_NAME
from tracker.extensions import db
from tracker.web.compression import compress

APP = create_app()
COOKIES: dict[str, tuple[str, ...]] = {}
"""The cookies beside the session's own, by its token: those that hold the CSRF token."""
STATEMENTS: list[tuple[str, Any]] = []
NOT_COUNTED = ("BEGIN", "PRAGMA", "SELECT pid")


def make_environ(path: str, token: str) -> dict[str, Any]:
    """Return the WSGI environment of a browser's request for a page."""
    path, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "HTTP_HOST": "127.0.0.1:8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_COOKIE": "; ".join([f"{COOKIE_NAME}={token}", *COOKIES.get(token, ())]),
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
        "HTTP_ACCEPT": "text/html",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def send(app: Any, environ: dict[str, Any], token: str) -> tuple[str, dict[str, str], bytes]:
    """Send a request; return the status, the headers and the body of the answer. Keep a session cookie as a browser does."""
    answers: list[tuple[str, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _info: object = None) -> None:
        answers.append((status, dict(headers)))
        for name, value in headers:
            if name == "Set-Cookie" and value.startswith("session="):
                COOKIES[token] = (value.partition(";")[0],)

    body = app(environ, start_response)
    try:
        sent = b"".join(body)
    finally:
        body.close()
    return *answers[0], sent


def request(app: Any, path: str, token: str) -> bytes:
    """Return the body of a page as sent; stop the measurement if it is not answered with 200."""
    status, _, body = send(app, make_environ(path, token), token)
    if not status.startswith("200"):
        raise SystemExit(f"{path} answered {status}")
    return body


@cache
def capture(path: str, token: str) -> dict[str, Any]:
    """Request a page once, and return its bytes, its SQL statements, its template and what the template was given."""
    request(APP, path, token)
    captured: dict[str, Any] = {}

    def keep(_app: Flask, template: Any, context: dict[str, Any], **_values: Any) -> None:
        """Keep the template and its values, apart from the session, which would expire them."""
        if "template" not in captured:
            db.session.expunge_all()
            captured.update(template=template, context=context, person=g._login_user)  # noqa: SLF001 - Flask-Login keeps it there

    STATEMENTS.clear()
    with template_rendered.connected_to(keep, APP):
        captured["body"] = request(APP, path, token)
    captured["statements"] = [each for each in STATEMENTS if not each[0].startswith(NOT_COUNTED)]
    return captured


def make_page(path: str, token: str) -> Callable[[], None]:
    """Return a function that requests the page itself."""
    return lambda: void(request(APP, path, token))


def make_bare(path: str, token: str) -> Callable[[], None]:
    """Return a function that requests a Flask view which does nothing but send the bytes of the page."""
    body, app = capture(path, token)["body"], Flask("bare")
    app.add_url_rule("/", "bare", lambda: Response(body, mimetype="text/html"))
    return lambda: void(request(app, "/", token))


def make_raw(path: str, token: str) -> Callable[[], None]:
    """Return a function that runs the page's statements through the driver, and renders its template with its values."""
    captured = capture(path, token)
    template, context = captured["template"], dict(captured["context"])
    for name in ("g", "request", "session"):
        context.pop(name, None)
    with APP.app_context():
        connection = db.engine.raw_connection()

    def run() -> None:
        cursor = connection.cursor()
        for statement, parameters in captured["statements"]:
            cursor.execute(statement, parameters)
            cursor.fetchall()
        connection.rollback()
        with APP.request_context(make_environ(path, token)):
            g._login_user = captured["person"]  # noqa: SLF001 - as above
            compress(template.render(context).encode())

    return run


def void(_value: object) -> None:
    """Drop a value."""


def read_backend_seconds() -> float:
    """Return the processor seconds of this process's PostgreSQL backends; 0 on SQLite, which runs in the process."""
    with APP.app_context():
        engine = db.engine
    if engine.dialect.name != "postgresql":
        return 0.0
    query = text("SELECT pid FROM pg_stat_activity WHERE application_name = current_setting('application_name')")
    with engine.connect() as connection:
        pids = connection.scalars(query).all()
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


def measure(run: Callable[[], None], times: int) -> dict[str, float]:
    """Return the processor milliseconds of one run, of this process and of its database's."""
    backend = read_backend_seconds()
    own = time.process_time()
    for _ in range(times):
        run()
    own = time.process_time() - own
    backend = read_backend_seconds() - backend
    return {"server": own / times * 1000, "database": backend / times * 1000}


def answer(task: dict[str, Any]) -> dict[str, Any]:
    """Return the measurements that a line asks for."""
    page = (task["path"], task["token"])
    if task["what"] == "count":
        captured = capture(*page)
        return {"statements": len(captured["statements"]), "sql": [each[0] for each in captured["statements"]]}
    return measure(make_run(task["what"], *page), task["times"])


@cache
def make_run(what: str, path: str, token: str) -> Callable[[], None]:
    """Return the function that is measured, after it was run a few times."""
    run = {"page": make_page, "bare": make_bare, "raw": make_raw}[what](path, token)
    for _ in range(5):
        run()
    return run


def main() -> None:
    with APP.app_context():
        event.listen(
            db.engine,
            "before_cursor_execute",
            lambda _c, _k, statement, parameters, *_: STATEMENTS.append((statement, parameters)),
        )
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
        STATEMENTS.clear()


if __name__ == "__main__":
    main()
