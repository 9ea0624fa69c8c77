"""The email fixtures of the account tests."""

from tests.accounts.conftest import emails_to, mail_server

__all__ = ["emails_to", "mail_server"]
