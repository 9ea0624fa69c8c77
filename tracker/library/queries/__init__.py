"""Database reads of the library."""
