"""Runs one module of ours in a process of its own, without the server: Flask and the database take a second to load.

Run as a file: `apart.py MODULE ARGUMENT…`. What a stranger made is taken apart in such a process; sheets are printed
in another.
"""

import runpy
import sys
import types
from pathlib import Path

HERE = Path(__file__).resolve()


def process_of(module: str) -> list[str]:
    """What starts it, arguments left out: our own interpreter, isolated from the environment."""
    return [sys.executable, "-I", str(HERE), module]


def main(module: str, *arguments: str) -> None:
    package = types.ModuleType("tracker")  # without what its first file loads
    package.__path__ = [str(HERE.parent.parent)]
    sys.modules["tracker"] = package
    sys.path.insert(0, str(HERE.parents[2]))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
