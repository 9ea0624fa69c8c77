"""Checks of uploaded files by content; they run in a sandboxed subprocess and use neither Flask nor the database.

`identify` finds the type of a file; each other module checks one family of formats.
"""
