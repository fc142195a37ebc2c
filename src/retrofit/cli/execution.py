"""How every command runs: signals become errors, errors become one line and an exit code."""

from __future__ import annotations

import logging
import os
import pathlib
import stat
import sys
from typing import NoReturn

import click

from .. import errors
from ..host import signals
from . import streams

_LOG = logging.getLogger(__name__)

_DEBUG_FORMAT = "%(asctime)s %(name)s: %(message)s"


def execute(
    command: click.Command,
    *,
    name: str,
    arguments: list[str] | None = None,
    usage: type[errors.UsageError] = errors.UsageError,
) -> NoReturn:
    """Run a command to its end and leave the process with a documented exit code.

    Args:
        command: What to run.
        name: Program name, which begins every line about an error.
        arguments: Words of the command line; the process's own without them.
        usage: The error for a wrong use, which has the exit code for it.
    """
    streams.settle()
    # A file or a cache that everybody may write is never what is meant.
    os.umask(os.umask(0) | stat.S_IWOTH)
    signals.watch()
    code = 0
    try:
        answer = command.main(args=arguments, prog_name=name, standalone_mode=False)
        code = answer if isinstance(answer, int) else 0
        sys.stdout.flush()
    except click.ClickException as error:
        code = _complain(name, _as_usage_error(error, usage))
    except (errors.RetrofitError, errors.Interrupted) as error:
        code = _complain(name, error)
    except Exception as error:
        code = _complain(name, errors.unexpected(error))
    sys.exit(code)


def start_logging(*, debug: bool, file: pathlib.Path | None = None) -> None:
    """Send the engine's log to standard error: all of it, or warnings only.

    Args:
        debug: Whether all of it is sent there.
        file: File that gets all of it in any case, at its end.

    Raises:
        errors.OutputError: The file cannot be written.
    """
    shown = logging.StreamHandler(sys.stderr)
    shown.setLevel(logging.DEBUG if debug else logging.WARNING)
    shown.setFormatter(logging.Formatter(_DEBUG_FORMAT if debug else "%(message)s"))
    handlers: list[logging.Handler] = [shown]
    if file is not None:
        try:
            written = logging.FileHandler(file, encoding="utf-8")
        except OSError as error:
            raise errors.OutputError(
                f"cannot write the log {file}: {error.strerror}", hint="set another file"
            ) from error
        written.setFormatter(logging.Formatter(_DEBUG_FORMAT))
        handlers.append(written)
    everything = debug or file is not None
    logging.basicConfig(
        level=logging.DEBUG if everything else logging.WARNING, handlers=handlers, force=True
    )


def nothing_to_do(message: str, hint: str) -> None:
    """Say why a command had nothing to do, in the form of an error.

    Args:
        message: Why.
        hint: What to do if something is to be done all the same.
    """
    program = click.get_current_context().find_root().info_name
    _print_error(program or "", f"{message}; {hint}")


def _as_usage_error(
    error: click.ClickException, usage: type[errors.UsageError]
) -> errors.RetrofitError:
    """Say what click found wrong, in the form of all other errors."""
    message = " ".join(error.format_message().split()).rstrip(".").replace(". (", " (")
    context = getattr(error, "ctx", None)
    hint = (
        f"see {context.command_path} {context.help_option_names[-1]}"
        if context is not None
        else ""
    )
    return usage(message[:1].lower() + message[1:], hint=hint)


def _complain(name: str, error: errors.RetrofitError | errors.Interrupted) -> int:
    """Print the error, its details where they help, and return its exit code."""
    debug = any(handler.level == logging.DEBUG for handler in logging.getLogger().handlers)
    if debug or isinstance(error, errors.RecipeError | errors.ProofFailed):
        for line in error.details:
            print(f"  | {line}", file=sys.stderr)
    if not debug:
        # A log file has the whole of it.
        _LOG.debug("error: %s", "\n  | ".join([str(error), *error.details]))
    _print_error(name, str(error))
    return error.exit_code


def _print_error(name: str, text: str) -> None:
    print(f"{name}: error: {' '.join(text.splitlines())}", file=sys.stderr, flush=True)
