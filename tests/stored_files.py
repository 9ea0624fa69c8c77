"""Paths of stored files, for tests that look at them or change them behind the product's back."""

from pathlib import Path

from flask import current_app

from tracker.storage.folder_store import FolderStore


def stored_path(name: str) -> Path:
    """Return the path of a stored file, or of one made from it, in the folder of the present app."""
    return FolderStore(current_app.config["ATTACHMENTS_PATH"]).get_path(name)
