"""Acts on records of assessment: written, finished, acknowledged, objected to, decided and withdrawn."""
