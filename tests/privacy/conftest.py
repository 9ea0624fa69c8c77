"""Mails, as the accounts' tests read them."""

from tests.accounts.conftest import mail_server, mails_to

__all__ = ["mail_server", "mails_to"]
