"""The option image-files: files as text, in a directory of the unit, or in a git repository."""

from __future__ import annotations

import functools
import pathlib
import re
import tempfile

NAME = "image-files"
# No character means anything to systemd or to a shell.
_PATH = re.compile(r"/[\w.+/-]+")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(?:/[\w.+/-]*)?")


def is_text(value: str) -> bool:
    """Tell whether the option holds image files themselves."""
    return "\n" in value or ": " in value or value.endswith(":")


def check(value: str) -> None:
    """Check the option.

    Raises:
        ValueError: It cannot be used; the message begins with its name and has nothing of a URL.
    """
    if is_text(value):
        _check_text(value)
    elif "://" in value:
        # Most models have none, and no hook of theirs has to load what this takes.
        from retrofit.image_manager import git_files

        try:
            git_files.parse(value)
        except ValueError as error:
            raise ValueError(f"{NAME}: the URL must be {error}") from error
    elif not _PATH.fullmatch(value) or ".." in value.split("/"):
        raise ValueError(
            f"{NAME}: it must be the text of image files, an absolute path on the unit, or the "
            "URL of a git repository with a commit"
        )


def check_mirror(value: str) -> None:
    """Check the option image-mirror.

    Raises:
        ValueError: It cannot be used.
    """
    of_path = _PATH.fullmatch(value) and ".." not in value.split("/")
    if not of_path and not _BUCKET.fullmatch(value):
        raise ValueError("image-mirror: it must be s3://BUCKET/PREFIX or an absolute path")


@functools.lru_cache(maxsize=1)
def _check_text(value: str) -> None:
    from retrofit.image_manager import reading

    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / NAME
        path.write_text(value, encoding="utf-8")
        found = reading.read(path, check=True)
        if found.skipped:
            raise ValueError(found.problems[0].replace(str(path), NAME))
