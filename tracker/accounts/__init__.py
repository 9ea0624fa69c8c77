"""Accounts: people, their roles at centres, passwords, sessions and two-step verification."""
