"""Acts on the staff register."""
