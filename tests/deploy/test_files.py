"""The examples in deploy/: what they name exists, and the containers and units run with few privileges."""

import contextlib
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.proof.servers import free_port
from tests.proof.web_server import NGINX, make_certificate

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "tracker"}
UNITS = sorted((DEPLOY / "systemd").iterdir())
SYSTEMD_ANALYZE = shutil.which("systemd-analyze")
SETTINGS = {
    *re.findall(r'environ\.get\("(\w+)"', (ROOT / "tracker/config.py").read_text()),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HOST", "PORT"),
}


def read_names(path: Path) -> list[str]:
    return re.findall(r"^(\w+)=", path.read_text(), re.MULTILINE)


class TestContainerfile:
    def test_what_it_copies_exists_and_reaches_the_build(self) -> None:
        copied = [
            source
            for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE)
            for source in line.split()[:-1]
        ]
        assert len(copied) > 5
        assert [each for each in copied if not (ROOT / each).exists()] == []
        context = (ROOT / ".dockerignore").read_text().splitlines()
        assert context[1] == "*"
        assert {each.removeprefix("!") for each in context if each.startswith("!")} == set(copied)

    def test_it_has_the_libraries_and_fonts_of_the_set_up(self) -> None:
        set_up = re.search(r"set -- (libpango.*?)\n *find_python", (ROOT / "scripts/lib.sh").read_text(), re.DOTALL)
        installed = re.search(r"--no-install-recommends (.*?)&&", CONTAINERFILE, re.DOTALL)
        assert set_up
        assert installed
        expected = {*set_up[1].replace("\\", " ").split(), "postgresql-client"}
        assert set(installed[1].replace("\\", " ").split()) == expected

    def test_it_runs_as_an_unprivileged_account_and_has_a_health_check(self) -> None:
        assert re.search(r"^USER 10001:10001$", CONTAINERFILE, re.MULTILINE)
        assert "/healthz" in CONTAINERFILE.partition("HEALTHCHECK")[2]

    def test_it_sets_only_settings_that_exist(self) -> None:
        names = set(re.findall(r"([A-Z_]+)=", CONTAINERFILE.partition("\nENV ")[2].partition("\nUSER")[0]))
        assert names - SETTINGS == {"PATH", "PYTHONUNBUFFERED", "FLASK_APP", "HOME", "XDG_CACHE_HOME"}


