"""``retrofit schedule``: a command that systemd runs on a schedule, for those without Juju."""

from __future__ import annotations

import os
import pathlib
import sys

import rich_click as click

from .. import errors
from ..host import calendars, schedules, urls
from . import execution, options

# What may run without anybody looking; each reports by its exit code and in the journal.
_COMMANDS = ("manage", "mirror", "prune", "run")
# Files with settings and credentials. Variables that hold secrets themselves are left out: all
# users of a machine can read its units.
_VARIABLES = ("OS_CLIENT_CONFIG_FILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


@click.command("schedule", context_settings={"allow_interspersed_args": False})
@click.argument("name")
@click.argument("words", metavar="[COMMAND [OPTIONS]]", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--when",
    metavar="CALENDAR",
    default="daily",
    show_default=True,
    help="hourly, daily, weekly, or a calendar expression of systemd.",
)
@click.option("--remove", is_flag=True, help="Remove the schedule of this name.")
@options.debug
@click.pass_context
def command(
    context: click.Context,
    *,
    name: str,
    words: tuple[str, ...],
    when: str,
    remove: bool,
    debug: bool,
) -> None:
    """Run a command on a schedule, with systemd.

    NAME is the name of the schedule. COMMAND is manage, mirror, prune or run, with its options; it
    runs as root, in this directory. Credentials come from clouds.yaml.
    """
    execution.start_logging(debug=debug)
    if not schedules.NAME.fullmatch(name):
        raise errors.UsageError(f"NAME {name!r} must be lower-case letters, digits and hyphens")
    if remove and words:
        raise errors.UsageError("--remove takes the name of a schedule only")
    if os.geteuid() != 0:
        raise errors.Denied("only root can change schedules", hint="run the command as root")
    if remove:
        schedules.remove(name)
        return
    _check(context, words)
    try:
        calendars.check(when)
    except ValueError as error:
        raise errors.UsageError(f"wrong --when {when!r}: it must be {error}") from error
    schedules.install(
        name,
        when,
        [*_program(), *words],
        what=words[0],
        directory=pathlib.Path.cwd(),
        variables=_variables(),
    )
    click.echo(f"schedule    {name}  {when}; see systemctl list-timers retrofit-{name}.timer")


def _check(context: click.Context, words: tuple[str, ...]) -> None:
    """Refuse what would fail at each of its times, and what nobody else may see."""
    if not words or words[0] not in _COMMANDS:
        raise errors.UsageError(f"a schedule needs a command: {', '.join(_COMMANDS)}")
    if any(urls.without_user(word) != word for word in words):
        raise errors.UsageError(
            "the command has a URL with a login, which all users could read",
            hint="put credentials into clouds.yaml and ~/.aws/credentials",
        )
    group = context.find_root().command
    assert isinstance(group, click.Group)
    _, found, rest = group.resolve_command(context, list(words))
    assert found is not None
    # It parses the options, and runs nothing.
    found.make_context(words[0], rest, parent=context.find_root())


def _program() -> list[str]:
    """Return the program that this is, as a service starts it."""
    beside = pathlib.Path(sys.executable).with_name("retrofit")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "retrofit"]


def _variables() -> dict[str, str]:
    """Return the variables of this process that the command has there, too."""
    paths = {
        name: str(pathlib.Path(os.environ[name]).absolute())
        for name in _VARIABLES
        if os.environ.get(name)
    }
    proxies = {name: os.environ[name] for name in _PROXIES if os.environ.get(name)}
    for name, value in proxies.items():
        if urls.without_user(value) != value:
            raise errors.UsageError(
                f"{name} has a login, which all users could read in the unit",
                hint="unset it, and use a proxy without a login",
            )
    # Root's own settings; services of the system have no home directory.
    return {"HOME": str(pathlib.Path.home())} | paths | proxies
