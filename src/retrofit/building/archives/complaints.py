"""What apt complains of, as errors that name what the user gave."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ... import errors, model
from ...host import process
from . import pockets

_CHECK_CLOCK = "check this machine's clock; if it is right, the mirror is not kept up to date"
# What stands in a complaint, what that means, and what to do.
_KNOWN: tuple[tuple[str, str, type[errors.RetrofitError], str], ...] = (
    (r"is expired \(invalid since", "an archive has expired", errors.Unavailable, _CHECK_CLOCK),
    ("is not valid yet", "an archive is not valid yet", errors.Unavailable, _CHECK_CLOCK),
    (
        "(not yet valid|expired) certificate",
        "an archive cannot be used",
        errors.Unavailable,
        "check this machine's clock and the mirror's certificate",
    ),
    (
        "EXPKEYSIG|KEYEXPIRED",
        "the key of an archive has expired",
        errors.Unavailable,
        "check this machine's clock; if it is right, use a base image with the archive's new key",
    ),
    (
        "BADSIG",
        "an archive does not match its signature",
        errors.Unavailable,
        "the mirror may be updating: try again later, or check the archive mirror",
    ),
    (
        # The latter is apt's since 3.0.
        "NO_PUBKEY|is not signed|no longer signed|Missing key",
        "an archive is not signed with a known key",
        errors.ConfigError,
        "check the archive mirror; the keys of a distribution are in its keyring package",
    ),
    (
        "Sub-process .*dpkg returned|unmet dependencies|Unable to correct problems",
        "packages cannot be installed",
        errors.RecipeError,
        "run again with --debug to see the full output of apt",
    ),
)


class Complaints:
    """Gathers complaints from the lines that apt prints."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def watch(self, line: str) -> None:
        """Take one line."""
        if re.match(r"(E:|W:|Err:)", line):
            self.lines.append(line)
        elif line.startswith("  ") and self.lines and self.lines[-1].startswith("Err:"):
            # Why it failed stands below what failed.
            self.lines[-1] += f": {line.strip()}"

    def check(self, completed: process.Completed, archives: model.Archives) -> None:
        """Say which archive is at fault if apt failed.

        Args:
            completed: How it ended.
            archives: What the user gave.

        Raises:
            errors.ConfigError: An archive has no such suite, or its key is not known.
            errors.RecipeError: Packages cannot be combined, or one of their scripts failed.
            errors.Unavailable: An archive does not answer as it should.
        """
        # apt before 2.1.9, as in focal, knows no Error-Mode and only warns of what it lacks.
        unfetched = any("Failed to fetch" in line for line in self.lines)
        if completed.returncode != 0 or unfetched:
            raise _explain(self.lines or completed.tail, archives)


def _explain(complaints: Sequence[str], archives: model.Archives) -> errors.RetrofitError:
    """Turn apt's complaints into an error."""
    text = "\n".join(complaints)
    details = tuple(complaints)
    # apt's first error is the cause; its last one only says that something failed.
    grave = [line for line in complaints if not line.startswith("W:")]
    cause = next(iter([*grave, *complaints]), "apt printed no error")
    reason = re.sub(r"^(?:E: |W: |Err:\d+ )", "", cause).rstrip(". ")
    absent = "404  " in text or "File not found" in text
    suite = pockets.match(archives.uca_pocket)
    if suite is not None and f"/{suite['name']}" in text:
        where = archives.uca_mirror or pockets.PUBLIC
        if absent:
            return errors.ConfigError(
                f"the Ubuntu Cloud Archive at {where} has no pocket {archives.uca_pocket!r} for"
                " this series",
                hint="check which pockets it has, or correct the pocket",
                details=details,
            )
        return errors.Unavailable(
            f"the Ubuntu Cloud Archive at {where} cannot be used: {reason}",
            hint="check its mirror and the proxies",
            details=details,
        )
    for pattern, meaning, kind, hint in _KNOWN:
        if re.search(pattern, cause):
            return kind(f"{meaning}: {reason}", hint=hint, details=details)
    if absent:
        return errors.ConfigError(
            f"an archive does not have what the image needs: {reason}",
            hint="check the archive mirror",
            details=details,
        )
    return errors.Unavailable(
        f"an archive cannot be used: {reason}",
        hint="check the archive mirror, the proxies and the network",
        details=details,
    )
