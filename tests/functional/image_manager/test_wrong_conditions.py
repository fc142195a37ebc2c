"""What is printed where servers, disks and clouds fail: docs/reference/image-file-errors.md.

``RETROFIT_WRITE_DOCS=1`` writes the table anew from what was printed; else the tests compare.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support import paths, scratch
from tests.support.cli import command
from tests.support.cloud import cloud
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit.host import web, web_servers

_PAGE = paths.REPOSITORY / "docs" / "reference" / "image-file-errors.md"
_BEGIN = "| Wrong | Command | Printed | Code |\n|---|---|---|---|\n"
_CHECK = "retrofit manage --images etc --check-only"
_MANAGE = "retrofit manage --images etc --os-cloud retrofit"
_IMPORT = f"{_MANAGE} --prefetch always"
_AS_TENANT = "retrofit manage --images etc --os-cloud tenant --prefetch always"
_QUOTA_MB = 2
_DISK_MB = 4


@dataclasses.dataclass
class Place:
    """Where a command runs.

    Attributes:
        files: Directory of its image files; what it prints is relative to that.
        work: Directory for its temporary files.
        server: A web server that has the image ``1.raw``.
        checksum: Checksum of that image.
        cloud: The cloud.
        held: What ends with the test, such as a mounted file system.
        environment: Variables for the command.
    """

    files: pathlib.Path
    work: pathlib.Path
    server: web_server.Server
    checksum: str
    cloud: cloud.Cloud
    held: contextlib.ExitStack
    environment: dict[str, str]

    def version(self, name: str = "1", **changes: Any) -> dict[str, Any]:
        """Return a version of the image that the web server has."""
        usual = {"url": f"{self.server.url}1.raw", "checksum": self.checksum}
        return image_files.version(name, **usual | changes)

    def write(self, *versions: dict[str, Any], **changes: Any) -> None:
        """Write ``etc/images.yml`` with one image."""
        image = image_files.image("Ubuntu", *(versions or (self.version(),)), **changes)
        image_files.write(self.files / "etc" / "images.yml", image)

    def run(self, line: str) -> command.Outcome:
        """Run a command line, written as in the table."""
        words = [*shlex.split(line)[1:], "--work-dir", str(self.work)]
        return command.called(words, cwd=self.files, work=self.work, environment=self.environment)

    def shown(self, printed: str) -> str:
        """Return what was printed without what differs between runs."""
        printed = printed.replace(self.server.url.rstrip("/"), "WEB")
        printed = re.sub(rf"{re.escape(str(self.work))}\S*", "WORK-DIR", printed)
        printed = re.sub(r": \d+\.\d s\b", ": N s", printed)
        # Resolvers say it in their own words.
        printed = re.sub(r"\(\[Errno -\d\] [^)]+\)", "(REASON)", printed)
        printed = re.sub(r"\b[0-9a-f]{32}\b", "PROJECT", printed)
        printed = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", printed)
        return printed.strip()


@dataclasses.dataclass(frozen=True)
class Case:
    """Something that is wrong.

    Attributes:
        what: Its name.
        code: The exit code it is to have.
        prepare: Makes it.
        line: The command line.
    """

    what: str
    code: int
    prepare: Callable[[Place], None]
    line: str = _CHECK

    def row(self, printed: str) -> str:
        """Return the table's row."""
        lines = "<br>".join(f"`{line}`" for line in printed.splitlines())
        return f"| {self.what} | `{self.line}` | {lines} | {self.code} |\n"


def _of_image(**changes: Any) -> Callable[[Place], None]:
    return lambda place: place.write(**changes)


def _of_version(**changes: Any) -> Callable[[Place], None]:
    return lambda place: place.write(place.version(**changes))


def _text(text: str) -> Callable[[Place], None]:
    def prepare(place: Place) -> None:
        (place.files / "etc" / "images.yml").write_text(text)

    return prepare


def _gone(place: Place) -> None:
    place.write(place.version(url=f"{place.server.url}absent.raw"))


def _stalling(place: Place) -> None:
    place.write()
    place.server.faults["1.raw"] += [web_server.Fault(100, stall=True)] * 4


def _cutting(place: Place) -> None:
    place.write()
    place.server.faults["1.raw"] += [web_server.Fault(100)] * 4


def _large(place: Place, mebibytes: int) -> None:
    file = place.server.directory / "large.raw"
    image_files.content(file, "x" * (mebibytes * 256))
    place.write(place.version(url=f"{place.server.url}large.raw", checksum=None))


