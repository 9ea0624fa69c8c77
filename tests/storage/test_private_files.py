"""Stored files are private to the account that the installation runs as; what is not is named."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tracker.config import Settings
from tracker.storage.private_files import list_exposed_paths

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Settings of an installation whose folders and database everybody can open."""
    with TemporaryDirectory() as name:  # pytest's own folders are private, so that nothing in them is exposed
        instance = Path(name)
        for folder in (instance, instance / "keys", instance / "checkpoints", instance / "attachments"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        (instance / "tracker.sqlite").touch()
        (instance / "tracker.sqlite").chmod(0o644)
        yield Settings.from_environment({"INSTANCE_PATH": str(instance)})


def test_what_others_can_open_is_named(settings: Settings) -> None:
    instance = settings.instance_path
    assert set(list_exposed_paths(settings)) == {
        instance, instance / "keys", instance / "checkpoints", instance / "attachments", instance / "tracker.sqlite",
    }  # fmt: skip


def test_nothing_in_a_private_folder_is_named(settings: Settings) -> None:
    settings.instance_path.chmod(0o700)
    assert list(list_exposed_paths(settings)) == []


def test_files_that_are_stored_elsewhere_are_named(settings: Settings) -> None:
    """`STORAGE_URL` is a folder beside the private one of the installation."""
    settings.instance_path.chmod(0o700)
    with TemporaryDirectory() as name:
        Path(name).chmod(0o750)
        environment = {"INSTANCE_PATH": str(settings.instance_path), "STORAGE_URL": name}
        assert list(list_exposed_paths(Settings.from_environment(environment))) == [Path(name)]
        environment["STORAGE_URL"] = "s3://bucket"
        assert list(list_exposed_paths(Settings.from_environment(environment))) == []


def test_what_a_command_makes_is_private(tmp_path: Path) -> None:
    """Whatever umask the operator's shell has."""
    environment = {**os.environ, "INSTANCE_PATH": str(tmp_path), "SECRET_KEY": "test", "FLASK_APP": "wsgi:app"}
    environment.pop("DATABASE_URL", None)
    code = f"import os, wsgi; open({str(tmp_path / 'made')!r}, 'w').close(); os.mkdir({str(tmp_path / 'folder')!r})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, umask=0o022, check=True)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
