"""Acts on the witness list."""
