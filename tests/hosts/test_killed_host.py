"""Two hosts as processes behind nginx, one of which is killed or replaced while people work."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import server_url
from tests.hosts.acknowledged_work import find_lost
from tests.hosts.host_processes import Host, Installation, installation
from tests.hosts.load_clients import Load
from tests.proof.web_server import NGINX, WebServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(server_url() is None, reason="several hosts need PostgreSQL"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
CLIENTS, WRITES, TIMEOUT = 3, 6, 120


class Site:
    """An installation with two hosts behind nginx, filled with the demonstration."""

    def __init__(self, shared: Installation, hosts: list[Host], server: WebServer) -> None:
        self.shared, self.hosts, self.server = shared, hosts, server

    def work_while(self, act: Callable[[], object]) -> Load:
        """Let people work before, during and after an act, and return what they did."""
        with Load(self.server.port, self.shared.describe_people("--checked"), CLIENTS) as load:
            wait_for_writes(load)
            act()
            wait_for_writes(load)
        return load

    def find_lost(self, load: Load) -> list[str]:
        return list(find_lost(load, self.shared.build_url(), self.shared.environment["STORAGE_URL"]))


def wait_for_writes(load: Load) -> None:
    """Wait until some more ticks and files have been acknowledged."""
    before, deadline = count_writes(load), time.monotonic() + TIMEOUT
    while count_writes(load) < before + WRITES and not load.errors:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def count_writes(load: Load) -> int:
    return sum(each.kind in {"tick", "upload"} for each in [*load.requests])


@pytest.fixture(scope="module")
def site(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url = server_url()
    assert url
    with installation(tmp_path_factory.mktemp("hosts"), url.render_as_string(hide_password=False)) as shared:
        shared.create_database()
        shared.migrate()
        shared.fill_with_demonstration()
        shared.confine()
        hosts = [shared.add_host("one"), shared.add_host("two")]
        with shared.web_server() as server:
            for host in hosts:
                host.start()
            yield Site(shared, hosts, server)


def test_a_killed_host_costs_no_answer_and_nothing_acknowledged(site: Site) -> None:
    def kill_and_start() -> None:
        site.hosts[1].kill()
        site.hosts[1].start()

    load = site.work_while(kill_and_start)
    assert load.errors == []
    assert [each for each in load.requests if each.unanswered] == []
    assert site.find_lost(load) == []


def test_hosts_that_are_replaced_one_after_the_other_lose_no_request(site: Site) -> None:
    """As docs/operations.md says under Upgrades; `scripts/drill upgrade` does it from the previous release."""

    def replace_all() -> None:
        for host in site.hosts:
            site.server.send_nothing_to(host.port)
            host.stop()
            host.start()
            site.server.send_nothing_to(None)

    load = site.work_while(replace_all)
    assert load.errors == []
    assert [each for each in load.requests if each.unanswered] == []
    assert site.find_lost(load) == []
    assert site.shared.try_to_run("verify").returncode == 0
    assert site.shared.try_to_run("doctor").returncode == 0
