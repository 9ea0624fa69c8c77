"""Acts that change the library."""
