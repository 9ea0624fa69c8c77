"""Settings of an installation, read from the environment, with their defaults."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
MEGABYTE = 1024 * 1024
GIGABYTE = 1_000_000_000
MAX_REQUEST_SIZE = 410 * MEGABYTE
"""Four files at their limit in one form without JavaScript."""
IDLE_CONNECTIONS = 5
"""How many connections to the database a process keeps open while it does nothing."""
MIN_CONNECTIONS = 15
SPARE_CONNECTIONS = 4
"""How many connections a process may open besides one for each thread."""

HOST_PREFIX = "__Host-"
"""Prefix of a cookie's name with which a browser accepts it over HTTPS only, and from this host only."""


def count_processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def parse_fingerprint(text: str) -> str:
    """Return the fingerprint of a key as 64 lower-case digits. Raises `ValueError` for any other text."""
    fingerprint = re.sub(r"[\s:]", "", text).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", fingerprint):
        raise ValueError(
            f"“{text[:80]}” is not the fingerprint of a key, which has 64 digits. To list them: flask keys list"
        )
    return fingerprint


@dataclass(frozen=True)
class S3Location:
    """Where the files of an installation are in an S3-compatible store."""

    bucket: str
    prefix: str
    endpoint: str | None
    """The address of the store; None for Amazon's."""
    region: str | None
    is_presigned: bool
    """Whether browsers fetch downloads from the store itself, by a link that works for a minute."""


