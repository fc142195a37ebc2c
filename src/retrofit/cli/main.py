"""The command ``retrofit`` and its subcommands."""

from __future__ import annotations

import rich_click as click

from .. import __version__
from . import execution, lazy

# Of each command its module, and the first sentence of its help, which stands in the docstring,
# too: a test compares.
_COMMANDS = {
    "Build": {
        "image": ("image", "Build a service image from a cloud image."),
        "create": ("create", "Build a service image from a package mirror."),
        "list": ("listing", "List the defined images and the published image of each."),
        "plan": ("plan", "Show what `retrofit run` would do, and why."),
        "run": ("service", "Build and publish the images that are due."),
        "history": ("history", "Show the last runs of `retrofit run`, newest first."),
    },
    "Inspect": {
        "status": ("status", "Show which image Octavia selects and what amphorae run."),
        "show": ("show", "Show what an image in Glance was built from."),
        "diff": ("diff", "Show the differences between two images in Glance."),
        "verify": ("verify", "Prove that an image works."),
        "reproduce": ("reproduce", "Build an image in Glance again and compare the two."),
    },
    "Operate": {
        "doctor": ("doctor", "Check this machine, a cloud and mirrors."),
        "rollback": ("rollback", "Make the previous image the current image again."),
        "rollout": ("rollout", "Replace amphorae that do not run the current image."),
        "schedule": ("schedule", "Run a command on a schedule, with systemd."),
        "prune": ("prune", "Hide and delete images that nothing needs."),
    },
    "Other images": {
        "bootstrap": ("bootstrap", "Build a cloud image from a package mirror."),
        "manage": ("manage", "Import, rotate and delete the images in image files."),
        "mirror": ("mirror", "Copy the images in image files to a mirror."),
    },
}


@click.group(
    cls=lazy.LazyGroup,
    panels=_COMMANDS,
    # Without a command it says so in one line, as of every other wrong use.
    no_args_is_help=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "rich_help_config": {
            "theme": "default-slim",
            "default_string": r"\[default: {}]",
            "padding_helptext_first_line": (0, 0, 1, 0),
            "text_paragraph_linebreaks": "\n\n",
            "max_width": 99,
        },
    },
)
@click.version_option(__version__, message="%(version)s")
def retrofit() -> None:
    """Build OpenStack service images from stock cloud images.

    Exit codes are listed in docs/reference/exit-codes.md.
    """


def main() -> None:
    """Run the command line."""
    execution.execute(retrofit, name="retrofit")