def _over_quota(place: Place) -> None:
    _large(place, _QUOTA_MB + 1)


def _full(place: Place) -> None:
    place.held.enter_context(scratch.file_system(place.work, mebibytes=_DISK_MB))
    _large(place, _DISK_MB + 1)


def _s3_is_gone(place: Place) -> None:
    place.write()
    place.environment |= {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "anywhere",
        "AWS_MAX_ATTEMPTS": "1",
    }


CASES = (
    Case("Unknown key of `meta`", 0, _of_image(meta={"hw_colour": "blue"})),
    Case("Unknown distribution", 0, _of_image(meta={"os_distro": "Ubuntu"})),
    Case("Unknown purpose", 0, _of_image(meta={"os_purpose": "router"})),
    Case(
        "Two places for a checksum",
        9,
        _of_version(checksum_url="https://e.example/1", checksums_url="https://e.example/2"),
    ),
    Case("An empty file", 9, _text("")),
    Case("A directory without files", 66, lambda _: None),
    Case("A mistyped word", 64, lambda _: None, f"{_MANAGE} --prefetch allways"),
    Case("No image at its URL, asked only", 66, _gone),
    Case("Another content", 65, _of_version(checksum=f"sha256:{'0' * 64}"), _IMPORT),
    Case("No image at its URL", 66, _gone, _IMPORT),
    Case("A missing file of this machine", 66, _of_version(url="file:///srv/none.raw"), _IMPORT),
    Case("A server that refuses", 69, _of_version(url="http://127.0.0.1:1/1.raw"), _IMPORT),
    Case("An unknown host", 69, _of_version(url="http://mirror.invalid/1.raw"), _IMPORT),
    Case("A server that sends nothing", 69, _stalling, _IMPORT),
    Case("A server that cuts the connection", 69, _cutting, _IMPORT),
    Case("A full disk", 74, _full, _IMPORT),
    Case("The quota of Glance", 74, _over_quota, _IMPORT),
    Case("The same, Glance downloads", 69, _over_quota, f"{_MANAGE} --prefetch never"),
    Case("No right to publish images", 77, Place.write, _AS_TENANT),
    Case("An unknown cloud", 78, Place.write, "retrofit manage --images etc --os-cloud retro"),
    Case("A bucket that cannot be read", 69, _s3_is_gone, f"{_MANAGE} --mirror s3://images"),
    Case("A mirror that is missing", 66, Place.write, f"{_MANAGE} --mirror none"),
)


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[cloud.Cloud]:
    """A cloud that takes uploads directly, and not many."""
    limited = cloud.Options(import_methods="web-download", user_storage_quota=f"{_QUOTA_MB}MB")
    with cloud.running(options=limited) as running:
        yield running


@pytest.fixture
def place(
    running_cloud: cloud.Cloud,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    monkeypatch.setattr(web_servers, "STALL_S", 1.0)
    monkeypatch.setattr(web, "_ATTEMPTS", 2)
    files, work = tmp_path / "files", tmp_path / "work"
    (files / "etc").mkdir(parents=True)
    work.mkdir()
    settings = running_cloud.clouds_yaml(tmp_path / "clouds.yaml")
    environment = {"OS_CLIENT_CONFIG_FILE": str(settings)}
    checksum = image_files.content(server.directory / "1.raw", "small")
    with contextlib.ExitStack() as held:
        yield Place(files, work, server, checksum, running_cloud, held, environment)


@pytest.fixture(scope="module")
def table() -> Iterator[dict[str, str]]:
    """Rows as printed in this run, by what is wrong; written into the page on demand."""
    rows: dict[str, str] = {}
    yield rows
    if os.environ.get("RETROFIT_WRITE_DOCS"):
        head = _PAGE.read_text().partition(_BEGIN)[0]
        _PAGE.write_text(head + _BEGIN + "".join(rows[case.what] for case in CASES))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what.replace(" ", "-"))
def test_wrong_condition(case: Case, place: Place, table: dict[str, str]) -> None:
    case.prepare(place)
    images = place.cloud.images(visibility="all")

    outcome = place.run(case.line)

    assert outcome.code == case.code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert outcome.left == ()
    # What arrived before a right was missing stays private, for the next run.
    if case.code != 77:
        assert place.cloud.images(visibility="all") == images
    table[case.what] = case.row(place.shown(outcome.stderr))
    if not os.environ.get("RETROFIT_WRITE_DOCS"):
        assert table[case.what] in _PAGE.read_text()
