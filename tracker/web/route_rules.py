"""Access rules of routes. Every view has one; a route without a rule is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Flask, redirect, request, url_for
from flask_login import current_user, login_manager

from tracker.errors import NotFound
from tracker.web.current_user import SignedIn, SignInStep, me
from tracker.web.permissions import PERMISSIONS, Act

View = TypeVar("View", bound=Callable[..., Any])

STEP_ENDPOINTS = {
    SignInStep.PROVE_SECOND_FACTOR: "accounts.confirm_sign_in",
    SignInStep.SET_UP_SECOND_FACTOR: "accounts.set_up_two_step_verification",
}
"""The endpoint where each missing step of signing in is done."""


@dataclass(frozen=True)
class RouteRule:
    """The access rule of a route: open to anybody, to anybody signed in, or to people whose role may do the act."""

    act: Act | None = None
    public: bool = False
    step: SignInStep | None = None
    """Open also to people whose sign-in still lacks this step."""


def public(view: View) -> View:
    """Open a route to anybody, signed in or not."""
    return _set_rule(view, RouteRule(public=True))


def signed_in(view: View) -> View:
    """Open a route to anybody signed in."""
    return _set_rule(view, RouteRule())


def during_sign_in(step: SignInStep) -> Callable[[View], View]:
    """Open a route to anybody signed in, and to people whose sign-in still lacks this step."""
    return lambda view: _set_rule(view, RouteRule(step=step))


def requires(act: Act) -> Callable[[View], View]:
    """Open a route to people with a role that may do `act`.

    The view then authorises the object itself with `tracker.web.authorise`.
    """
    return lambda view: _set_rule(view, RouteRule(act))


def find_route_rule(app: Flask, endpoint: str) -> RouteRule | None:
    """Return the rule of an endpoint, or None if it has none."""
    return getattr(app.view_functions.get(endpoint), "rule", None)


def init_app(app: Flask) -> None:
    """Enforce the rule of each route before its view runs."""

    @app.before_request
    def enforce_rule() -> Any:
        """Deny by default: a route without a rule is refused to everybody."""
        if request.endpoint is None or request.endpoint == "static":
            return None
        rule = find_route_rule(app, request.endpoint)
        if rule is None:
            raise NotFound
        if rule.public:
            return None
        if not isinstance(current_user, SignedIn):
            return cast("login_manager.LoginManager", app.login_manager).unauthorized()  # type: ignore[attr-defined]  # Flask-Login puts it there
        if (step := me().missing_step) and step is not rule.step:
            return redirect(url_for(STEP_ENDPOINTS[step], next=request.full_path.removesuffix("?")))
        if rule.act and not any(me().find_grant(role) for role in PERMISSIONS[rule.act]):
            raise NotFound
        return None


def _set_rule(view: View, rule: RouteRule) -> View:
    cast("Any", view).rule = rule
    return view
