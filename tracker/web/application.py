"""The Flask application class: one commit per request, and views that are imported when they are first needed."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from threading import RLock
from typing import Any

from flask import Flask, Request, Response, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import configure_mappers
from werkzeug.exceptions import BadHost, HTTPException
from werkzeug.routing import IntegerConverter, Map, MapAdapter, Rule, UnicodeConverter, ValidationError

from tracker.ledger import transactions
from tracker.log_output import get_request_id
from tracker.web.refusal_log import log_refusal
from tracker.web.requests import TrackerRequest


class RowId(IntegerConverter):
    """The id of a row in a URL; a number too large for the database matches no route."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**31 - 1)


class Text(UnicodeConverter):
    """A part of a URL; one with a NUL character, which PostgreSQL cannot store, matches no route."""

    def to_python(self, value: str) -> str:
        """Return the part as it is; raise `ValidationError` if it has a NUL character."""
        if "\x00" in value:
            raise ValidationError
        return value


class LazyMap(Map):
    """A URL map that imports the views when it is first read.

    Commands serve no pages, and most of them start several times faster without the views.
    """

    app: "Tracker"

    def bind(self, *args: Any, **kwargs: Any) -> MapAdapter:
        """Return an adapter that matches and builds URLs."""
        self.app.load_views()
        return super().bind(*args, **kwargs)

    def bind_to_environ(self, *args: Any, **kwargs: Any) -> MapAdapter:
        """Return an adapter for a request."""
        self.app.load_views()
        return super().bind_to_environ(*args, **kwargs)

    def iter_rules(self, endpoint: str | None = None) -> Iterator[Rule]:
        """Iterate over the rules of all routes, or of one endpoint."""
        self.app.load_views()
        return super().iter_rules(endpoint)


class Tracker(Flask):
    """The Flask application: one commit per request, and views imported when they are first needed."""

    request_class = TrackerRequest
    url_map_class = LazyMap

    def __init__(self, features: Iterable[str], **kwargs: Any) -> None:
        """Make the app.

        Args:
            features: the packages of `tracker` with views; each has a blueprint of its own name.
            kwargs: arguments for Flask.
        """
        self.features = tuple(features)
        self.lock = RLock()
        self.has_views = False
        super().__init__("tracker", **kwargs)
        self.url_map.converters |= {"int": RowId, "default": Text, "string": Text}
        self.url_map.app = self  # type: ignore[attr-defined]  # Flask declares the map as werkzeug's own class

    def load_views(self) -> None:
        """Import the views and register their blueprints, once."""
        with self.lock:
            if not self.has_views:
                for name in self.features:
                    self.register_blueprint(getattr(import_module(f"tracker.{name}.views"), name))
                self.has_views = True

    def prepare_to_serve(self) -> None:
        """Import the views, map the models and compile the templates before the first request; connect to nothing."""
        self.load_views()
        configure_mappers()
        for name in self.jinja_env.list_templates(extensions=["html"]):
            self.jinja_env.get_template(name)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the adapter for a request. A malformed host name gets another one's: a page then refuses it."""
        try:
            return super().create_url_adapter(request)
        except BadHost:
            return self.url_map.bind("localhost")

    def dispatch_request(self) -> Response:
        """Run the view in one transaction, which ends inside the error handlers."""
        bool(current_user)  # the session is looked up in its own short transaction, before ours begins
        return transactions.perform_request(lambda: self.make_response(super(Tracker, self).dispatch_request()))

    def handle_user_exception(self, error: Exception) -> HTTPException | ResponseReturnValue:
        """Write a refusal to the security log, and let the error handlers answer."""
        log_refusal(error)
        return super().handle_user_exception(error)

    def log_exception(self, exc_info: Any) -> None:
        """Log the endpoint and not the address, which may hold the token of a link."""
        self.logger.error(
            "Exception on %s [%s], request %s", request.endpoint, request.method, get_request_id(), exc_info=exc_info
        )
