"""The options `--keys` and `--fingerprint` of the commands that check signatures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def anchor_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a trust anchor: the arguments `folder_of_keys` and `fingerprints`."""
    with_fingerprints = click.option(
        "--fingerprint", "fingerprints", multiple=True, metavar="DIGITS",
        help="Trust only the key with this fingerprint, and keys that it vouches for. May be repeated.",
    )  # fmt: skip
    with_folder = click.option(
        "--keys", "folder_of_keys", type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Trust the public keys in this folder (NAME.pub), instead of those in KEYS_PATH.",
    )  # fmt: skip
    return with_folder(with_fingerprints(command))
