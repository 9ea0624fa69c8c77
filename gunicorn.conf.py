"""Settings of gunicorn; its command line overrides them."""

import gc
import os
from ipaddress import ip_address
from typing import Any

from tracker.config import Settings
from tracker.counters import delete_files_of_ended_processes
from tracker.log_output import make_formatter
from tracker.storage.private_files import make_new_files_private, warn_of_exposed_paths

DEMO = os.environ.get("DEMO") == "1"

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WORKERS", "2"))
worker_class = "tracker.web.gunicorn_worker.BufferingWorker"
threads = int(os.environ.get("THREADS", "16"))
preload_app = True  # a server process begins as a copy of the first process, which has loaded the app
timeout = 120
keepalive = 5
loglevel = "warning"
control_socket_disable = True  # not used: systemd and signals manage the server


def on_starting(server: Any) -> None:
    """Prepare the server: the log's format, the mode of new files, counts that begin at 0, and the app.

    Refuse to serve a demonstration to other machines, since its passwords are on the sign-in page.
    """
    hosts = [address[0] for address in server.cfg.address if isinstance(address, tuple)]
    if DEMO and not all(is_this_machine(host) for host in hosts):
        message = f"DEMO=1 serves this machine only, not {', '.join(hosts)}. Nothing was started."
        raise SystemExit(message)

    settings = Settings.from_environment()
    if settings.log_format == "json":
        for handler in server.log.error_log.handlers:
            handler.setFormatter(make_formatter("json"))
    make_new_files_private()
    delete_files_of_ended_processes(settings.instance_path / "metrics")
    warn_of_exposed_paths(settings, server.log.warning)
    server.app.wsgi().prepare_to_serve()
    gc.freeze()  # what all server processes share is not copied by their garbage collectors


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine."""
    return host == "localhost" or ip_address(host).is_loopback


def post_worker_init(worker: Any) -> None:
    """Give a server process its share of the print processes."""
    os.environ["PRINT_PROCESSES"] = str(-(-Settings.from_environment().print_processes // worker.cfg.workers))


def when_ready(server: Any) -> None:
    """Print the address to open."""
    listening = ", ".join(str(socket) for socket in server.LISTENERS)
    if DEMO:
        listening += "  The sign-in page lists the demo users. Press Ctrl-C to stop"
    print(f"Open {listening}.", flush=True)  # noqa: T201 - the one line that ./scripts/run ends with
