"""Image files in a git repository, at a commit: ``https://HOST/REPOSITORY.git@COMMIT:FOLDER``."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import pathlib
import re

from .. import errors
from ..host import caches, files, locks, trees, web

# No character of it means anything to a shell, to systemd or to git.
_PLACE = re.compile(
    r"(?P<url>(?:https?|file)://[\w.~/:+-]+)@(?P<commit>[0-9a-f]{40})"
    r"(?::(?P<folder>[\w.+-]+(?:/[\w.+-]+)*))?"
)
_MOST_FILES = 1000
_MEANING = (
    "https://HOST/REPOSITORY.git@COMMIT or …@COMMIT:FOLDER, with all 40 digits of the commit and "
    "without a login"
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where image files are.

    Attributes:
        url: The repository.
        commit: The commit, which says what is in the files.
        folder: Directory in the repository; empty for its root.
    """

    url: str
    commit: str
    folder: str

    def __str__(self) -> str:
        return f"{self.url}@{self.commit}" + (f":{self.folder}" if self.folder else "")


def is_url(text: str) -> bool:
    """Tell whether image files are said to be elsewhere, rather than in a path."""
    return "://" in text


def parse(text: str) -> Place:
    """Return the place that a URL stands for.

    Raises:
        ValueError: It stands for none; the message says how one is written, and nothing of it.
    """
    found = _PLACE.fullmatch(text)
    if found is None or ".." in text.split("/"):
        raise ValueError(_MEANING)
    return Place(found["url"], found["commit"], found["folder"] or "")


def located(text: str, access: web.Access) -> pathlib.Path:
    """Return where image files are on this machine, fetched if they are elsewhere.

    Args:
        text: A path, or the URL of a repository.
        access: How web servers are reached.

    Raises:
        errors.UsageError: It is none of both.
        errors.RetrofitError: They cannot be fetched.
    """
    if not is_url(text):
        return pathlib.Path(text)
    try:
        place = parse(text)
    except ValueError as error:
        raise errors.UsageError(f"image files must be a path or {error}") from error
    return fetched(place, access)


def fetched(place: Place, access: web.Access) -> pathlib.Path:
    """Return a directory with the image files of a place; a commit is fetched once.

    Raises:
        errors.Unavailable: git cannot fetch the repository.
        errors.InputMissing: The commit or the folder is not there.
        errors.ConfigError: There are too many files.
        errors.OutputError: The cache cannot be written.
    """
    cache = caches.of_user() / "image-files"
    digest = hashlib.sha256(place.url.encode()).hexdigest()[:16]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locks.held(cache / ".lock", fcntl.LOCK_EX):
            return _fetched(place, access, cache / digest)
    except OSError as error:
        raise errors.OutputError(
            f"the cache {cache} cannot be used: {error.strerror}",
            hint="set another directory in XDG_CACHE_HOME",
        ) from error


def _fetched(place: Place, access: web.Access, directory: pathlib.Path) -> pathlib.Path:
    # Late: most image files are on this machine, and builds are loaded with it.
    from ..building.elements import git_repositories, repositories

    repository = repositories.Repository(
        "", "image files", repositories.Kind.GIT, "", place.url, place.commit
    )
    kept = directory / "git"
    directory.mkdir(exist_ok=True)
    if git_repositories.revision(repository, kept) != place.commit:
        try:
            git_repositories.update(repository, access, kept)
        except errors.Unavailable as error:
            # Behind it stands what might be the cause of any fault.
            fatal = [line for line in error.details if line.startswith("fatal: ")]
            why = "".join(f": {line}" for line in (fatal or error.details[-1:])[:1])
            raise errors.Unavailable(
                f"git cannot fetch {place.url}{why}", hint="check the URL and the network"
            ) from error
    if git_repositories.revision(repository, kept) != place.commit:
        raise errors.InputMissing(
            f"{place.url} has no commit {place.commit}", hint="check image files and commit"
        )
    texts = git_repositories.texts(kept, place.commit, place.folder, (".yml", ".yaml"))
    if not texts:
        raise errors.InputMissing(f"{place} has no file that ends in .yml or .yaml")
    if len(texts) > _MOST_FILES:
        raise errors.ConfigError(f"{place} has more than {_MOST_FILES} image files")
    # The files of another commit are another directory, whose name is in messages.
    target = directory / place.commit
    if target.is_dir():
        trees.remove(target)
    target.mkdir()
    for name, text in texts.items():
        files.write(target / name, text, mode=0o644)
    return target
