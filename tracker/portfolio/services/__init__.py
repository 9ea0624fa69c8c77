"""Acts on the portfolio: drafts, files, claims and submissions."""
