"""Whether the record still proves itself: the invariants of the integrity paper, each a small named check."""
