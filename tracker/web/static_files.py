"""Static files served by WhiteNoise, with hashed names, caching for a year, and gzip and brotli forms made once."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from whitenoise import WhiteNoise
from whitenoise.compress import Compressor

from tracker.web.security_headers import static_file_headers

FOLDER = Path(__file__).resolve().parents[2] / "static"
URL_PREFIX = "/static/"
CACHE_CONTROL = "public, max-age=31536000, immutable"
"""The content under a hashed name never changes, so browsers may cache it for a year."""


@cache
def hashed_names() -> dict[str, str]:
    """Return the served name of each file in `FOLDER`: "css/base.css" is "css/base.1f0c3a5b7d9e.css"."""
    names = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            name = path.relative_to(FOLDER)
            names[name.as_posix()] = name.with_suffix(f".{digest}{name.suffix}").as_posix()
    return names


def build(target: Path) -> Path:
    """Copy the files under their hashed names into a folder of `target` with their compressed forms; return it.

    The folder is named by a hash of its content and renamed into place, so several processes may call this at once.
    """
    release = hashlib.sha256("\n".join(hashed_names().values()).encode()).hexdigest()[:12]
    folder = target / release
    if folder.is_dir():
        return folder
    target.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=target))
    try:
        compressor = Compressor(quiet=True)
        for name, hashed in hashed_names().items():
            copy = unfinished / hashed
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(FOLDER / name, copy)
            if compressor.should_compress(name):
                compressor.compress(str(copy))
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not folder.is_dir():  # otherwise another process was first
            raise
    return folder


class StaticFiles:
    """WSGI middleware that answers for static files and hands every other request to the app.

    The files are built when the first of them is asked for: a command that serves nothing does not wait for them.
    """

    def __init__(self, application: WSGIApplication, target: Path, headers: dict[str, str]) -> None:
        self.application = application
        self.target = target
        self.headers = headers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request for a static file, or pass the request to the app."""
        serve: Any = self.server if environ.get("PATH_INFO", "").startswith(URL_PREFIX) else self.application
        return serve(environ, start_response)  # type: ignore[no-any-return]  # WhiteNoise has no types

    @cached_property
    def server(self) -> WhiteNoise:
        """Serve this release's files, and earlier releases' to pages that were open when it began."""
        build(self.target)
        server = WhiteNoise(
            self.application,
            allow_all_origins=False,
            add_headers_function=self.add_headers,
        )
        for folder in sorted(self.target.glob("[!.]*")):
            server.add_files(str(folder), prefix=URL_PREFIX)
        return server

    def add_headers(self, headers: Headers, _path: str, _url: str) -> None:
        """Add the caching and security headers of static files."""
        headers["Cache-Control"] = CACHE_CONTROL
        for name, value in self.headers.items():
            headers[name] = value


def init_app(app: Flask) -> None:
    """Serve hashed names and make `url_for("static", filename=…)` give them; in debug mode, leave files to Flask."""
    if app.debug:
        return
    app.wsgi_app = StaticFiles(  # type: ignore[method-assign]
        app.wsgi_app, app.config["STATIC_BUILD_PATH"], static_file_headers(app)
    )

    @app.url_defaults
    def add_hash(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["filename"] = hashed_names()[values["filename"]]
