"""Commands for the operator: create centres, reset passwords, close accounts, send waiting emails."""

import click
from flask.cli import AppGroup

from tracker.errors import TrackerError

centres_cli = AppGroup("centres", help="Create centres with their first administrators.")
people_cli = AppGroup("people", help="Change names and addresses, reset passwords, and close accounts.")
email_cli = AppGroup("email", help="Send emails that wait in the outbox.")


@centres_cli.command("create")
@click.argument("name")
@click.option("--number", required=True, help="The centre's number at the awarding body.")
@click.option("--admin", required=True, metavar="EMAIL", help="The first administrator's email address.")
@click.option("--admin-name", default="", help="The first administrator's name, if they have no account yet.")
def create_centre(name: str, number: str, admin: str, admin_name: str) -> None:
    """Create a centre and print an invitation link for its first administrator."""
    from tracker.accounts.services import account_links, people
    from tracker.background import emails
    from tracker.ledger.events import OPERATOR
    from tracker.ledger.transactions import transaction
    from tracker.vocabulary import LinkPurpose

    try:
        with transaction():
            centre, person = people.create_centre(name, number, admin, admin_name)
            has_account = person.password_hash is not None
            path = "" if has_account else account_links.issue_link(person, LinkPurpose.INVITATION, OPERATOR)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Created {centre.name} ({centre.number}).")
    if has_account:
        click.echo(f"{person.email} already has an account and is now its administrator.")
    else:
        click.echo(f"Give this link to {person.email} only. It works once, within 14 days:")
        click.echo(emails.build_url(path))


@people_cli.command("reset-password")
@click.argument("email")
def reset_password(email: str) -> None:
    """Print a one-time link for setting a password, or for accepting an open invitation."""
    from tracker.accounts import emails as email_texts
    from tracker.accounts.services import account_links, people
    from tracker.background import emails
    from tracker.ledger.events import OPERATOR
    from tracker.ledger.transactions import transaction
    from tracker.vocabulary import LinkPurpose

    with transaction():
        person = people.find_person(email)
        if person is None or person.deactivated_at:
            raise click.ClickException(f"{email} has no open account here. Nothing was changed.")
        purpose = LinkPurpose.RESET if person.password_hash else LinkPurpose.INVITATION
        path = account_links.issue_link(person, purpose, OPERATOR)
        emails.notify(person, "link_issued", *email_texts.build_link_made_by_operator_email())
    validity = "an hour" if purpose is LinkPurpose.RESET else "14 days"
    click.echo(f"Give this link to {person.email} only. It works once, within {validity}:")
    click.echo(emails.build_url(path))


@people_cli.command("deactivate")
@click.argument("email")
def deactivate_person(email: str) -> None:
    """Close an account and end its sessions."""
    from tracker.accounts.services import people
    from tracker.ledger.transactions import transaction

    try:
        with transaction():
            person = people.find_person(email)
            if person is None:
                raise click.ClickException(f"{email} has no account here. Nothing was changed.")
            people.deactivate_person(person)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Closed the account {email} and signed it out everywhere.")


@people_cli.command("reset-two-step-verification")
@click.argument("email")
def reset_two_step_verification(email: str) -> None:
    """Remove a person's two-step verification and recovery codes, and end their sessions."""
    from tracker.accounts.services import people, two_step_verification
    from tracker.ledger.transactions import transaction

    try:
        with transaction():
            person = people.find_person(email)
            if person is None:
                raise click.ClickException(f"{email} has no account here. Nothing was changed.")
            two_step_verification.reset_two_step_verification(person)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Removed the two-step verification of {person.email} and signed them out everywhere.")
    click.echo("If their role needs it, they set it up when they next sign in. Make sure that the request is theirs.")


@people_cli.command("change-name")
@click.argument("email")
@click.argument("name")
def change_name(email: str, name: str) -> None:
    """Change a person's name; the earlier name is kept."""
    from tracker.accounts.services import names, people
    from tracker.ledger.events import OPERATOR
    from tracker.ledger.transactions import transaction

    try:
        with transaction():
            person = people.find_person(email)
            if person is None:
                raise click.ClickException(f"{email} has no account here. Nothing was changed.")
            is_changed = names.change_name(person, None, name, OPERATOR)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{person.email} is now {person.name}." if is_changed else "This is the name already.")


@people_cli.command("change-email")
@click.argument("email")
@click.argument("new_email")
def change_email(email: str, new_email: str) -> None:
    """Change a person's email address at once, and email both addresses."""
    from tracker.accounts.services import account_changes, people
    from tracker.ledger.events import OPERATOR
    from tracker.ledger.transactions import transaction

    try:
        with transaction():
            person = people.find_person(email)
            if person is None:
                raise click.ClickException(f"{email} has no account here. Nothing was changed.")
            account_changes.request_email_change(person, None, new_email, OPERATOR)
    except TrackerError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{person.name} has the address {person.email} now. Make sure that the request is theirs.")


@email_cli.command("send")
def send_emails() -> None:
    """Send the emails that wait in the outbox."""
    from tracker.background import outbox
    from tracker.background.waiting_emails import list_waiting

    if not outbox.uses_smtp():
        raise click.ClickException(
            "This installation sends no emails: set MAIL_HOST, and do not set DEMO. Nothing was sent."
        )
    sent = [outbox.send_from_outbox(email) for email in list_waiting()]
    click.echo(f"{sum(sent)} sent, {len(sent) - sum(sent)} not sent.")
