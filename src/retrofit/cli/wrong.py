"""What may be wrong in a use of ``diskimage-create``, with the exit codes of Octavia's script."""

from __future__ import annotations

from .. import errors


class Use(errors.UsageError):
    """The use is wrong, or what the script needs is missing."""

    exit_code = 1


class Value(errors.UsageError):
    """A value is wrong or not supported."""

    exit_code = 3
