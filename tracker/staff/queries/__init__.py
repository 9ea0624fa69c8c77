"""Queries of the staff register."""
