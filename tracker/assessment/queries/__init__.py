"""Queries for the pages of assessment: the queue, one item to assess, one unit to sign off, version moves."""
