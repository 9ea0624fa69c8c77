"""Forms of the library's pages."""
