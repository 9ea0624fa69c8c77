"""What `flask doctor` examines: settings, database, storage, Redis, keys, files, the clock and the worker."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from tracker import clock
from tracker.background import jobs
from tracker.config import S3Location, Settings
from tracker.doctor.findings import Finding
from tracker.extensions import db
from tracker.hosts.redis_connection import find_redis, naming_faults
from tracker.integrity.hidden_behaviour import find_other_migration, list_known_migrations, read_migrations
from tracker.ledger import events, keys, read_only
from tracker.storage import file_store
from tracker.storage.private_files import OTHERS, list_exposed_paths

MIN_SECRET_LENGTH = 32
MAX_CLOCK_DIFFERENCE = timedelta(seconds=5)
LOCAL = {"127.0.0.1", "localhost", "::1"}


def examine_settings(settings: Settings) -> Iterator[Finding]:
    """Examine what the environment says."""
    if not settings.secret_key:
        yield Finding("SECRET_KEY is not set, so nobody can sign in.")
    elif len(settings.secret_key) < MIN_SECRET_LENGTH and not settings.demo:
        yield Finding(f"SECRET_KEY is shorter than {MIN_SECRET_LENGTH} characters and could be guessed.")
    address = urlsplit(settings.base_url)
    is_local = address.hostname in LOCAL
    if address.scheme != "https" and not is_local:
        yield Finding("BASE_URL does not begin with https://, so passwords would be sent unencrypted.")
    if settings.demo and not is_local:
        yield Finding("DEMO=1 is set, and anybody can sign in to a demonstration.")
    if address.scheme == "https" and not settings.trusted_proxies:
        yield Finding("TRUSTED_PROXIES is not set, so everybody behind a web server has its address.", is_fault=False)
    if settings.metrics_token and len(settings.metrics_token) < MIN_SECRET_LENGTH:
        yield Finding(f"METRICS_TOKEN is shorter than {MIN_SECRET_LENGTH} characters and could be guessed.")
    if settings.metrics_networks and not settings.metrics_token and not settings.trusted_proxies:
        yield Finding(
            "METRICS_NETWORKS needs TRUSTED_PROXIES or METRICS_TOKEN, or a web server's clients pass for it."
        )
    if not settings.mail_host and not settings.demo:
        yield Finding("MAIL_HOST is not set, so nobody is emailed.", is_fault=False)


def examine_database(settings: Settings) -> Iterator[Finding]:
    """Examine whether the database can be reached and has the schema of this release."""
    try:
        with db.engine.connect():
            pass
    except SQLAlchemyError as error:
        yield Finding(f"The database cannot be reached: {type(error.__cause__ or error).__name__}.")
        return
    yield from examine_schema()
    db.session.rollback()
    if make_url(settings.database_url).get_backend_name() != "postgresql":
        return
    if db.session.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")):
        yield Finding(
            "The database role is a superuser and could change the ledger. Use one limited by flask confine.",
            is_fault=False,
        )
    if not shutil.which("pg_dump"):
        yield Finding("pg_dump is not installed, so no backup can be made on this host.", is_fault=False)
    db.session.rollback()


def examine_schema() -> Iterator[Finding]:
    """Examine whether the schema is older or newer than the code.

    A newer one is no fault: during an upgrade the previous release serves beside it (docs/operations.md, Upgrades).
    """
    stored, known = read_migrations(), list_known_migrations()
    if newer := stored - known:
        sentence = f"The database's schema is newer than this code ({', '.join(sorted(newer))}). Update the code."
        yield Finding(sentence, is_fault=False)
    elif list(find_other_migration()):
        at = ", ".join(sorted(stored)) or "empty"
        yield Finding(f"The database's schema is older than this code ({at}). Run flask db upgrade.")


def examine_hosts(settings: Settings) -> Iterator[Finding]:
    """Examine whether the engines fit together where several hosts serve."""
    is_sqlite = make_url(settings.database_url).get_backend_name() == "sqlite"
    has_bucket = isinstance(settings.storage, S3Location)
    if is_sqlite and has_bucket and settings.redis_url:
        yield Finding("DATABASE_URL is SQLite's, which only one host can use. Several hosts need PostgreSQL.")
    if has_bucket and not settings.redis_url:
        yield Finding("REDIS_URL is not set, so only one host may serve.", is_fault=False)
    if settings.redis_url and not has_bucket and not is_sqlite:
        yield Finding("STORAGE_URL names no bucket, so only one host may serve.", is_fault=False)


def examine_redis(_settings: Settings) -> Iterator[Finding]:
    """Examine whether Redis can be reached."""
    redis = find_redis()
    if redis is None:
        return
    try:
        with naming_faults():
            redis.ping()
    except ConnectionError as error:
        yield Finding(f"{error}.")


def examine_storage(_settings: Settings) -> Iterator[Finding]:
    """Examine whether files can be kept."""
    yield from (Finding(fault) for fault in file_store.get_store().find_faults())


def examine_access_to_storage(_settings: Settings) -> Iterator[Finding]:
    """Examine whether the file store answers, without writing to it."""
    try:
        file_store.exists("0" * 64)
    except OSError as error:
        yield Finding(f"The file store cannot be used: {type(error).__name__}.")


def examine_private_files(settings: Settings) -> Iterator[Finding]:
    """Examine what other accounts of the machine can open."""
    for path in list_exposed_paths(settings):
        yield Finding(f"Other accounts of this machine can open {path}. Run chmod go= {path}.")
    for path in sorted(settings.keys_path.glob("*.key")):
        if _is_open_to_others(path):
            yield Finding(f"Other accounts of this machine can open the key {path.name}. Run chmod 400 {path}.")


def examine_signing_key(settings: Settings) -> Iterator[Finding]:
    """Examine whether this host can sign."""
    key = keys.find_current_key()
    db.session.rollback()
    if key is None:
        yield Finding("There is no signing key. Run flask keys make.")
    elif not keys.has_private_key(key.name):
        yield Finding(
            f"The key {key.name} is not in KEYS_PATH, so this host writes no checkpoints and issues no forms.",
            is_fault=not settings.redis_url,
        )


def examine_clock(settings: Settings) -> Iterator[Finding]:
    """Examine whether the clock agrees with the ledger and with the database's server."""
    moment, last = clock.now(), events.find_last_time()
    if last and moment < last - events.MAX_CLOCK_DIFFERENCE:
        yield Finding("The clock is behind the last event, so nobody can sign in. Correct it; see flask clock.")
    if make_url(settings.database_url).get_backend_name() == "postgresql":
        there = db.session.scalar(select(func.clock_timestamp()))
        if there and abs(clock.now() - there) > MAX_CLOCK_DIFFERENCE:
            yield Finding("The clock differs from the database server's by more than 5 seconds.")
    db.session.rollback()


def examine_restore(_settings: Settings) -> Iterator[Finding]:
    """Examine whether changes are refused because of a restore."""
    if read_only.is_read_only():
        yield Finding("A restore waits to be accepted, so nothing can be changed.", is_fault=False)


def examine_worker(_settings: Settings) -> Iterator[Finding]:
    """Examine whether a worker runs on any host."""
    if not jobs.get_jobs().has_worker():
        yield Finding("No worker runs. Start flask jobs.", is_fault=False)


def _is_open_to_others(path: Path) -> bool:
    return bool(path.stat().st_mode & OTHERS)


PROBED = (examine_database, examine_redis, examine_access_to_storage, examine_clock)
"""What a balancer's probe asks for: whether requests can be answered now."""
ALL = (
    examine_settings,
    examine_database,
    examine_hosts,
    examine_redis,
    examine_storage,
    examine_private_files,
    examine_signing_key,
    examine_clock,
    examine_restore,
    examine_worker,
)


def get_settings() -> Settings:
    """Return the installation's settings."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings
