"""Restore of a backup: checked, compared with checkpoints outside it, and read-only until a person accepts."""

import json
from dataclasses import dataclass
from pathlib import Path

from tracker.backups import databases
from tracker.backups.manifests import Manifest, file_path, find_faults, read_manifest
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import checkpoints, keys, read_only
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.storage import file_store


@dataclass(frozen=True)
class Restored:
    """The manifest of a restored backup, and how far the newest checkpoint outside it reaches."""

    manifest: Manifest
    told_to: int
    """How many events the newest checkpoint kept outside tells of; 0 where there is none."""
    is_signed: bool
    """By a key whose public half lies outside the backup."""

    @property
    def missing(self) -> int:
        """Return how many events are known to be missing from the backup."""
        return max(0, self.told_to - self.manifest.size)


def restore_backup(folder: Path) -> Restored:
    """Put a backup back into an installation that holds nothing.

    Raises `Refused` where anything was done there already, or where the backup is not as it was made.
    """
    manifest, signature = read_manifest(folder)
    if read_only.is_read_only():
        raise Refused(
            "An earlier restore is not accepted yet. Nothing was restored. To accept it: flask restore --accept"
        )
    if databases.has_records():
        raise Refused(
            "The database is not empty, and a restore does not overwrite records. Nothing was restored. Set "
            "DATABASE_URL or INSTANCE_PATH to an empty database, or move the old one away."
        )
    faults = list(find_faults(folder, manifest))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise Refused(
            f"The backup was changed or is damaged: {faults[0]}{more}. Nothing was restored. Use another backup."
        )
    public = _public_key_outside(manifest.key)
    if public and not keys.is_signed(public, signature, manifest.body):
        raise Refused("The backup’s manifest was changed after it was signed. Nothing was restored.")
    told_to = max((each.size for _, each in checkpoints.read_lines() if each), default=0)
    _mark(manifest, told_to)  # first: nobody writes into it from the moment it is there
    for sha256 in manifest.files:
        with file_path(folder, sha256).open("rb") as stream:
            file_store.save(stream)
    databases.restore_database(folder / manifest.database)
    _check_inside(manifest, signature)
    return Restored(manifest, told_to, is_signed=public is not None)


def accept_restore() -> int:
    """Open the installation again. Return how many events are known to be missing; the event records them."""
    mark = read_only.read_mark()
    if mark is None:
        raise Refused("There is no restore to accept. Nothing was changed.")
    key = keys.find_current_key()
    if key is None:
        raise Refused("The restored database has no signing key. Nothing was changed. To make one: flask keys make")
    body = read_only.build_acceptance(mark["size"], mark["head"], mark["told_to"])
    signed = keys.sign(key.name, body)
    with read_only.accepting(), transaction():
        record(
            "restore_accepted", key, OPERATOR, size=mark["size"], head=mark["head"], told_to=mark["told_to"],
            key=key.name, signed=signed,
        )  # fmt: skip
    read_only.get_mark_path().unlink()
    checkpoints.write_due(at_once=True)
    return max(0, int(mark["told_to"]) - int(mark["size"]))


def _mark(manifest: Manifest, told_to: int) -> None:
    mark = {"made_at": manifest.made_at, "size": manifest.size, "head": manifest.head, "told_to": told_to}
    read_only.get_mark_path().parent.mkdir(parents=True, exist_ok=True)
    read_only.get_mark_path().write_text(json.dumps(mark), encoding="ascii")


def _check_inside(manifest: Manifest, signature: str) -> None:
    """Check the manifest's signature by the key in the restored database, where no other public key is known."""
    found = {each.name: each for each in keys.list_keys()}.get(manifest.key)
    db.session.rollback()
    if found is None or not keys.is_signed(found.public_key, signature, manifest.body):
        raise Refused(
            "The backup’s manifest is not signed by a key of the installation that it comes from. The backup was "
            "restored so that you can inspect it. It stays read-only."
        )


def _public_key_outside(name: str) -> str | None:
    """Return the public key in hex from the folder of keys, which is in no backup."""
    found = keys.read_public(name)
    return found.public_bytes_raw().hex() if found else None
