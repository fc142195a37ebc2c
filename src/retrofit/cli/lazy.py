"""A group of commands whose modules are imported when the commands are used.

The engine's libraries take longer to load than ``retrofit --help`` may take, so the group has the
summaries of its commands itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import rich_click as click

if TYPE_CHECKING:
    import click as plain_click


class LazyGroup(click.RichGroup):
    """A group that imports the module of a command when the command runs or shows its help.

    Args:
        name: Name of the group.
        panels: By the title of a panel in the help, the commands in it: of each its name, the
            module in this package, where it is called ``command``, and the first sentence of its
            help.
        **settings: Other arguments of the group.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        panels: Mapping[str, Mapping[str, tuple[str, str]]],
        **settings: Any,
    ) -> None:
        super().__init__(name=name, **settings)
        self._modules: dict[str, str] = {}
        for title, commands in panels.items():
            self.add_panel(click.RichCommandPanel(title, commands=list(commands)))
            for name, (module, summary) in commands.items():
                self._modules[name] = module
                self.add_command(click.RichCommand(name=name, help=summary))

    def resolve_command(
        self, ctx: plain_click.Context, args: list[str]
    ) -> tuple[str | None, plain_click.Command | None, list[str]]:
        """Return the command that the words call, with its module imported."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name else None, rest

    def load(self, name: str) -> plain_click.Command:
        """Import a command by its name."""
        module = importlib.import_module(f".{self._modules[name]}", __package__)
        command: plain_click.Command = module.command
        return command
