"""``retrofit diff``: the differences between two images in Glance."""

from __future__ import annotations

import json
import uuid
from typing import Any

import rich_click as click

from .. import cloud
from ..host import tables
from ..provenance import comparison, description
from . import execution, options, show


@click.command("diff")
@click.argument("before", metavar="ID", type=click.UUID)
@click.argument("after", metavar="ID", type=click.UUID)
@options.where
@options.as_json("all differences")
@options.debug
def command(
    *,
    before: uuid.UUID,
    after: uuid.UUID,
    where: cloud.Options,
    as_json: bool,
    debug: bool,
) -> None:
    """Show the differences between two images in Glance."""
    execution.start_logging(debug=debug)
    old, new = show.records([before, after], where)
    found = comparison.compare(old, new)
    if as_json:
        click.echo(json.dumps(_as_json(old, new, found), indent=2))
        return
    click.echo(_table(found))


def _as_json(
    before: description.Record, after: description.Record, found: comparison.Comparison
) -> dict[str, Any]:
    return {
        "from": {"id": before.image.id, "name": before.image.name},
        "to": {"id": after.image.id, "name": after.image.name},
        "added": [show.package_as_json(package) for package in found.added],
        "removed": [show.package_as_json(package) for package in found.removed],
        "upgraded": [_change(change) for change in found.upgraded],
        "downgraded": [_change(change) for change in found.downgraded],
        "differences": [
            {"what": difference.what, "from": difference.before, "to": difference.after}
            for difference in found.differences
        ],
    }


def _change(change: comparison.Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "architecture": change.architecture,
        "from": change.before,
        "to": change.after,
        "security": change.security,
    }


def _table(found: comparison.Comparison) -> str:
    """Return a line for each difference, and one that sums up those of packages."""
    changes = [("upgraded", change) for change in found.upgraded]
    changes += [("downgraded", change) for change in found.downgraded]
    singles = [("added", package) for package in found.added]
    singles += [("removed", package) for package in found.removed]
    rows = [
        (how, change.name, f"{change.before} → {change.after}", _mark(security=change.security))
        for how, change in changes
    ]
    rows += [
        (how, package.name, package.version, _mark(security=package.security))
        for how, package in singles
    ]
    rows += [
        ("differs", difference.what, f"{difference.before or '-'} → {difference.after or '-'}", "")
        for difference in found.differences
    ]
    marked = sum(change.security for change in found.upgraded)
    total = (
        f"packages: {len(found.added)} added, {len(found.removed)} removed, "
        f"{len(found.upgraded)} upgraded ({marked} security), {len(found.downgraded)} downgraded"
    )
    return "\n".join([*tables.lines(rows), total])


def _mark(*, security: bool) -> str:
    return "security" if security else ""
