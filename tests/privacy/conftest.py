"""The email fixtures of the account tests."""

from tests.accounts.conftest import mail_server, mails_to

__all__ = ["mail_server", "mails_to"]
