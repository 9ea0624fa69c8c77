"""The connection to Redis, where `REDIS_URL` names one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT_SECONDS = 2.0
"""How long an answer is waited for: whatever is asked, the work can go on without."""


def find_redis() -> "Redis | None":
    """Return the client of the current app, which connects when it is first used; None without `REDIS_URL`."""
    url = current_app.config["SETTINGS"].redis_url
    if not url:
        return None
    if "redis" not in current_app.extensions:
        from redis import Redis

        current_app.extensions["redis"] = Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, health_check_interval=30
        )
    return cast("Redis", current_app.extensions["redis"])


@contextmanager
def naming_faults() -> Iterator[None]:
    """Turn Redis's errors into `ConnectionError`s, whose texts name neither its address nor its password."""
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        raise ConnectionError(f"Redis cannot be used: {type(error).__name__}") from None