def parse_storage_url(text: str) -> Path | S3Location:
    """Return the folder or the bucket that `STORAGE_URL` names.

    Raises:
        ValueError: it is neither, or it holds credentials. The text is not repeated, since it would be logged.
    """
    if not text.startswith("s3://"):
        if "://" in text or not text.startswith("/"):
            raise ValueError("STORAGE_URL is neither the path of a folder nor s3://BUCKET/PREFIX?endpoint=…")
        return Path(text).resolve()
    url = urlsplit(text)
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    if url.username or url.password:
        raise ValueError("STORAGE_URL holds credentials. Put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not url.netloc or url.fragment or set(options) - {"endpoint", "region", "presigned"}:
        raise ValueError("STORAGE_URL is not s3://BUCKET/PREFIX with the options endpoint, region and presigned")
    endpoint = options.get("endpoint") or None
    if endpoint and (urlsplit(endpoint).scheme not in {"http", "https"} or "@" in urlsplit(endpoint).netloc):
        raise ValueError("The endpoint in STORAGE_URL is not an address such as https://s3.example.org")
    is_presigned = options.get("presigned") == "1"
    return S3Location(url.netloc, url.path.strip("/"), endpoint, options.get("region") or None, is_presigned)


def parse_log_format(text: str) -> str:
    """Return how the log is written. Raises `ValueError` for anything but `text` and `json`."""
    if text not in {"text", "json"}:
        raise ValueError("LOG_FORMAT is neither text nor json")
    return text


def _get_path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]).resolve() if environ.get(name) else None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of an installation."""

    instance_path: Path
    """The folder of the SQLite file, attachments, outbox and keys, unless other settings name another."""
    storage: Path | S3Location = field(repr=False)
    """The folder or the bucket of stored files."""
    keys_path: Path
    """The folder of the installation's private keys; they are not backed up with the data."""
    checkpoints_path: Path
    """The folder of the ledger's signed checkpoints; use another disk than the database's."""
    database_url: str
    migrations_database_url: str | None = field(default=None, repr=False)
    """The database as the role that owns the tables, for migrations only; as the server's role without it."""
    is_pooled: bool = False
    """Whether `database_url` is that of PgBouncer, which gives each transaction another connection."""
    secret_key: str | None
    """Signs CSRF tokens and encrypts authenticator apps' secrets; needed to serve requests, not for commands."""
    demo: bool
    mail_host: str | None
    mail_port: int
    mail_username: str | None
    mail_password: str | None = field(repr=False)
    mail_sender: str
    mail_tls: bool
    redis_url: str | None
    """The Redis server of what hosts share for a while; without one that is in files in the instance path."""
    base_url: str
    """The beginning of links in emails; never taken from a request's Host header."""
    trusted_hosts: tuple[str, ...] = ()
    """Further host names that the site answers to."""
    trusted_proxies: str = ""
    """The proxies whose `X-Forwarded-For` and `X-Request-Id` are believed: how many, or their networks."""
    metrics_token: str | None = field(default=None, repr=False)
    """What a reader of metrics sends as its bearer token."""
    metrics_networks: str = ""
    """The networks that metrics are read from; without these and a token nobody reads them."""
    log_format: str = "text"
    """How lines of the log are written: `text`, or `json` for all of them."""
    checkpoints_mail: tuple[str, ...] = ()
    """Addresses to which the newest checkpoint is emailed once a day."""
    key_fingerprints: tuple[str, ...] = ()
    """The fingerprints of the signing keys that are trusted, instead of every public key in `keys_path`."""
    timestamp_url: str | None = None
    """Where a timestamping authority (RFC 3161) is asked to stamp checkpoints; without one none are."""
    timestamp_certificates: Path | None = None
    """The file with the authority's certificates, or those above them, in PEM."""
    clamav: str | None = None
    """The address of ClamAV's clamd: `host:port`, or the path of a socket. Without it files are not scanned."""
    candidate_quota: int = 5 * GIGABYTE
    """Bytes of files that a candidate may store at a centre; 0 for any number."""
    centre_quota: int = 500 * GIGABYTE
    """Bytes of files that the candidates of a centre may store together; 0 for any number."""
    form_cache_seconds: int = 600
    """How long a printed form that is not issued is kept in memory to be sent again; 0 keeps none."""
    print_wait_seconds: float = 2.0
    """The seconds after which a job prints a form that is not ready."""
    print_processes: int = 1
    """How many subprocesses render forms at once: of the server processes together, and again of the worker."""
    verify_processes: int = 1
    """How many processes the nightly check of the record uses at a time."""
    threads: int = 16
    """How many requests a server process answers at once."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Return the settings that the environment variables give."""
        root = Path(__file__).resolve().parent.parent
        if environ.get("TIMESTAMP_URL") and not environ.get("TIMESTAMP_CERTIFICATES"):
            raise ValueError("TIMESTAMP_URL needs TIMESTAMP_CERTIFICATES, the file with the authority's certificates")
        instance = Path(environ.get("INSTANCE_PATH") or root / "instance").resolve()
        return cls(
            instance_path=instance,
            storage=parse_storage_url(environ.get("STORAGE_URL") or str(instance / "attachments")),
            keys_path=Path(environ.get("KEYS_PATH") or instance / "keys").resolve(),
            checkpoints_path=Path(environ.get("CHECKPOINTS_PATH") or instance / "checkpoints").resolve(),
            database_url=environ.get("DATABASE_URL") or f"sqlite:///{instance / 'tracker.sqlite'}",
            migrations_database_url=environ.get("MIGRATIONS_DATABASE_URL") or None,
            is_pooled=environ.get("PGBOUNCER") == "1",
            secret_key=environ.get("SECRET_KEY") or None,
            demo=environ.get("DEMO") == "1",
            mail_host=environ.get("MAIL_HOST") or None,
            mail_port=int(environ.get("MAIL_PORT") or 587),
            mail_username=environ.get("MAIL_USERNAME") or None,
            mail_password=environ.get("MAIL_PASSWORD") or None,
            mail_sender=environ.get("MAIL_SENDER") or "tracker@localhost",
            mail_tls=environ.get("MAIL_TLS", "1") != "0",
            redis_url=environ.get("REDIS_URL") or None,
            base_url=(environ.get("BASE_URL") or "http://127.0.0.1:8000").rstrip("/"),
            trusted_hosts=tuple(environ.get("TRUSTED_HOSTS", "").replace(",", " ").split()),
            trusted_proxies=environ.get("TRUSTED_PROXIES", ""),
            metrics_token=environ.get("METRICS_TOKEN") or None,
            metrics_networks=environ.get("METRICS_NETWORKS", ""),
            log_format=parse_log_format(environ.get("LOG_FORMAT") or "text"),
            checkpoints_mail=tuple(environ.get("CHECKPOINTS_MAIL", "").replace(",", " ").split()),
            key_fingerprints=tuple(
                parse_fingerprint(each) for each in environ.get("KEY_FINGERPRINTS", "").replace(",", " ").split()
            ),
            timestamp_url=environ.get("TIMESTAMP_URL") or None,
            timestamp_certificates=_get_path(environ, "TIMESTAMP_CERTIFICATES"),
            clamav=environ.get("CLAMAV") or None,
            candidate_quota=round(float(environ.get("CANDIDATE_QUOTA_GB") or 5) * GIGABYTE),
            centre_quota=round(float(environ.get("CENTRE_QUOTA_GB") or 500) * GIGABYTE),
            form_cache_seconds=int(environ.get("FORM_CACHE_SECONDS") or 600),
            print_wait_seconds=float(environ.get("PRINT_WAIT_SECONDS") or 2),
            print_processes=max(1, int(environ.get("PRINT_PROCESSES") or count_processors())),
            verify_processes=max(1, int(environ.get("VERIFY_PROCESSES") or 1)),
            threads=int(environ.get("THREADS") or 16),
        )

    @property
    def connections(self) -> int:
        """Return how many connections to the database a process opens at most: one for each thread, and a few more.

        The session, the access log and the counts of attempts are written in transactions of their own for a moment.
        """
        return max(MIN_CONNECTIONS, self.threads + SPARE_CONNECTIONS)

    def as_flask(self) -> dict[str, Any]:
        """Return the settings under Flask's names, together with the fixed ones."""
        is_https = self.base_url.startswith("https://")
        return {
            "SETTINGS": self,
            "SECRET_KEY": self.secret_key,
            "DEMO": self.demo,
            "SQLALCHEMY_DATABASE_URI": self.database_url,
            "SQLALCHEMY_ENGINE_OPTIONS": {
                "hide_parameters": True,  # an error in the log names no values of a statement
                # a prepared statement belongs to a connection, and PgBouncer gives the next transaction another
                "connect_args": {"prepare_threshold": None} if self.is_pooled else {},
                "max_overflow": self.connections - IDLE_CONNECTIONS,
                "pool_size": IDLE_CONNECTIONS,
            },
            "SESSION_COOKIE_SAMESITE": "Lax",
            "SESSION_COOKIE_SECURE": is_https,
            "SESSION_COOKIE_NAME": f"{HOST_PREFIX}session" if is_https else "session",
            "WTF_CSRF_TIME_LIMIT": None,  # so that a form left open for hours can be saved
            "MAX_CONTENT_LENGTH": MAX_REQUEST_SIZE,
            "MAX_FORM_MEMORY_SIZE": 4 * MEGABYTE,
            "MAX_FORM_PARTS": 1000,
            "ATTACHMENT_LIMIT": 100 * MEGABYTE,
            "SCAN_SECONDS": 60.0,  # for the whole of a file; nginx, as documented, waits 130 for an answer
            "CACHE_QUEUE": True,  # an assessor's queue is read again only after the ledger has grown
            "ATTACHMENTS_PATH": None if isinstance(self.storage, S3Location) else self.storage,
            "S3_LOCATION": self.storage if isinstance(self.storage, S3Location) else None,
            "KEYS_PATH": self.keys_path,
            "CHECKPOINTS_PATH": self.checkpoints_path,
            "STATIC_BUILD_PATH": self.instance_path / "static",  # the style sheets and scripts as they are served
            "OUTBOX_PATH": self.instance_path / "outbox",
        }
