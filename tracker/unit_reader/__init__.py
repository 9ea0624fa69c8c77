"""The reader of published documents: bytes to lines (`sources`), lines to a unit (`unit`). No database, no network.

It never guesses in silence: what it is unsure of is a `Doubt` that names its lines, and what it could not place is
returned as unparsed. The variants it is held to are those of the standards paper, in `tests/unit_reader/`.
"""
