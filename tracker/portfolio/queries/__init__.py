"""Lists and look-ups of the portfolio."""
