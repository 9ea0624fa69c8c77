"""Fixtures of the emails that registrations and allocations send."""

from tests.accounts.conftest import emails_to, mail_server

__all__ = ["emails_to", "mail_server"]
