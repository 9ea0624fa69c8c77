"""Click group whose commands are imported only when they run."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from flask.cli import AppGroup


class LazyGroup(AppGroup):
    """A group of commands given as `module:attribute`, so that one command does not import what the others need."""

    def __init__(self, import_paths: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.import_paths = dict(import_paths)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *self.import_paths})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None if the group has no command of this name."""
        if cmd_name not in self.import_paths:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.import_paths[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command
