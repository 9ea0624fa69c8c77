"""Backups: the database as it was at one moment, the files it names, and a signed list of both."""
