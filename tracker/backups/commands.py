"""`flask backup`, `flask restore`, and `flask storage` with `check`, `copy` and `recount`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup, with_appcontext

from tracker.ledger.anchor_options import anchor_options
from tracker.web.formatting import counted

if TYPE_CHECKING:
    from tracker.ledger.trust_anchor import TrustAnchor

storage_cli = AppGroup("storage", help="Check the stored files against the database, copy and count them.")


@click.command("backup")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@with_appcontext
def backup(folder: Path) -> None:
    """Back up the database and its files into a new folder inside FOLDER. The server can keep running."""
    from tracker import security_log
    from tracker.backups.backup import make_backup
    from tracker.backups.manifests import read_manifest
    from tracker.errors import TrackerError

    try:
        path = make_backup(folder)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"No backup was made: {error.strerror or error}.") from error
    manifest, _ = read_manifest(path)
    security_log.write("backup_made", events=manifest.size)
    contents = f"{counted(manifest.size, 'event')} and {counted(len(manifest.files), 'file')}"
    click.echo(f"{path}: {contents}. The backup does not include the keys.")


@click.command("restore")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--accept", is_flag=True, help="Accept the restored installation, even if events are missing.")
@anchor_options
@with_appcontext
def restore(folder: Path | None, accept: bool, folder_of_keys: Path | None, fingerprints: tuple[str, ...]) -> None:
    """Restore a backup into an empty installation, check it and list missing events.

    The installation stays read-only until `flask restore --accept`. Exit with 1 if a check or the restore fails.
    """
    from tracker import security_log
    from tracker.backups.restore import accept_restore, restore_backup
    from tracker.errors import TrackerError
    from tracker.ledger.trust_anchor import load_anchor

    if accept == bool(folder):
        raise click.ClickException("Name the folder of a backup, or use --accept.")
    try:
        anchor = load_anchor(folder_of_keys, fingerprints)
        if accept:
            missing = accept_restore(anchor)
            click.echo(
                f"Accepted, without {missing} events." if missing else "Accepted. No event is known to be missing."
            )
            return
        assert folder  # noqa: S101 - one of the two was named
        restored = restore_backup(folder, anchor)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"The backup could not be restored: {error.strerror or error}.") from error
    security_log.write("backup_restored", events=restored.manifest.size, missing=restored.missing)
    click.echo(
        f"Restored {counted(restored.manifest.size, 'event')} and {counted(len(restored.manifest.files), 'file')}."
    )
    if not restored.is_trusted:
        click.echo(
            f"Nothing outside the backup vouches for the key {restored.manifest.key} that signed it: it is not "
            f"{anchor.place}. The backup can be inspected, and not accepted."
        )
    if restored.missing:
        first, last = restored.manifest.size + 1, restored.checkpoint_size
        click.echo(
            f"Missing: events {first} to {last}. A checkpoint "
            "outside the backup shows that they were recorded after it."
        )
    click.echo("The installation is read-only. Inspect it, then accept it: flask restore --accept")
    _verify(restored.missing, anchor)


def _verify(missing: int, anchor: "TrustAnchor") -> None:
    from tracker.integrity.verify import run_all_checks

    failed = [
        result for result in run_all_checks(anchor) if not result.holds and not (missing and result.check.number == 2)
    ]
    for result in failed:
        click.echo(f"✗ {result.check.number} {result.check.name}\n     {result.first}")
    click.echo(f"{len(failed)} checks failed." if failed else "All checks passed.")
    sys.exit(1 if failed else 0)


@storage_cli.command("check")
@click.option(
    "--repair", is_flag=True, help="Move files that no row refers to into another folder. Nothing is deleted."
)
def check_storage(repair: bool) -> None:
    """List rows without their file and files without a row. Exit with 1 if any are left."""
    from tracker.storage.reconciliation import describe_orphan, list_missing_files, list_orphan_files, move_orphan

    missing, orphans = list(list_missing_files()), list(list_orphan_files())
    for sentence in missing:
        click.echo(f"✗ {sentence}")
    for entry in orphans:
        click.echo(f"moved to: {move_orphan(entry)}" if repair else f"no row refers to: {describe_orphan(entry)}")
    if not missing and not orphans:
        click.echo("Every row has its file, and every file has its row.")
    sys.exit(1 if missing or (orphans and not repair) else 0)


@storage_cli.command("copy")
@click.argument("target")
def copy_storage(target: str) -> None:
    """Copy all stored files to TARGET: a folder, or a bucket as in STORAGE_URL. Nothing is deleted.

    The server can keep running. What it stores meanwhile is copied by the next run, which leaves out what is there.
    Exit with 1 if a file could not be copied.
    """
    from tracker.config import parse_storage_url
    from tracker.errors import TrackerError
    from tracker.storage.copying import CopyOutcome, copy_files

    counts = dict.fromkeys(CopyOutcome, 0)
    try:
        for copied in copy_files(parse_storage_url(target)):
            counts[copied.outcome] += 1
            if copied.fault:
                click.echo(f"✗ {copied.fault}")
    except (TrackerError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"The files could not be copied: {error.strerror or error}. Copied before that: "
            f"{counts[CopyOutcome.COPIED]}. Run the command again to continue."
        ) from error
    figures = ", ".join(f"{number} {outcome.value}" for outcome, number in counts.items() if number)
    click.echo(f"Files: {figures or 'none'}.")
    sys.exit(1 if counts[CopyOutcome.FAULTY] else 0)


@storage_cli.command("recount")
def recount_storage() -> None:
    """Count the bytes of each candidate and centre again, and correct the counters that differ."""
    from tracker.extensions import db
    from tracker.ledger.transactions import transaction
    from tracker.portfolio.storage_counters import recount

    with transaction():
        corrected = recount(db.session.connection())
    click.echo(f"{counted(corrected, 'counter')} corrected." if corrected else "Every counter is right.")
