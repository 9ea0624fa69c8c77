"""nginx with the documented configuration, in front of one host or two."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.proof.servers import free_port
from tracker import clock

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
EXAMPLE = Path(__file__).parent.parent.parent / "docs/examples/nginx.conf"
SERVER = "server 127.0.0.1:8000 "
"""How the two lines of the configuration begin that name a host."""
TIMEOUT = 30  # seconds until nginx must have started or ended


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate and its key, and return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_path, key_path


class WebServer:
    """nginx with the documented configuration, some of it changed, in front of the hosts on these ports."""

    def __init__(self, folder: Path, hosts: Sequence[int], changes: Mapping[str, str] | None = None) -> None:
        assert NGINX, "nginx is not installed: ./scripts/setup --nginx"
        self.folder, self.hosts, self.changes = folder, hosts, changes or {}
        self.port, self._plain = free_port(), free_port()
        self._certificate, self._key = make_certificate(folder)
        self._write_site(down=None)
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        account = "user root;\n" if os.getuid() == 0 else ""  # the folder belongs to the account of the tests
        (folder / "nginx.conf").write_text(
            f"{account}daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
            "events { worker_connections 1024; }\n"
            f"http {{\naccess_log {folder}/access.log;\n{temporary}include {folder}/site.conf;\n}}\n"
        )
        files = ["-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
        self._process = subprocess.Popen([NGINX, "-p", str(folder), *files])
        self._wait_until_it_listens()

    def send_nothing_to(self, down: int | None) -> None:
        """Mark the host on a port as `down`, or none, and load the configuration again (docs/operations.md, Upgrades).

        Return when the processes with the configuration before accept no more requests.
        """
        before = self._list_workers()
        self._write_site(down)
        self._process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + TIMEOUT
        while not before.isdisjoint(self._list_workers()):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _list_workers(self) -> set[int]:
        """Return the ids of the processes that accept requests: they say when they are shutting down."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {int(each) for each in children if b"shutting down" not in read_command(int(each))}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(TIMEOUT)

    def _write_site(self, down: int | None) -> None:
        """Write the documented configuration with the ports and paths of this server."""
        site = EXAMPLE.read_text()
        lines = [line for line in site.splitlines(keepends=True) if SERVER in line]
        assert len(lines) == 2
        options = ("max_fails=0", "max_fails=0")
        if len(self.hosts) > 1:
            options = ("max_fails=1 fail_timeout=10s", "max_fails=0 backup")
        named = "".join(
            f"server 127.0.0.1:{each} {option}{' down' if each == down else ''};\n"
            for each in self.hosts
            for option in options
        )
        for before, after in {
            "".join(lines): named,
            "listen 80;": f"listen 127.0.0.1:{self._plain};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
            "evidence.example.org;": "127.0.0.1;",
            "/etc/ssl/evidence.example.org.pem": str(self._certificate),
            "/etc/ssl/evidence.example.org.key": str(self._key),
            "/var/log/nginx/error.log": f"{self.folder}/error.log",
            **self.changes,
        }.items():
            assert before in site
            site = site.replace(before, after)
        (self.folder / "site.conf").write_text(site)

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert self._process.poll() is None, (self.folder / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return


def read_command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b"shutting down"


@contextmanager
def nginx(folder: Path, *hosts: int, changes: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run nginx in front of the hosts on these ports, with some texts of its configuration changed; yield its own port."""
    server = WebServer(folder, hosts, changes)
    try:
        yield server.port
    finally:
        server.close()
