"""Client addresses behind proxies: `X-Forwarded-For` is believed only from the proxies named in `TRUSTED_PROXIES`.

Rate limits count per address. Behind a proxy that is not named, everybody has the proxy's address; if a client's own
header were believed, everybody could choose an address.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
MAX_PROXIES = 10


def init_app(app: Flask) -> None:
    """Read client addresses from the header of the trusted proxies, if the setting names any."""
    setting = parse_trusted_proxies(app.config["SETTINGS"].trusted_proxies)
    if isinstance(setting, int):
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=setting, x_proto=0, x_host=0)  # type: ignore[method-assign]
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
    try:
        return tuple(ip_network(part) for part in parts)
    except ValueError as error:
        message = f"TRUSTED_PROXIES: {error}."
        raise ValueError(message) from error


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
            if not self._is_trusted(address) or _parse(entry) is None:
                break
            address = entry.strip()
        return address

    def _is_trusted(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self.networks)


def _parse(address: str) -> Address | None:
    """Return an address, or None for anything else."""
    try:
        parsed = ip_address(address.strip())
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
