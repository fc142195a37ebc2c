"""What is kept of a proof for people to look at: the checks, and what machines said."""

from __future__ import annotations

import json
import os
import pathlib

from .. import errors, model
from ..host import files
from ..model import findings

CHECKS = "checks.json"
# A machine may print without end; what it said last is what counts.
_LONGEST = 2 * model.MIB


def keep(gathered: pathlib.Path, proof: findings.Proof, directory: pathlib.Path) -> None:
    """Copy a proof's evidence to where it stays; what is there already is replaced.

    Args:
        gathered: Directory with the consoles of the machines; need not exist.
        proof: What was found.
        directory: Where to; it is made, for its owner only: consoles tell much of a machine.

    Raises:
        errors.OutputError: It cannot be written there.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in sorted(gathered.iterdir()) if gathered.is_dir() else ():
            # A workshop filled the directory: what is no plain file there is not for the host.
            if file.is_file() and not file.is_symlink():
                files.write(directory / file.name, _tail(file), mode=0o600)
        text = json.dumps(findings.as_json(proof), indent=2) + "\n"
        files.write(directory / CHECKS, text, mode=0o600)
    except OSError as error:
        raise errors.OutputError(
            f"cannot save the evidence in {directory}: {error.strerror}",
            hint="set another directory with --evidence",
        ) from error


def _tail(file: pathlib.Path) -> str:
    """Return the text of a file, or as much of its end as is kept."""
    with file.open("rb") as stream:
        length = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, length - _LONGEST))
        return stream.read().decode(errors="replace")
