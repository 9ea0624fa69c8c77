"""Queries for records of assessment: a record with its standing, and what waits for whom."""
