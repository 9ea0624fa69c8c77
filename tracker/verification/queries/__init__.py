"""Reads of verification: what is allocated to a verifier, what was sampled in a unit, and external visits."""