class TestCompose:
    def test_it_has_two_web_servers_two_workers_and_the_services_that_they_need(self) -> None:
        assert set(COMPOSE["services"]) == {
            *("migrate", "web-1", "web-2", "worker-1", "worker-2"),
            *("nginx", "postgres", "redis", "store"),
        }

    @pytest.mark.parametrize("name", OURS)
    def test_each_container_of_ours_has_few_privileges_and_a_read_only_root(self, name: str) -> None:
        service = OURS[name]
        assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service

    def test_only_nginx_is_reached_from_outside(self) -> None:
        assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["nginx"]

    def test_database_redis_and_store_are_on_a_network_without_a_way_out(self) -> None:
        networks = {name: service.get("networks", ["default"]) for name, service in COMPOSE["services"].items()}
        assert COMPOSE["networks"] == {"inside": {"internal": True}}
        assert [name for name, own in networks.items() if own == ["inside"]] == [
            "migrate", "postgres", "redis", "store",
        ]  # fmt: skip
        assert networks["nginx"] == ["default"], "it reaches the web servers and nothing behind them"

    @pytest.mark.parametrize(
        ("output", "exit_code", "health"),
        [
            ("Ready to serve.", 0, 0),
            ("! MAIL_HOST is not set, so nobody is emailed.\nReady to serve.", 0, 0),
            ("! No worker runs. Start flask jobs.\nReady to serve.", 0, 1),
            ("✗ The database cannot be reached: ConnectionError.", 1, 1),
        ],
    )
    @pytest.mark.parametrize("name", ["worker-1", "worker-2"])
    def test_a_worker_is_healthy_where_the_doctor_finds_no_fault_and_a_worker(
        self, name: str, tmp_path: Path, output: str, exit_code: int, health: int
    ) -> None:
        """With a program in place of `flask` that says what the doctor says (tests/doctor/test_doctor.py)."""
        flask = tmp_path / "flask"
        flask.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit {exit_code}\n")
        flask.chmod(0o755)
        kind, *command = COMPOSE["services"][name]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [each.replace("$$", "$") for each in command]
        checked = subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
        assert checked.returncode == health

    def test_the_owners_password_is_in_the_container_that_migrates_only(self) -> None:
        assert [name for name, service in OURS.items() if "owner.env" in service["env_file"]] == ["migrate"]
        assert [name for name, service in OURS.items() if "keys:/var/lib/tracker-keys" in service["volumes"]] == [
            "migrate"
        ]

    def test_every_volume_and_file_that_is_named_exists(self) -> None:
        mounts = [each.partition(":")[0] for service in COMPOSE["services"].values() for each in service["volumes"]]
        assert {each for each in mounts if not each.startswith(".")} == set(COMPOSE["volumes"])
        made = {"./nginx.conf", "./certificates"}  # by the operator, with docs/operations.md
        files = {each for each in mounts if each.startswith(".")} - made
        files |= {each for service in COMPOSE["services"].values() for each in service.get("env_file", [])}
        folder = DEPLOY / "compose"
        assert [e for e in files if not (folder / e).exists() and not (folder / f"{e}.example").exists()] == []
        guide = (ROOT / "docs/operations.md").read_text()
        assert [each for each in made if each.removeprefix("./") not in guide] == []

    def test_the_examples_of_settings_name_settings_that_exist(self) -> None:
        for name in ("tracker.env.example", "owner.env.example"):
            assert set(read_names(DEPLOY / "compose" / name)) <= SETTINGS
        passwords = set(read_names(DEPLOY / "compose/postgres.env.example"))
        used = set(re.findall(r"\$(\w+_PASSWORD)", (DEPLOY / "compose/make-roles.sh").read_text()))
        assert used == passwords - {"POSTGRES_PASSWORD"}

    def test_the_configuration_of_nginx_is_the_documented_one_with_two_servers(self, tmp_path: Path) -> None:
        made = subprocess.run(
            [DEPLOY / "compose/make-nginx-conf", "site.example"], capture_output=True, text=True, check=True
        ).stdout
        documented = (ROOT / "docs/examples/nginx.conf").read_text()
        changed = [line for line in made.splitlines() if line not in documented.splitlines()]
        assert [re.sub(r" *#.*", "", line).strip() for line in changed] == [
            "server web-1:8000 max_fails=1 fail_timeout=10s;",
            "server web-1:8000 max_fails=0 backup;",
            "server web-2:8000 max_fails=1 fail_timeout=10s;",
            "server web-2:8000 max_fails=0 backup;",
            "server_name site.example;",
            "server_name site.example;",
            "ssl_certificate /etc/ssl/tracker/site.pem;",
            "ssl_certificate_key /etc/ssl/tracker/site.key;",
        ]
        if NGINX is None:
            pytest.skip("nginx is not installed")
        certificate, key = make_certificate(tmp_path)
        for before, after in {
            "/etc/ssl/tracker/site.pem": str(certificate),
            "/etc/ssl/tracker/site.key": str(key),
            "web-1:": "127.0.0.1:",
            "web-2:": "127.0.0.1:",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ": f"listen 127.0.0.1:{free_port()} ",
            "/var/log/nginx/error.log": f"{tmp_path}/error.log",
        }.items():
            made = made.replace(before, after)
        (tmp_path / "site.conf").write_text(made)
        (tmp_path / "nginx.conf").write_text(
            f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ access_log off; include {tmp_path}/site.conf; }}\n"
        )
        command = [NGINX, "-t", "-p", str(tmp_path), "-e", f"{tmp_path}/error.log", "-c", f"{tmp_path}/nginx.conf"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr

    @pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
    def test_a_host_that_restarted_is_asked_again_at_once_where_the_other_one_fails(self, tmp_path: Path) -> None:
        """nginx leaves each of them out for ten seconds, and would have nobody to ask."""
        made = subprocess.run(
            [DEPLOY / "compose/make-nginx-conf", "site.example"], capture_output=True, text=True, check=True
        ).stdout
        ports = free_port(), free_port()
        upstream = made[made.index("upstream tracker {") : made.index("}", made.index("upstream tracker {")) + 1]
        for name, port in zip(("web-1:8000", "web-2:8000"), ports, strict=True):
            upstream = upstream.replace(name, f"127.0.0.1:{port}")
        front = free_port()
        (tmp_path / "nginx.conf").write_text(
            f"daemon off; pid {tmp_path}/pid; events {{}} http {{ access_log off; {upstream}\n"
            f"server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://tracker; }} }} }}\n"
        )
        command = [str(NGINX), "-p", str(tmp_path), "-e", f"{tmp_path}/error.log", "-c", f"{tmp_path}/nginx.conf"]
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.terminate)
            for stopped in (*ports, ports[0]):
                with contextlib.ExitStack() as running:
                    for port in set(ports) - {stopped}:
                        running.enter_context(answer_requests(port))
                    assert [ask(front) for _ in range(4)] == [204] * 4


