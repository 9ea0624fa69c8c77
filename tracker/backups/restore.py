"""Restoring a backup: its checks, the comparison with checkpoints outside it, and the operator's acceptance."""

from dataclasses import dataclass
from pathlib import Path

from tracker.accounts.sessions import end_every_session
from tracker.backups import databases
from tracker.backups.manifests import Manifest, find_faults, get_file_path, read_manifest
from tracker.clock import now
from tracker.errors import Refused
from tracker.extensions import db
from tracker.ledger import checkpoints, events, keys, read_only
from tracker.ledger.events import OPERATOR, format_time, record
from tracker.ledger.transactions import transaction, writing
from tracker.ledger.trust_anchor import TrustAnchor, compute_fingerprint, load_key_checks
from tracker.storage import file_store


@dataclass(frozen=True)
class RestoreResult:
    """The manifest of a restored backup, and how far the newest checkpoint outside it reaches."""

    manifest: Manifest
    checkpoint_size: int
    """The number of events in the newest checkpoint outside the backup; 0 if there is none."""
    is_trusted: bool
    """Whether something outside the backup vouches for the key that signed the manifest."""

    @property
    def missing(self) -> int:
        """Return how many events are known to be missing from the backup."""
        return max(0, self.checkpoint_size - self.manifest.size)


def restore_backup(folder: Path, anchor: TrustAnchor) -> RestoreResult:
    """Restore a backup into an empty installation.

    A backup whose key nothing vouches for is restored to be inspected only: `accept_restore` refuses it.

    Args:
        folder: the folder of the backup.
        anchor: the keys that are trusted.

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
    public_key = anchor.public_keys.get(manifest.key)
    if public_key and not keys.is_signed(public_key, signature, manifest.body):
        raise Refused("The backup’s manifest was changed after it was signed. Nothing was restored.")
    checkpoint_size = max(
        (checkpoint.size for _, checkpoint in checkpoints.read_checkpoints() if checkpoint), default=0
    )
    _write_marker(manifest, checkpoint_size, None)  # first, so that the restored database is read-only from the start
    for sha256 in manifest.files:
        with get_file_path(folder, sha256).open("rb") as stream:
            file_store.save(stream)
    databases.restore_database(folder / manifest.database)
    fingerprint = _find_signer(manifest, signature)
    with writing():
        checkpoints.copy_to_database()  # those written after the backup about events that are in it
        db.session.commit()
    _write_marker(manifest, checkpoint_size, fingerprint)
    trusted = _list_trusted_fingerprints(anchor)
    return RestoreResult(manifest, checkpoint_size, is_trusted=fingerprint in trusted)


def accept_restore(anchor: TrustAnchor) -> int:
    """Accept the restore, which ends read-only mode, and return how many events are known to be missing.

    Every session ends: those that were ended after the backup are open again in it, and no event tells of those that
    began while it was inspected.

    Args:
        anchor: the keys that are trusted.

    Raises:
        Refused: there is no restore to accept, no signing key, or nothing outside the backup vouches for the key that
            signed the backup's manifest.
    """
    marker = read_only.read_marker()
    if marker is None and read_only.is_read_only():
        raise Refused("The restore was made on another host. Nothing was changed. Accept it there.")
    if marker is None:
        raise Refused("There is no restore to accept. Nothing was changed.")
    if marker.get("signed_by") not in _list_trusted_fingerprints(anchor):
        raise Refused(
            "Nothing outside the backup vouches for the key that signed its manifest. Nothing was accepted, and the "
            f"installation stays read-only. The key is not {anchor.place}. If you know it to be genuine, put its "
            "file NAME.pub into KEYS_PATH, or name its fingerprint: flask restore --accept --fingerprint DIGITS"
        )
    if events.get_head() != (marker["size"], marker["head"]):
        raise Refused(
            "The database is no longer the one that was restored: its ledger differs. Nothing was accepted. Restore "
            "the backup again into an empty database."
        )
    key = keys.find_current_key()
    if key is None:
        raise Refused("The restored database has no signing key. Nothing was changed. To make one: flask keys make")
    accepted_at = format_time(now())
    body = read_only.build_acceptance_statement(
        marker["size"], marker["head"], marker["checkpoint_size"], accepted_at
    )
    signed = keys.sign(key.name, body)
    with read_only.accepting(), transaction():
        end_every_session()
        record(
            "restore_accepted",
            key,
            OPERATOR,
            size=marker["size"],
            head=marker["head"],
            checkpoint_size=marker["checkpoint_size"],
            accepted_at=accepted_at,
            key=key.name,
            signed=signed,
        )
    read_only.remove_marker()
    checkpoints.write_due(at_once=True)
    return max(0, int(marker["checkpoint_size"]) - int(marker["size"]))


def _write_marker(manifest: Manifest, checkpoint_size: int, signed_by: str | None) -> None:
    """Write the marker of a restored installation; `signed_by` is the fingerprint of the key that signed the list."""
    content = {
        "made_at": manifest.made_at,
        "size": manifest.size,
        "head": manifest.head,
        "checkpoint_size": checkpoint_size,
        "signed_by": signed_by,
    }
    read_only.write_marker(content)


def _find_signer(manifest: Manifest, signature: str) -> str:
    """Return the fingerprint of the key in the restored database that signed the manifest.

    Raises:
        Refused: none did.
    """
    key = {key.name: key for key in keys.list_keys()}.get(manifest.key)
    db.session.rollback()
    if key is None or not keys.is_signed(key.public_key, signature, manifest.body):
        raise Refused(
            "The backup’s manifest is not signed by a key of the installation that it comes from. The backup was "
            "restored so that you can inspect it. It stays read-only and cannot be accepted."
        )
    return compute_fingerprint(key.public_key)


def _list_trusted_fingerprints(anchor: TrustAnchor) -> set[str]:
    """Return the fingerprints of the keys in the database that something outside it vouches for."""
    trusted = {compute_fingerprint(each.key.public_key) for each in load_key_checks(anchor) if each.is_trusted}
    db.session.rollback()
    return trusted
