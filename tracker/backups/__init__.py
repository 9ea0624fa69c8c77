"""Backups: a copy of the database at one moment, the stored files, and a signed manifest of both."""
