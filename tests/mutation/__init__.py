"""Mutations of the product: each is a small change of its code that a test should notice."""
