"""Stored files: the file store, the virus scan, and the comparison of files with database rows."""
