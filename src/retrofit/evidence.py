"""What is kept of a proof for people to look at: the checks, and what machines said."""

from __future__ import annotations

import json
import pathlib
import shutil

from . import errors, files, findings

CHECKS = "checks.json"


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
                shutil.copyfile(file, directory / file.name)
        text = json.dumps(findings.as_json(proof), indent=2) + "\n"
        files.write(directory / CHECKS, text, mode=0o600)
    except OSError as error:
        raise errors.OutputError(
            f"cannot keep the evidence in {directory}: {error.strerror}",
            hint="name another directory with --evidence",
        ) from error
