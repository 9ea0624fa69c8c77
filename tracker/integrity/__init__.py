"""Integrity checks: the numbered invariants of docs/integrity.md, each a small named check over ledger and rows."""
