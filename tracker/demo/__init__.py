"""The demonstration: one centre with invented people and evidence, and its separation from real data."""
