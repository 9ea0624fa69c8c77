"""Names of the files in a ZIP."""

import re

MAX_NAME_LENGTH = 100


def make_safe_name(name: str) -> str:
    """Return a file name that is safe to unpack on any system: no folders, no path out of the ZIP."""
    cleaned = re.sub(r"[^\w .()-]+", "-", name).strip(" .") or "file"
    stem, dot, ending = cleaned.rpartition(".")
    return (
        cleaned
        if len(cleaned) <= MAX_NAME_LENGTH
        else f"{stem[: MAX_NAME_LENGTH - len(ending[:10]) - 1]}{dot}{ending[:10]}"
    )
