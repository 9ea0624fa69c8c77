"""Leases in Redis: locks over all hosts, renewed while they are held, and free soon after their host has died."""

import secrets
import threading
import time
from dataclasses import dataclass, field
from logging import getLogger
from typing import Any

from tracker.hosts.redis_connection import find_redis, naming_faults

LEASE_SECONDS = 20
"""How long a lease outlives the process that held it."""
RENEWAL_SECONDS = 5
POLL_SECONDS = 0.05
RENEW = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('pexpire', KEYS[1], ARGV[2]) or 0"
RELEASE = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('del', KEYS[1]) or 0"
"""Scripts that leave the lease alone if it has expired meanwhile and somebody else has it."""

logger = getLogger(__name__)
_held: set["Lease"] = set()
_changed = threading.Lock()
_thread: threading.Thread | None = None


class NoFreeLease(Exception):
    """No lease of this name became free in time."""


@dataclass(frozen=True)
class Lease:
    """A lease that this process holds."""

    redis: Any = field(compare=False)
    key: str
    token: str


def take_lease(name: str, count: int, deadline: float) -> Lease | None:
    """Take one of so many leases of a name; return None where there is no Redis.

    Args:
        name: what may be done by so many at once.
        count: how many.
        deadline: until when to wait, a time of `time.monotonic`.

    Raises:
        NoFreeLease: none was free by the deadline.
        ConnectionError: Redis cannot be reached.
    """
    redis = find_redis()
    if redis is None:
        return None
    token = secrets.token_hex(16)
    while True:
        for number in range(count):
            key = f"tracker:lease:{name}-{number}"
            with naming_faults():
                is_taken = redis.set(key, token, nx=True, px=LEASE_SECONDS * 1000)
            if is_taken:
                return _keep(Lease(redis, key, token))
        if time.monotonic() >= deadline:
            raise NoFreeLease
        time.sleep(POLL_SECONDS)


def release_lease(lease: Lease) -> None:
    """Give a lease back; where Redis cannot be reached, it expires."""
    with _changed:
        _held.discard(lease)
    _run(RELEASE, lease)


def _keep(lease: Lease) -> Lease:
    """Renew a lease from now on, in a thread that is started with the first one."""
    global _thread  # noqa: PLW0603 - one thread for each process
    with _changed:
        _held.add(lease)
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_renew_held, name="leases", daemon=True)
            _thread.start()
    return lease


def _renew_held() -> None:
    """Renew every lease of this process again and again; the thread ends with the process."""
    while True:
        time.sleep(RENEWAL_SECONDS)
        with _changed:
            leases = list(_held)
        for lease in leases:
            _run(RENEW, lease, LEASE_SECONDS * 1000)


def _run(script: str, lease: Lease, *arguments: int) -> None:
    try:
        with naming_faults():
            lease.redis.eval(script, 1, lease.key, lease.token, *arguments)
    except ConnectionError as error:
        logger.warning("A lease could not be renewed or given back: %s", error)
