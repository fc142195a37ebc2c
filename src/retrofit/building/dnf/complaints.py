"""What dnf complains of, as errors that name what the user gave."""

from __future__ import annotations

import re

from ... import errors
from ...host import process

_NOT_SIGNED = re.compile(
    r"GPG check FAILED|is not signed|Public key for .* is not installed|"
    r"(?:OpenPGP|GPG|PGP) (?:check|signature).*(?:fail|FAIL)|"
    r"repomd\.xml GPG signature verification"
)
_NO_PACKAGE = re.compile(
    r"Unable to find a match: (?P<first>.+)|No match for argument: (?P<second>.+)"
)
_REFUSED = re.compile(r"Status code: 404|Cannot download repomd|All mirrors were tried")
# What dnf says of packages that do not go together.
_CAUSE = re.compile(r"\s+- (?P<cause>.+)")
# dnf's own words in front of what it says.
_PREFIX = re.compile(r"^(?:Error: |Errors during downloading metadata for repository )")


def check(completed: process.Completed) -> None:
    """Say which repository or package is at fault if dnf failed.

    Raises:
        errors.ConfigError: A repository lacks what is wanted of it, or does not sign it.
        errors.RecipeError: Packages cannot be combined, or one of their scripts failed.
        errors.Unavailable: A repository does not answer as it should.
    """
    if completed.returncode == 0:
        return
    lines = [line for line in completed.tail if line.strip()]
    text = "\n".join(lines)
    last = _PREFIX.sub("", lines[-1].strip()) if lines else "dnf printed no error"
    lacking = _NO_PACKAGE.search(text)
    if lacking is not None:
        name = (lacking["first"] or lacking["second"]).strip()
        raise errors.ConfigError(
            f"no repository has the package {name}",
            hint="correct the name of the package, or the mirror",
            details=completed.tail,
        )
    unsigned = next((line.strip() for line in lines if _NOT_SIGNED.search(line)), "")
    if unsigned:
        raise errors.ConfigError(
            f"a package is not signed with a known key: {unsigned}",
            hint="check the mirror; the keys of a distribution are in its release package",
            details=completed.tail,
        )
    if "Failed to download metadata" in text or _REFUSED.search(text):
        said = next((line for line in lines if "Failed to download metadata" in line), last)
        reason = _PREFIX.sub("", said.strip())
        raise errors.Unavailable(
            f"a repository cannot be used: {reason}",
            hint="check the mirror, the proxies and the network",
            details=completed.tail,
        )
    causes = (match["cause"] for line in lines if (match := _CAUSE.fullmatch(line)))
    raise errors.RecipeError(
        f"packages cannot be installed: {next(causes, last)}",
        hint="run again with --debug to see the full output of dnf",
        details=completed.tail,
    )
