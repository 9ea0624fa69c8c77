"""The sandboxed subprocess that becomes another program, which keeps its limits.

Arguments: `PROGRAM ARGUMENT…`, the program by its path.
"""

import os
import sys


def main(*command: str) -> None:
    """Replace this process by the program."""
    os.execv(command[0], command)  # noqa: S606 - the caller's own command


if __name__ == "__main__":
    main(*sys.argv[1:])
