"""Faults of an uploaded file, and the sentences that several formats share."""

LOCKED = "it is locked with a password. Save a copy without a password and upload that."
MACROS_FOUND = "it contains macros. Save a copy without macros and upload that."
NOT_ACCEPTED = "its type is not accepted."
"""The start of a message; a sentence that says what to do instead follows."""


class FileFaultError(Exception):
    """A fault in an uploaded file; the message completes the sentence that names the file."""
