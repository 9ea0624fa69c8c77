"""The trust anchor: public keys from outside the database (docs/integrity.md, Trust anchor).

Whoever can write to the database can add a key of their own and sign with it. So a key counts only if its file is
outside the database, or its fingerprint is pinned, or an earlier key that counts vouched for it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import current_app
from sqlalchemy import select

from tracker.config import parse_fingerprint
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import keys
from tracker.models import Event, SigningKey

MAX_FILE_SIZE = 10_000
"""Bytes that are read of a file with a public key, which has some 110."""


@dataclass(frozen=True)
class TrustAnchor:
    """The keys that count without another key's word, and what is wrong with the files they are read from."""

    place: str
    """Where its keys are, as a fault says it: `in /srv/tracker/keys`."""
    fingerprints: frozenset[str]
    """The fingerprints of the keys that count."""
    public_keys: Mapping[str, str] = field(default_factory=dict)
    """The public keys in the folder, in hex, by name."""
    faults: tuple[str, ...] = ()
    """A sentence for each file that does not hold the public key it is named after."""
    needs_every_file: bool = False
    """Whether each key in the database must have its file, as in the installation's own folder."""


@dataclass(frozen=True)
class KeyCheck:
    """A key in the database, and what is wrong with it."""

    key: SigningKey
    is_trusted: bool
    faults: tuple[str, ...]


def load_anchor(folder: Path | None = None, fingerprints: Iterable[str] = ()) -> TrustAnchor:
    """Return the trust anchor: the one that is named, or else that of the settings.

    Args:
        folder: the folder with files `NAME.pub`; by default `KEYS_PATH`.
        fingerprints: those of the keys that count, instead of all in the folder; by default `KEY_FINGERPRINTS`.

    Raises:
        Refused: a fingerprint is not 64 hexadecimal digits.
    """
    is_own = folder is None and not fingerprints
    if is_own:
        folder, fingerprints = current_app.config["KEYS_PATH"], current_app.config["SETTINGS"].key_fingerprints
    try:
        pinned = frozenset(parse_fingerprint(each) for each in fingerprints)
    except ValueError as error:
        raise Refused(str(error)) from error
    public_keys, faults = _read_folder(folder) if folder else ({}, ())
    in_folder = frozenset(compute_fingerprint(each) for each in public_keys.values())
    return TrustAnchor(
        place="among the fingerprints given" if pinned else f"in {folder}",
        fingerprints=pinned or in_folder,
        public_keys=public_keys,
        faults=faults,
        needs_every_file=is_own,
    )


def compute_fingerprint(public_key: str) -> str:
    """Return the fingerprint of a public key, both in hex: the SHA-256 of its 32 bytes. A name is its beginning."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()


def check_keys(
    rows: Iterable[SigningKey], statements: Mapping[int, Mapping[str, Any]], anchor: TrustAnchor
) -> Iterator[KeyCheck]:
    """Yield each key in the database, the oldest first, and whether it counts.

    A key counts if it signed its own event, which binds its certificate too, and either the anchor has it or the key
    before it counts and vouched for it.

    Args:
        rows: the keys in the database, the oldest first.
        statements: the data of the event that made each key, by the key's id.
        anchor: the keys that count without another key's word.
    """
    last: SigningKey | None = None
    is_last_trusted = False
    for key in rows:
        data = statements.get(key.id, {})
        body = keys.build_succession_statement(key, last)
        faults = []
        if not _has_own_name(key):
            faults.append(f"key {key.name} is not named after its public key")
        if not keys.is_signed(key.public_key, str(data.get("signed")), body):
            faults.append(f"key {key.name} did not sign the event that made it")
        is_signed_for = not faults
        is_vouched_for = last is not None and keys.is_signed(last.public_key, str(data.get("vouched")), body)
        if last and not is_vouched_for:
            faults.append(f"key {key.name} was not vouched for by {last.name}, which it follows")
        is_known = _has_own_name(key) and compute_fingerprint(key.public_key) in anchor.fingerprints
        has_trust = is_known or (is_vouched_for and is_last_trusted)
        if not has_trust:
            faults.append(f"nothing outside the database vouches for key {key.name}: it is not {anchor.place}")
        elif anchor.needs_every_file and key.name not in anchor.public_keys:
            faults.append(f"the file {key.name}.pub of a key in the database is missing")
        last, is_last_trusted = key, has_trust and is_signed_for
        yield KeyCheck(key, is_last_trusted, tuple(faults))


def load_key_checks(anchor: TrustAnchor) -> list[KeyCheck]:
    """Return the check of each key in the database, the oldest first."""
    query = (
        select(Event.object_id, Event.body)
        .where(Event.object_type == SigningKey.__tablename__, Event.act == "key_made")
        .order_by(Event.seq)
    )
    statements = {key_id: json.loads(body)["data"] for key_id, body in db.session.execute(query)}
    return list(check_keys(keys.list_keys(), statements, anchor))


def _has_own_name(key: SigningKey) -> bool:
    try:
        return compute_fingerprint(key.public_key).startswith(key.name) and len(key.name) == keys.NAME_LENGTH
    except ValueError:
        return False


def _read_folder(folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the public keys in a folder by name, and a sentence for each file `NAME.pub` that is not one."""
    public_keys, faults = {}, []
    for path in sorted(folder.glob("*.pub")):
        try:
            with path.open("rb") as file:
                public_key = load_pem_public_key(file.read(MAX_FILE_SIZE))
        except (OSError, ValueError, UnsupportedAlgorithm):
            faults.append(f"the file {path.name} cannot be read as a public key")
            continue
        if isinstance(public_key, Ed25519PublicKey) and keys.compute_key_name(public_key) == path.stem:
            public_keys[path.stem] = public_key.public_bytes_raw().hex()
        else:
            faults.append(f"the file {path.name} holds another key than the one it is named after")
    return public_keys, tuple(faults)
