"""Client addresses behind proxies: the header is believed only from proxies that the setting names."""

import pytest
from flask import Flask, request
from werkzeug.test import Client

from tracker.config import Settings
from tracker.web import trusted_proxies


def find_address(setting: str, connection: str, forwarded: str | None) -> str:
    """Return the client's address as a view sees it."""
    app = Flask("proxied")
    app.config["SETTINGS"] = Settings.from_environment({"TRUSTED_PROXIES": setting})
    trusted_proxies.init_app(app)
    app.add_url_rule("/", "address", lambda: request.remote_addr or "")
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    return Client(app).get("/", headers=headers, environ_base={"REMOTE_ADDR": connection}).text


@pytest.mark.parametrize(
    ("setting", "connection", "forwarded", "address"),
    [
        ("", "127.0.0.1", "203.0.113.9", "127.0.0.1"),
        ("0", "127.0.0.1", "203.0.113.9", "127.0.0.1"),
        ("1", "127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("1", "127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("2", "127.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("127.0.0.1, 10.0.0.0/8", "127.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("127.0.0.1", "127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.0/8", "127.0.0.1", "203.0.113.9", "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.1", "not an address", "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.0/8", "::ffff:127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("::1", "::1", "203.0.113.9", "203.0.113.9"),
    ],
)
def test_address_of_the_client(setting: str, connection: str, forwarded: str | None, address: str) -> None:
    assert find_address(setting, connection, forwarded) == address


@pytest.mark.parametrize("setting", ["99", "everybody", "10.0.0.0/99", "10.0.0.1/8"])
def test_a_wrong_setting_stops_the_server_from_starting(setting: str) -> None:
    with pytest.raises(ValueError, match="TRUSTED_PROXIES"):
        find_address(setting, "127.0.0.1", None)
