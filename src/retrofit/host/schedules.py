"""Commands that systemd runs on a schedule: a service and a timer for each, by a name."""

from __future__ import annotations

import contextlib
import pathlib
import re
from collections.abc import Mapping, Sequence

from .. import errors
from . import files, process

# Where an administrator's units are (systemd.unit(5)), and when a persistent timer has fired last.
UNITS = pathlib.Path("/etc/systemd/system")
STAMPS = pathlib.Path("/var/lib/systemd/timers")
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
# A run that is stopped removes what it made.
_STOP_TIMEOUT_S = 240
_SERVICE = """\
# Written by retrofit schedule; `retrofit schedule --remove {name}` removes it.
[Unit]
Description=retrofit {what}, on the schedule {name}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={directory}
{environment}ExecStart={command}
# Nothing to do is no failure.
SuccessExitStatus=3
UMask=0077
Nice=10
KillMode=mixed
TimeoutStartSec=6h
TimeoutStopSec=180
"""
_TIMER = """\
# Written by retrofit schedule; `retrofit schedule --remove {name}` removes it.
[Unit]
Description=When to run retrofit {what}

[Timer]
OnCalendar={when}
# Many machines ask the same servers.
RandomizedDelaySec=300
Persistent=true

[Install]
WantedBy=timers.target
"""


def install(
    name: str,
    when: str,
    command: Sequence[str],
    *,
    what: str,
    directory: pathlib.Path,
    variables: Mapping[str, str],
) -> None:
    """Have systemd run a command on a schedule, in place of what it ran by that name before.

    Args:
        name: Name of the schedule; see :data:`NAME`.
        when: A calendar expression that is known to be right.
        command: Program and arguments.
        what: The command in a word.
        directory: Where it runs.
        variables: Variables that it has; all may read them.

    Raises:
        errors.UsageError: A unit cannot hold an argument, the directory or a variable.
        errors.OutputError: The units cannot be written; nothing is left of them.
        errors.Unavailable: systemd does not take them; nothing is left of them.
        errors.ToolMissing: There is no systemd.
    """
    settings = (_quoted("variable", f"{k}={v}") for k, v in variables.items())
    service = _SERVICE.format(
        name=name,
        what=what,
        directory=_directory(str(directory)),
        environment="".join(f"Environment={each}\n" for each in settings),
        command=" ".join(_quoted("argument", word, variables=True) for word in command),
    )
    timer = _TIMER.format(name=name, what=what, when=when.replace("%", "%%"))
    unit = _unit(name)
    try:
        files.write(UNITS / f"{unit}.service", service, mode=0o644)
        files.write(UNITS / f"{unit}.timer", timer, mode=0o644)
        _systemctl("daemon-reload")
        _systemctl("enable", f"{unit}.timer")
        _systemctl("restart", f"{unit}.timer")
    except errors.RetrofitError as error:
        with contextlib.suppress(errors.RetrofitError):
            remove(name)
        if isinstance(error, errors.CommandError):
            raise errors.Unavailable(
                f"systemd does not take the timer {unit}.timer",
                hint="run the command on a machine with systemd as its init system",
                details=error.details,
            ) from error
        raise


def remove(name: str) -> None:
    """End a schedule, and a run of it that is in progress; nothing is left of it.

    Raises:
        errors.InputMissing: There is no such schedule.
    """
    unit = _unit(name)
    found = [path for kind in ("timer", "service") if (path := UNITS / f"{unit}.{kind}").exists()]
    if not found:
        raise errors.InputMissing(
            f"no schedule {name} is installed", hint="see systemctl list-timers 'retrofit-*'"
        )
    # Without systemd, nothing runs.
    with contextlib.suppress(errors.CommandError):
        _systemctl("disable", "--now", f"{unit}.timer")
        _systemctl("stop", f"{unit}.service")
    for path in found:
        path.unlink()
    (STAMPS / f"stamp-{unit}.timer").unlink(missing_ok=True)
    with contextlib.suppress(errors.CommandError):
        _systemctl("daemon-reload")
        _systemctl("reset-failed", f"{unit}.service")


def _unit(name: str) -> str:
    return f"retrofit-{name}"


def _systemctl(*words: str) -> None:
    process.run(["systemctl", "--quiet", *words], timeout_s=_STOP_TIMEOUT_S)


def _quoted(what: str, word: str, *, variables: bool = False) -> str:
    """Return a word as systemd reads it back (systemd.syntax(7)).

    Args:
        what: What it is, as users know it.
        word: The word.
        variables: Whether systemd replaces variables in it, which is not wanted.
    """
    _check(what, word)
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text.replace("$", "$$") if variables else text}"'


def _directory(path: str) -> str:
    """Return a working directory, which systemd reads without quotes up to the end of the line."""
    _check("working directory", path)
    if path != path.rstrip(" \\"):
        raise errors.UsageError(
            f"the working directory {path!r} ends in a character that systemd removes",
            hint="run the command in another directory",
        )
    return path.replace("%", "%%")


def _check(what: str, text: str) -> None:
    """Refuse what would end the line, and begin another setting, or is no text at all."""
    if not text.isprintable():
        raise errors.UsageError(
            f"the {what} {text!r} has a line break or another control character",
            hint="rename what has it: a unit of systemd cannot hold it",
        )
