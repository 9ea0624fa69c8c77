"""Home pages: what to do next for candidates and administrators."""
