"""The command ``retrofit`` and its subcommands."""

from __future__ import annotations

import click

from .. import __version__
from . import (
    bootstrap,
    diff,
    execution,
    history,
    image,
    listing,
    manage,
    mirror,
    plan,
    prune,
    rollback,
    rollout,
    service,
    show,
    status,
    verify,
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 99},
)
@click.version_option(__version__, message="%(version)s")
def retrofit() -> None:
    """Build OpenStack service images from stock cloud images.

    Exit codes are listed in docs/reference/exit-codes.md.
    """


retrofit.add_command(image.image)
retrofit.add_command(service.run)
retrofit.add_command(listing.listing)
retrofit.add_command(plan.plan)
retrofit.add_command(bootstrap.bootstrap)
retrofit.add_command(verify.verify)
retrofit.add_command(status.status)
retrofit.add_command(rollback.rollback)
retrofit.add_command(rollout.rollout)
retrofit.add_command(prune.prune)
retrofit.add_command(show.show)
retrofit.add_command(diff.diff)
retrofit.add_command(history.history)
retrofit.add_command(manage.manage)
retrofit.add_command(mirror.mirror)


def main() -> None:
    """Run the command line."""
    execution.execute(retrofit, name="retrofit")
