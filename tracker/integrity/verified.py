"""Signed results of checks without a fault, from which a later check can continue.

They are files beside the checkpoints, signed with the installation's key and bound to a checkpoint. So somebody who
can write only to the database cannot forge one (docs/integrity.md, Checks since the last one).
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import current_app

from tracker.clock import now
from tracker.integrity.invariants import Check
from tracker.integrity.ledger_snapshot import LedgerSnapshot
from tracker.ledger import canonical_json as canonical_json_module
from tracker.ledger import keys
from tracker.ledger.canonical_json import canonical_json, sha256
from tracker.ledger.checkpoints import Checkpoint

DOMAIN = b"tracker.verified.v1\0"
CHECKS_DOMAIN = "tracker.checks.v1"
LAST = "verified.json"
"""The file of the last complete check."""
UNFINISHED = "verify-progress.json"
"""The file of a check that has not ended yet, or was interrupted."""
MAX_SIZE = 10_000
"""The size in bytes from which such a file is not read; one has some 700."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verified:
    """What a check without a fault covered."""

    size: int
    """The length of the ledger of its checkpoint: events up to it were checked with all that they name."""
    checkpoint: str
    """The hash of that checkpoint."""
    until: int | None
    """The records of people with ids up to this were checked; None for everybody."""
    whole_at: str
    """When the last check of everybody began."""
    checks: str
    """The hash of the checks that ran (`hash_checks`)."""
    key: str = ""
    signature: str = ""

    @property
    def began_at(self) -> datetime:
        """Return when the last check of everybody began."""
        return datetime.fromisoformat(self.whole_at)

    @property
    def body(self) -> bytes:
        """Return the bytes that are signed."""
        return DOMAIN + canonical_json({**asdict(self), "signature": ""})


def find_verified(name: str, ledger: LedgerSnapshot, checks: Iterable[Check]) -> Verified | None:
    """Return what a file says was checked, or None if it is missing, or is not to be trusted for these checks.

    It is trusted if a trusted key signed it, the file of checkpoints has its checkpoint, and the ledger agrees with
    that.
    """
    verified = read_verified(name)
    if verified is None:
        return None
    key = ledger.trusted_keys.get(verified.key)
    checkpoint = next((each for _, each in ledger.checkpoints if each and each.hash == verified.checkpoint), None)
    is_true = (
        key is not None
        and keys.is_signed(key.public_key, verified.signature, verified.body)
        and verified.checks == hash_checks(checks)
        and checkpoint is not None
        and checkpoint.size == verified.size
        and ledger.find_hash(checkpoint.size) == checkpoint.head
    )
    return verified if is_true else None


def read_verified(name: str) -> Verified | None:
    """Return what a file says was checked, without checking its signature; None if it cannot be read."""
    try:
        text = _get_path(name).read_bytes()
        verified = Verified(**json.loads(text if len(text) < MAX_SIZE else b""))
        is_readable = verified.body and verified.began_at.tzinfo is not None
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return verified if is_readable else None


def build_verified(ledger: LedgerSnapshot, checks: Iterable[Check]) -> Verified | None:
    """Return what a check of the ledger covers if it ends without a fault; None where no checkpoint can be named."""
    newest = _find_newest(ledger)
    moment = now().isoformat(timespec="seconds")
    return Verified(newest.size, newest.hash, None, moment, hash_checks(checks)) if newest else None


def save_verified(name: str, verified: Verified) -> bool:
    """Sign what was checked and write the file. Return whether this host has the key, and could write it."""
    key = keys.find_current_key()
    if key is None or not keys.has_private_key(key.name):
        return False
    try:
        _write(name, verified, key.name)
    except OSError:
        logger.exception("What was checked could not be saved; the next check reads everything")
        return False
    return True


def remove_verified(name: str) -> None:
    """Delete the file of a result, if there is one."""
    with suppress(OSError):
        _get_path(name).unlink()


def hash_checks(checks: Iterable[Check]) -> str:
    """Return a hash of the names of checks and of the code in this package and in `tracker/ledger`.

    A result of other checks, or of another release of them, is not relied on.
    """
    names: list[Any] = sorted([check.number, check.name] for check in checks)
    return sha256(CHECKS_DOMAIN, canonical_json([_hash_code(), names]))


@cache
def _hash_code() -> str:
    packages = [Path(__file__).parent, Path(canonical_json_module.__file__).parent]
    files = [path for package in packages for path in sorted(package.glob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _write(name: str, verified: Verified, key_name: str) -> None:
    unsigned = replace(verified, key=key_name, signature="")
    content = asdict(replace(unsigned, signature=keys.sign(key_name, unsigned.body)))
    path = _get_path(name)
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _find_newest(ledger: LedgerSnapshot) -> Checkpoint | None:
    """Return the newest checkpoint with which the ledger agrees."""
    for _, checkpoint in reversed(ledger.checkpoints):
        if checkpoint and checkpoint.size > 0 and ledger.find_hash(checkpoint.size) == checkpoint.head:
            return checkpoint
    return None


def _get_path(name: str) -> Path:
    folder: Path = current_app.config["CHECKPOINTS_PATH"]
    return folder / name
