"""Private files: everything that the installation stores is for the account it runs as, and for nobody else."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

from tracker.config import Settings

PRIVATE_UMASK = 0o077
"""New files get mode 0600 and new folders 0700, SQLite's journals and the job queue among them."""
OTHERS = 0o077
"""The permissions of the group and of everybody else."""
JOURNALS = ("", "-wal", "-shm", "-journal")


def make_new_files_private() -> None:
    """Let this process and those it starts make files that only their owner can read."""
    os.umask(PRIVATE_UMASK)


def warn_of_exposed_paths(settings: Settings, warn: Callable[..., None]) -> None:
    """Name what other accounts of the machine can open.

    Args:
        settings: the settings of the installation.
        warn: logs a text and the values in it, as the method of a logger does.
    """
    for path in list_exposed_paths(settings):
        warn("Other accounts of this machine can open %s. To keep it private: chmod go= %s", path, path)


def list_exposed_paths(settings: Settings) -> Iterator[Path]:
    """Yield each folder and database of the installation that other accounts of the machine can open.

    What lies in a folder that only its owner can enter is not exposed, whatever its own permissions.
    """
    for path in _list_paths(settings):
        if _is_open(path) and not any(folder.exists() and not _is_open(folder) for folder in path.parents):
            yield path


def _list_paths(settings: Settings) -> Iterator[Path]:
    yield from (settings.instance_path, settings.keys_path, settings.checkpoints_path)
    if isinstance(settings.storage, Path):
        yield settings.storage
    databases = [settings.instance_path / "jobs.sqlite"]
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        databases.append(Path(url.database).resolve())
    yield from (path.with_name(path.name + ending) for path in databases for ending in JOURNALS)


def _is_open(path: Path) -> bool:
    """Return whether a path exists and its group or others have any permission on it."""
    try:
        return bool(path.stat().st_mode & OTHERS)
    except OSError:
        return False
