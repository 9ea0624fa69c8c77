"""Acts on records of assessment: written, finished, acknowledged, and objections decided."""
