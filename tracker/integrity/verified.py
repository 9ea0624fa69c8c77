"""Signed results of checks without a fault, from which a later check can continue.

They are files beside the checkpoints, signed with the installation's key and bound to a checkpoint. So somebody who
can write only to the database cannot forge one (docs/integrity.md, Checks since the last one).
"""

import hashlib
import json
import logging
import os
import stat
import tempfile
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
    def has_types(self) -> bool:
        """Return whether each value is of the type that it is declared with."""
        texts = (self.checkpoint, self.whole_at, self.checks, self.key, self.signature)
        numbers = (self.size, 0 if self.until is None else self.until)
        return all(type(each) is str for each in texts) and all(type(each) is int for each in numbers)

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
    if verified is None or (verified.until is not None) != (name == UNFINISHED):
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
        verified = Verified(**json.loads(_read_file(_get_path(name))))
        is_readable = verified.has_types and verified.body and verified.began_at.tzinfo is not None
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return verified if is_readable else None


def _read_file(path: Path) -> bytes:
    """Return the beginning of a regular file; of a longer one the rest is missing, so that it cannot be parsed."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError(f"{path} is no file")
        return file.read(MAX_SIZE)


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
    """Return a hash of the names of checks and of the product's code.

    A result of other checks, or of another release, is not relied on.
    """
    names: list[Any] = sorted([check.number, check.name] for check in checks)
    return sha256(CHECKS_DOMAIN, canonical_json([_hash_code(), names]))


@cache
def _hash_code() -> str:
    """Return a hash of all code of the product: checks ask rules of many packages."""
    files = sorted(Path(__file__).parent.parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _write(name: str, verified: Verified, key_name: str) -> None:
    unsigned = replace(verified, key=key_name, signature="")
    content = asdict(replace(unsigned, signature=keys.sign(key_name, unsigned.body)))
    path = _get_path(name)
    number, partial = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}-", suffix=".partial")
    with os.fdopen(number, "w") as file:
        json.dump(content, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    Path(partial).rename(path)


def _find_newest(ledger: LedgerSnapshot) -> Checkpoint | None:
    """Return the newest checkpoint with which the ledger agrees."""
    for _, checkpoint in reversed(ledger.checkpoints):
        if checkpoint and checkpoint.size > 0 and ledger.find_hash(checkpoint.size) == checkpoint.head:
            return checkpoint
    return None


def _get_path(name: str) -> Path:
    folder: Path = current_app.config["CHECKPOINTS_PATH"]
    return folder / name
