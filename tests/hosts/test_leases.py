"""Leases in Redis: so many at once over all hosts, renewed while they are held, free after their host died."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from tests.factories import World
from tests.hosts.conftest import Browser, use_redis
from tracker.background import jobs
from tracker.hosts import leases
from tracker.hosts.leases import Lease, NoFreeLease, release_lease, take_lease
from tracker.web.fair_shares import EXPORTING


@contextmanager
def held(app: Flask, name: str, count: int = 1) -> Iterator[Lease]:
    with app.app_context():
        lease = take_lease(name, count, 0)
    assert lease
    yield lease
    release_lease(lease)


def test_one_host_holds_a_lease_until_it_gives_it_back(host: Flask, other_host: Flask) -> None:
    with held(other_host, "printing-1"):
        with pytest.raises(NoFreeLease):
            take_lease("printing-1", 1, 0)
        with held(host, "printing-2"):
            pass
    with held(host, "printing-1"):
        pass


def test_so_many_hold_a_lease_at_once(host: Flask, other_host: Flask) -> None:
    with held(other_host, "waiting", 2), held(host, "waiting", 2), pytest.raises(NoFreeLease):
        take_lease("waiting", 2, 0)


def test_a_lease_that_is_given_back_is_waited_for(host: Flask) -> None:
    lease = take_lease("printing-1", 1, 0)
    assert lease
    giver = threading.Timer(0.2, release_lease, [lease])
    giver.start()
    next_lease = take_lease("printing-1", 1, time.monotonic() + 60)
    assert next_lease
    giver.join()
    release_lease(next_lease)


def test_the_lease_of_a_host_that_died_expires_and_one_in_use_is_renewed(
    host: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = take_lease("printing-1", 1, 0)
    assert lease
    assert 0 < lease.redis.pttl(lease.key) <= leases.LEASE_SECONDS * 1000
    lease.redis.pexpire(lease.key, 500)
    leases._run(leases.RENEW, lease, leases.LEASE_SECONDS * 1000)
    assert lease.redis.pttl(lease.key) > 500
    release_lease(lease)
    assert lease.redis.exists(lease.key) == 0


def test_a_lease_that_another_host_took_meanwhile_is_not_given_back(host: Flask) -> None:
    lost = take_lease("printing-1", 1, 0)
    assert lost
    lost.redis.delete(lost.key)
    with held(host, "printing-1") as lease:
        release_lease(lost)
        leases._run(leases.RENEW, lost, 1)
        assert lease.redis.get(lease.key) == lease.token.encode()


def test_a_person_makes_one_export_at_a_time_over_all_hosts(
    host: Flask, other_host: Flask, world: World, client: Browser, there: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.web.fair_shares.TIMEOUT_SECONDS", 0)
    path = "/units?format=csv"
    with held(other_host, f"{EXPORTING.name}-{world.alice.id}"):
        answer = client(world.alice).get(path)
        assert answer.status_code == 429
        assert EXPORTING.sentence in answer.text
        assert there(world.alice).get(path).status_code == 429
    assert client(world.alice).get(path).status_code == 200


def test_while_redis_is_unreachable_turns_are_taken_on_each_host(
    host: Flask, world: World, client: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    use_redis(host, "redis://:no-secret@127.0.0.1:9/0")
    assert client(world.alice).get("/units?format=csv").status_code == 200
    assert "Turns are taken on this host only: Redis cannot be used: ConnectionError" in caplog.text
    assert "no-secret" not in caplog.text
    assert "127.0.0.1:9" not in caplog.text


def test_a_job_of_every_minute_runs_on_one_host_at_a_time(host: Flask, other_host: Flask) -> None:
    done: list[str] = []

    def tidy() -> None:
        done.append("done")

    queue = jobs.Jobs(host, lambda: ((), (tidy,)), lambda: None)
    with held(other_host, "job-tidy"):
        queue.perform("tidy")
        assert done == []
    queue.perform("tidy")
    assert done == ["done"]
    queue.perform("tidy")
    assert done == ["done", "done"], "the lease is given back"


def test_without_redis_there_is_no_lease(app: Flask) -> None:
    assert take_lease("printing-1", 1, time.monotonic()) is None
