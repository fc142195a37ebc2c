"""Takes over what previous revisions kept under names that all applications shared."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib

from workload import names, removal

_LOG = logging.getLogger(__name__)

_SERVICE = f"{names.PROJECT}.service"
_TIMER = f"{names.PROJECT}.timer"
_NEXT = f"{names.PROJECT}-next"
_ACTION = f"{names.PROJECT}-action.service"
_CREDENTIALS = "clouds.yaml"
_KEPT = (
    "request.json",
    "once.json",
    "looked.json",
    "result.json",
    "history.jsonl",
    "evidence",
    _CREDENTIALS,
    "ca.pem",
)
_CACHED = ("archives", "layers")
# The schedule of the charm before this one, which would go on beside ours.
CRON = tuple(
    pathlib.Path(f"/etc/cron.{frequency}/auto-retrofit")
    for frequency in ("hourly", "daily", "weekly")
)
APT_PROXY = pathlib.Path("/etc/apt/apt.conf.d") / f"99{names.PROJECT}"


def migrate(own: names.Names) -> None:
    """Bring what a previous revision left under the unit's own names; does nothing after that.

    A run that is under way ends, and is tried again as one that was interrupted. A hook that is
    killed here goes on the next time.
    """
    for link in CRON:
        link.unlink(missing_ok=True)
    # Whoever was killed while apt ran has left the password of a proxy there.
    for left in (APT_PROXY, *APT_PROXY.parent.glob(f".{APT_PROXY.name}.*")):
        left.unlink(missing_ok=True)
    found = [path for name in _KEPT if (path := names.STATES / name).exists()]
    service = removal.UNITS / _SERVICE
    if not (found or service.exists()) or _owner() not in ("", own.unit):
        return
    _LOG.info("taking over what a previous revision kept in %s", names.STATES)
    removal.end([_TIMER, f"{_NEXT}.timer", f"{_NEXT}.service", _SERVICE, _ACTION])
    own.make_directories()
    with contextlib.suppress(FileNotFoundError):
        # Otherwise a run that was missed while the machine was off would not be caught up with.
        os.replace(removal.STAMPS / f"stamp-{_TIMER}", removal.STAMPS / f"stamp-{own.timer}")
    for path in found:
        os.replace(path, own.state / path.name)
    # Those in the state are of a run that was begun, and of writes that were cut.
    for left in (names.STATES / "once-taken.json", *names.STATES.glob(".*")):
        left.unlink(missing_ok=True)
    for name in _CACHED:
        with contextlib.suppress(FileNotFoundError):
            os.replace(names.CACHES / name, own.cache / name)
    # No hook but this one has to load what this takes.
    from retrofit.host.sandbox import workshop

    # What killed runs left, and nobody would look for any more.
    workshop.sweep(workshop.work_base(None))
    removal.remove_unit_files([_TIMER, _SERVICE])


def _owner() -> str:
    """Return the unit that has written last what is there, as its files say; empty if none do."""
    for path in (removal.UNITS / _SERVICE, names.STATES / _CREDENTIALS):
        with contextlib.suppress(FileNotFoundError):
            words = path.read_text(encoding="utf-8").partition("\n")[0].split()
            # As in templates: "# Written by the charm UNIT; …" or "… UNIT from its relations; …".
            return words[5].rstrip(";")
    return ""
