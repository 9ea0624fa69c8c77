"""`flask doctor`."""

import sys

import click
from flask.cli import with_appcontext


@click.command("doctor")
@click.option("--without-worker", is_flag=True, help="Do not ask whether a worker runs: it is started next.")
@with_appcontext
def doctor(without_worker: bool) -> None:
    """Say what is wrong with the configuration, in a sentence each. Exit with 1 if it must not serve like this."""
    from tracker.doctor.examinations import ALL, examine_worker, get_settings
    from tracker.doctor.findings import examine

    examinations = tuple(each for each in ALL if not (without_worker and each is examine_worker))
    findings = list(examine(get_settings(), examinations))
    for finding in findings:
        click.echo(f"{'✗' if finding.is_fault else '!'} {finding.sentence}")
    faults = sum(finding.is_fault for finding in findings)
    if faults:
        click.echo("1 fault." if faults == 1 else f"{faults} faults.")
        sys.exit(1)
    click.echo("Ready to serve.")
