"""Entry point of a sandboxed subprocess: it sets the limits, then runs one module of the product.

Run as a file: `child.py LIMITS MODULE ARGUMENT…`. `tracker/__init__.py` is left out, since Flask and the database
take a second to load and no sandboxed module needs them.
"""

import os
import runpy
import sys
import types
from pathlib import Path

CHILD_PATH = Path(__file__).resolve()
NICENESS = 3
"""The subprocess leaves more of the processor to the server, which answers pages, when both need it.

With 10, forms took longer than their limit of 20 seconds while pages kept both processors busy (docs/performance.md).
"""


def main(limits: str, module: str, *arguments: str) -> None:
    """Apply the limits, then run the module as `__main__` with the arguments."""
    package = types.ModuleType("tracker")  # replaces tracker/__init__.py, which would import the application
    package.__path__ = [str(CHILD_PATH.parent.parent)]
    sys.modules["tracker"] = package
    sys.path.insert(0, str(CHILD_PATH.parents[2]))

    from tracker.sandbox.limits import Limits, apply_limits

    os.nice(NICENESS)
    apply_limits(Limits.from_json(limits))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
