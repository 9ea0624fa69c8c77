"""The page of metrics, denied to everybody unless the settings name a token or networks."""

import hmac

from flask import Blueprint, Response, current_app, request
from flask.sansio.blueprints import BlueprintSetupState

from tracker import security_log
from tracker.counters import collect_counters
from tracker.errors import NotFound
from tracker.web.route_rules import public
from tracker.web.trusted_proxies import is_in_networks, parse_networks

metrics = Blueprint("metrics", __name__)


@metrics.record
def check_setting(state: BlueprintSetupState) -> None:
    """Raise `ValueError` when the server starts if `METRICS_NETWORKS` is not a list of networks."""
    parse_networks("METRICS_NETWORKS", state.app.config["SETTINGS"].metrics_networks)


@metrics.get("/metrics")
@public
def show_metrics() -> Response:
    """Show the metrics of this host's processes and of the installation, as text for Prometheus."""
    check_reader()
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    from tracker.metrics.installation import InstallationCollector

    registry = collect_counters()
    registry.register(InstallationCollector())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def check_reader() -> None:
    """Raise `NotFound` unless the request has the token and comes from a network, whichever are configured.

    A forwarded request comes from no network: if `TRUSTED_PROXIES` is a number, its sender may choose the address.
    """
    settings = current_app.config["SETTINGS"]
    networks = parse_networks("METRICS_NETWORKS", settings.metrics_networks)
    if not settings.metrics_token and not networks:
        raise NotFound
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    has_token = not settings.metrics_token or hmac.compare_digest(given.encode(), settings.metrics_token.encode())
    address = "" if "X-Forwarded-For" in request.headers else request.remote_addr or ""
    if not has_token or (networks and not is_in_networks(address, networks)):
        security_log.write("metrics_refused")
        raise NotFound
