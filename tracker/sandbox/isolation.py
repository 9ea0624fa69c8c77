"""Command lines that run a program without network and without the machine's files, by Bubblewrap (`bwrap`).

Bubblewrap runs a program in Linux namespaces of its own. They end with the program, and all its processes with them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = "/work"
"""The only folder that the program may write to. It is empty, in memory, and gone when the program has ended."""
SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib64", "/etc/fonts", "/etc/libreoffice", "/var/cache/fontconfig")
"""What of the machine the program may read, where it exists: programs, libraries and fonts."""


def isolate_command(bwrap: str, command: Sequence[str], files: Mapping[str, Path]) -> list[str]:
    """Return a command line that runs a program isolated.

    Args:
        bwrap: the path of Bubblewrap.
        command: the program and its arguments. It is started in `FOLDER`.
        files: files that it may read, by their names in `FOLDER`.
    """
    system = [argument for path in SYSTEM_FOLDERS for argument in ("--ro-bind-try", path, path)]
    readable = [argument for name, path in files.items() for argument in ("--ro-bind", str(path), f"{FOLDER}/{name}")]
    return [
        bwrap,
        *("--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", FOLDER),  # noqa: S108 - in its namespace
        *system,
        *readable,
        *("--chdir", FOLDER, "--setenv", "HOME", FOLDER, "--setenv", "PATH", "/usr/bin:/bin"),
        "--",
        *command,
    ]
