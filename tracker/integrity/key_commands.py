"""Commands `flask keys`, for the signing keys, `flask checkpoints`, and `flask clock`, for a clock that was wrong."""

import sys
from datetime import timedelta
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext

from tracker.ledger.anchor_options import anchor_options

keys_cli = AppGroup("keys", help="List, make and rotate the keys that sign checkpoints, codes and seals.")
checkpoints_cli = AppGroup("checkpoints", help="Repair the file of checkpoints.")


@keys_cli.command("make")
def make_first() -> None:
    """Make the first key. If there is a key already, do nothing."""
    from tracker.ledger import checkpoints, keys
    from tracker.ledger.transactions import transaction
    from tracker.ledger.trust_anchor import compute_fingerprint

    current = keys.find_current_key()
    if current:
        click.echo(f"There is a key already: {current.name}. Nothing was made.")
        return
    with transaction():
        key = keys.make_key()
        name, fingerprint = key.name, compute_fingerprint(key.public_key)
    checkpoints.write_due(at_once=True)
    click.echo(f"Made {name}. Its files are in {keys.get_key_path(name).parent}.")
    click.echo(f"Its fingerprint is {fingerprint}. Keep it outside this machine: it proves which key is genuine.")
    click.echo("Copy them to a safe place, apart from the backups. Anyone who has both could forge the records.")


@keys_cli.command("rotate")
def rotate() -> None:
    """Make the next key, signed by the key before it."""
    from tracker.errors import TrackerError
    from tracker.ledger import checkpoints, keys
    from tracker.ledger.transactions import transaction

    if keys.find_current_key() is None:
        raise click.ClickException("There is no key yet. Nothing was made. To make the first: flask keys make")
    try:
        with transaction():
            name = keys.make_key().name
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    checkpoints.write_due(at_once=True)
    click.echo(
        f"Made {name}, which signs from now on. Keep the files of earlier keys: they verify what those keys signed."
    )


@keys_cli.command("list")
def show_keys() -> None:
    """List every key with its fingerprint, oldest first."""
    from tracker.ledger import keys
    from tracker.ledger.trust_anchor import compute_fingerprint

    for key in keys.list_keys():
        click.echo(f"{key.name}  since {key.made_at:%Y-%m-%d %H:%M} UTC  {compute_fingerprint(key.public_key)}")


@checkpoints_cli.command("repair")
@anchor_options
@with_appcontext
def repair_checkpoints(folder_of_keys: Path | None, fingerprints: tuple[str, ...]) -> None:
    """Put checkpoints back into the file that only the database has, and record that. Nothing is deleted."""
    from tracker.errors import TrackerError
    from tracker.ledger import checkpoints
    from tracker.ledger.checkpoint_repair import repair_file
    from tracker.ledger.trust_anchor import load_anchor
    from tracker.web.formatting import counted

    try:
        added = repair_file(load_anchor(folder_of_keys, fingerprints))
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{counted(added, 'checkpoint')} put back into {checkpoints.get_path()}.")
    click.echo("What the file held before is kept beside it. Find out how they were lost.")


@click.command("clock")
@click.option("--accept", is_flag=True, help="Confirm that the clock is right now and record events again.")
def clock_command(accept: bool) -> None:
    """Show the clock and the time of the last event. No event is recorded while the clock is behind it."""
    from tracker import clock
    from tracker.ledger import events, keys
    from tracker.ledger.transactions import transaction

    now, last = clock.now(), events.find_last_time()
    behind = last - now if last else timedelta(0)
    click.echo(f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC.")
    click.echo(
        f"The last event was recorded at {last:%Y-%m-%d %H:%M:%S} UTC." if last else "No event is recorded yet."
    )
    if behind <= events.MAX_CLOCK_DIFFERENCE:
        click.echo("Events are recorded.")
        return
    if not accept:
        click.echo(
            "No event is recorded before that time. Correct the clock. If it is right now: flask clock --accept"
        )
        sys.exit(1)
    key = keys.find_current_key()
    if key is None:
        raise click.ClickException("There is no key yet. Nothing was changed. To make the first: flask keys make")
    with transaction():
        body = events.build_clock_statement(events.get_head()[1], now)
        events.record(
            events.CLOCK_ACCEPTED, key, events.OPERATOR, behind=int(behind.total_seconds()),
            key=key.name, accepted_at=events.format_time(now), signed=keys.sign(key.name, body),
        )  # fmt: skip
    click.echo("Accepted and recorded. Events are recorded again.")
