"""Verification: sampling, signing, action points, reopening and external verifiers' visits."""
