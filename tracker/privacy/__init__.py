"""Privacy: access log, retention and erasure, and the export of a person's own data."""
