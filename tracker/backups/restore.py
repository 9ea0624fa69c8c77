"""Restoring a backup: its checks, the comparison with checkpoints outside it, and the operator's acceptance."""

import json
from dataclasses import dataclass
from pathlib import Path

from tracker.backups import databases
from tracker.backups.manifests import Manifest, find_faults, get_file_path, read_manifest
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import checkpoints, keys, read_only
from tracker.ledger.events import OPERATOR, record
from tracker.ledger.transactions import transaction
from tracker.storage import file_store


@dataclass(frozen=True)
class RestoreResult:
    """The manifest of a restored backup, and how far the newest checkpoint outside it reaches."""

    manifest: Manifest
    checkpoint_size: int
    """The number of events in the newest checkpoint outside the backup; 0 if there is none."""
    is_signed: bool
    """Whether the signature was checked with a public key from outside the backup."""

    @property
    def missing(self) -> int:
        """Return how many events are known to be missing from the backup."""
        return max(0, self.checkpoint_size - self.manifest.size)


def restore_backup(folder: Path) -> RestoreResult:
    """Restore a backup into an empty installation.

    Raises:
        Refused: the installation is not empty, or the backup was changed or is damaged.
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
    public_key = _find_external_public_key(manifest.key)
    if public_key and not keys.is_signed(public_key, signature, manifest.body):
        raise Refused("The backup’s manifest was changed after it was signed. Nothing was restored.")
    checkpoint_size = max(
        (checkpoint.size for _, checkpoint in checkpoints.read_checkpoints() if checkpoint), default=0
    )
    _write_marker(manifest, checkpoint_size)  # first, so that the restored database is read-only from the start
    for sha256 in manifest.files:
        with get_file_path(folder, sha256).open("rb") as stream:
            file_store.save(stream)
    databases.restore_database(folder / manifest.database)
    _check_manifest_signature(manifest, signature)
    return RestoreResult(manifest, checkpoint_size, is_signed=public_key is not None)


def accept_restore() -> int:
    """Accept the restore, which ends read-only mode, and return how many events are known to be missing.

    Raises:
        Refused: there is no restore to accept, or no signing key.
    """
    marker = read_only.read_marker()
    if marker is None:
        raise Refused("There is no restore to accept. Nothing was changed.")
    key = keys.find_current_key()
    if key is None:
        raise Refused("The restored database has no signing key. Nothing was changed. To make one: flask keys make")
    body = read_only.build_acceptance_statement(marker["size"], marker["head"], marker["checkpoint_size"])
    signed = keys.sign(key.name, body)
    with read_only.accepting(), transaction():
        record(
            "restore_accepted",
            key,
            OPERATOR,
            size=marker["size"],
            head=marker["head"],
            checkpoint_size=marker["checkpoint_size"],
            key=key.name,
            signed=signed,
        )
    read_only.get_marker_path().unlink()
    checkpoints.write_due(at_once=True)
    return max(0, int(marker["checkpoint_size"]) - int(marker["size"]))


def _write_marker(manifest: Manifest, checkpoint_size: int) -> None:
    content = {
        "made_at": manifest.made_at,
        "size": manifest.size,
        "head": manifest.head,
        "checkpoint_size": checkpoint_size,
    }
    read_only.get_marker_path().parent.mkdir(parents=True, exist_ok=True)
    read_only.get_marker_path().write_text(json.dumps(content), encoding="ascii")


def _check_manifest_signature(manifest: Manifest, signature: str) -> None:
    """Check the manifest's signature by the key in the restored database, where no other public key is known."""
    key = {key.name: key for key in keys.list_keys()}.get(manifest.key)
    db.session.rollback()
    if key is None or not keys.is_signed(key.public_key, signature, manifest.body):
        raise Refused(
            "The backup’s manifest is not signed by a key of the installation that it comes from. The backup was "
            "restored so that you can inspect it. It stays read-only."
        )


def _find_external_public_key(name: str) -> str | None:
    """Return the public key in hex from the folder of keys, which is in no backup."""
    public_key = keys.read_public(name)
    return public_key.public_bytes_raw().hex() if public_key else None
