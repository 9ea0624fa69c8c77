"""What the clients of a load were told is saved, compared with the database and the bucket."""

import hashlib
from collections.abc import Iterator
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from tests.hosts.host_processes import connect_to_store
from tests.hosts.load_clients import Load
from tracker.config import S3Location, parse_storage_url

Rows = list[tuple[Any, ...]]


def find_lost(load: Load, database_url: str, storage_url: str) -> Iterator[str]:
    """Yield each acknowledged tick and file that is not stored as it was sent, and each file stored twice."""
    plain = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        drafts = list({item for _, item, _ in load.ticks} | {item for item, _ in load.files.values()})
        claims = connection.execute(
            "SELECT attempt_id, evidence_id, criterion_id FROM claim WHERE removed_at IS NULL AND evidence_id = ANY(%s)",
            [drafts],
        ).fetchall()
        attachments = connection.execute(
            "SELECT id, evidence_id, sha256 FROM attachment WHERE evidence_id = ANY(%s)", [drafts]
        ).fetchall()
    yield from _find_lost_ticks(load, claims)
    yield from _find_lost_files(load, attachments)
    yield from _find_lost_bytes(load, parse_storage_url(storage_url))


def _find_lost_ticks(load: Load, claims: Rows) -> Iterator[str]:
    stored = set(claims)
    yield from (f"the tick {cell} is not {on}" for cell, on in load.ticks.items() if (cell in stored) is not on)


def _find_lost_files(load: Load, attachments: Rows) -> Iterator[str]:
    stored = {key: (item, sha256) for key, item, sha256 in attachments}
    yield from (f"the file {key}" for key, value in load.files.items() if stored.get(key) != value)
    if len(set(stored.values())) < len(stored):
        yield "a file is attached twice"


def _find_lost_bytes(load: Load, location: Any) -> Iterator[str]:
    assert isinstance(location, S3Location)
    store = connect_to_store(location.endpoint)
    stored: dict[str, str] = {}
    for page in store.get_paginator("list_objects_v2").paginate(Bucket=location.bucket):
        for entry in page.get("Contents", ()):
            stored[entry["Key"].rpartition("/")[2]] = entry["Key"]
    for key, (_, sha256) in load.files.items():
        name = stored.get(sha256)
        content = store.get_object(Bucket=location.bucket, Key=name)["Body"].read() if name else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            yield f"the bytes of file {key}"
