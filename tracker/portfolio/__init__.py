"""The candidate's portfolio: evidence, its versions and files, claims, and the index of evidence."""