class Answering(BaseHTTPRequestHandler):
    """A host that answers every request."""

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Write nothing."""


@contextlib.contextmanager
def answer_requests(port: int) -> Iterator[None]:
    """Answer requests at a port, and refuse them again afterwards."""
    with ThreadingHTTPServer(("127.0.0.1", port), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def ask(port: int) -> int:
    """Return the status of a request, once the server has begun to listen."""
    for _ in range(100):
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        except ConnectionRefusedError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise AssertionError("nginx did not start")


class TestSystemd:
    @pytest.mark.skipif(SYSTEMD_ANALYZE is None, reason="systemd-analyze is not installed")
    def test_systemd_accepts_every_unit_without_a_warning(self, tmp_path: Path) -> None:
        """The programs of the units are replaced by one that exists here."""
        for unit in UNITS:
            text = re.sub(r"/srv/tracker/code/\.venv/bin/\w+", "/bin/true", unit.read_text())
            (tmp_path / unit.name).write_text(text)
        command = [str(SYSTEMD_ANALYZE), "verify", "--man=no", *[str(tmp_path / unit.name) for unit in UNITS]]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        ours = [line for line in result.stderr.splitlines() if "tracker" in line]
        assert (result.returncode, ours) == (0, [])

    @pytest.mark.parametrize("unit", [each.name for each in UNITS if each.suffix == ".service"])
    def test_each_service_has_few_privileges(self, unit: str) -> None:
        text = (DEPLOY / "systemd" / unit).read_text()
        for line in ("User=tracker", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "UMask=0077"):
            assert f"\n{line}\n" in text

    def test_each_timer_starts_a_service(self) -> None:
        timers = [each for each in UNITS if each.suffix == ".timer"]
        assert [each.stem for each in timers] == ["tracker-backup", "tracker-verify"]
        assert all(each.with_suffix(".service").exists() for each in timers)

    @pytest.mark.usefixtures("app")
    def test_each_command_exists(self, app: object) -> None:
        from tests.test_docs import is_command

        text = "".join(each.read_text() for each in UNITS) + (DEPLOY / "compose/compose.yaml").read_text()
        commands = re.findall(r'flask(?: --app wsgi:app|",)? "?([a-z][a-z ]*)', text)
        assert len(commands) >= 8
        assert [each for each in commands if not is_command(app, each.split())] == []


def test_every_script_is_plain_sh() -> None:
    shell = shutil.which("dash") or "sh"
    scripts = [DEPLOY / "compose/make-roles.sh", DEPLOY / "compose/make-nginx-conf", ROOT / "scripts/try_container"]
    for script in scripts:
        assert subprocess.run([shell, "-n", str(script)], check=False).returncode == 0
