"""The demonstration: one centre, invented people, and how it is kept out of production (design, rule 14)."""
