"""Queries for verification: units allocated to a verifier, samples of a unit, and external verifiers' visits."""
