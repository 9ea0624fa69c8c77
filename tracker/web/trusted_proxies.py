"""Headers of proxies: `X-Forwarded-For` and `X-Request-Id` are believed only from those named in `TRUSTED_PROXIES`.

Rate limits count per address. Behind a proxy that is not named, everybody has the proxy's address; if a client's own
header were believed, everybody could choose an address, or the id of another's request in the log.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from tracker.log_output import REQUEST_ID

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
MAX_PROXIES = 10


def init_app(app: Flask) -> None:
    """Read client addresses from the header of the trusted proxies, if the setting names any."""
    setting = parse_trusted_proxies(app.config["SETTINGS"].trusted_proxies)
    if isinstance(setting, int):
        if setting:
            app.wsgi_app = CountedProxies(app.wsgi_app, x_for=setting, x_proto=0, x_host=0)  # type: ignore[method-assign]
    elif setting:
        app.wsgi_app = TrustedProxies(app.wsgi_app, setting)  # type: ignore[method-assign]


def parse_trusted_proxies(setting: str) -> int | tuple[Network, ...]:
    """Return the setting `TRUSTED_PROXIES`: a number of proxies, or the networks they are in.

    Raises:
        ValueError: neither a number from 0 to 10 nor networks such as `10.0.0.0/8`.
    """
    parts = setting.replace(",", " ").split()
    if len(parts) == 1 and parts[0].isdecimal():
        count = int(parts[0])
        if count > MAX_PROXIES:
            message = f"TRUSTED_PROXIES is {count}: the most is {MAX_PROXIES}."
            raise ValueError(message)
        return count
    return parse_networks("TRUSTED_PROXIES", setting)


def parse_networks(name: str, setting: str) -> tuple[Network, ...]:
    """Return the networks in a setting. Raises `ValueError`, with its name, for anything else."""
    try:
        return tuple(ip_network(part) for part in setting.replace(",", " ").split())
    except ValueError as error:
        message = f"{name}: {error}."
        raise ValueError(message) from error


def is_in_networks(address: str, networks: Iterable[Network]) -> bool:
    """Return whether a text is an address in one of the networks."""
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in networks)


class CountedProxies(ProxyFix):
    """WSGI middleware for a known number of proxies in a row, through which every connection comes."""

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve a request with the client's address and the proxy's id."""
        _pass_request_id(environ)
        return super().__call__(environ, start_response)


class TrustedProxies:
    """WSGI middleware that replaces the address of a trusted proxy by that of its client."""

    def __init__(self, app: "WSGIApplication", networks: Iterable[Network]) -> None:
        """Wrap an application.

        Args:
            app: the application.
            networks: the networks that the trusted proxies are in.
        """
        self.app = app
        self.networks = tuple(networks)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve a request with `REMOTE_ADDR` set to the nearest address that is no trusted proxy's."""
        if is_in_networks(environ.get("REMOTE_ADDR", ""), self.networks):
            _pass_request_id(environ)
        environ["REMOTE_ADDR"] = self.find_client(
            environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        )
        return self.app(environ, start_response)

    def find_client(self, address: str, forwarded: str) -> str:
        """Return the address of the client.

        Args:
            address: where the connection comes from.
            forwarded: the header: the addresses of client and proxies, the nearest last.
        """
        for entry in reversed(forwarded.split(",")):
            if not is_in_networks(address, self.networks) or _parse(entry) is None:
                break
            address = entry.strip()
        return address


def _pass_request_id(environ: "WSGIEnvironment") -> None:
    environ[REQUEST_ID] = environ.get("HTTP_X_REQUEST_ID", "")


def _parse(address: str) -> Address | None:
    """Return an address, or None for anything else."""
    try:
        parsed = ip_address(address.strip())
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
