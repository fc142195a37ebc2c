"""Measures uploads to and downloads from a real Glance, ours beside those of curl.

As a program, ``python -m benchmarks.transfer IMAGE``, it prints the seconds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator

from tests.support.cloud import cloud as running_cloud
from tests.support.publishing import publishing

from retrofit import cloud, model
from retrofit.base_images import glance
from retrofit.publishing import staging

_WARM_UP = 1


@dataclasses.dataclass(frozen=True)
class Seconds:
    """What each way took, the median of all repetitions.

    Attributes:
        plain_upload: ``curl`` sends the file to an image that is registered already.
        our_upload: Register, send, compare with the file, and mark as complete.
        plain_download: ``curl`` writes the image to a file.
        our_download: The same, checked against the hash that Glance has.
    """

    plain_upload: float
    our_upload: float
    plain_download: float
    our_download: float


def measure(image: pathlib.Path, *, repetitions: int = 5) -> Seconds:
    """Copy an image to a Glance on loopback and back, by turns in each way.

    Args:
        image: The image; its name ends with its format.
        repetitions: How often, after a first time that does not count.
    """
    taken: dict[str, list[float]] = {field.name: [] for field in dataclasses.fields(Seconds)}
    with _trial(image) as trial:
        for _ in range(_WARM_UP + repetitions):
            for name, seconds in taken.items():
                seconds.append(getattr(trial, name)())
    return Seconds(
        **{name: statistics.median(seconds[_WARM_UP:]) for name, seconds in taken.items()}
    )


@dataclasses.dataclass(frozen=True)
class _Trial:
    """One image, here and in Glance, and what copies it.

    Attributes:
        connection: Ours.
        image: The file.
        hashes: Its hashes, which a build knows.
        stored: The same image in Glance.
        target: File for downloads.
        url: Of Glance's images.
        settings: File by which curl is told the token and the authority.
    """

    connection: cloud.Cloud
    image: pathlib.Path
    hashes: dict[str, str]
    stored: model.BaseImage
    target: pathlib.Path
    url: str
    settings: pathlib.Path

    def plain_upload(self) -> float:
        """Upload with curl."""
        with self._registered() as image_id:
            self.connection.create(
                image_id, name="plain", disk_format=self.image.suffix[1:], properties=()
            )
            url = f"{self.url}/{image_id}/file"
            header = "Content-Type: application/octet-stream"
            return _timed(lambda: self._curl("-H", header, "-T", self.image, url))

    def our_upload(self) -> float:
        """Upload as a build does."""
        description = dataclasses.replace(
            publishing.description("20261121"), disk_format=self.image.suffix[1:]
        )
        with self._registered() as image_id:
            return _timed(
                lambda: staging.stage(
                    self.connection,
                    image_id,
                    self.image,
                    description,
                    hashes=self.hashes,
                    advanced=_ignore,
                )
            )

    def plain_download(self) -> float:
        """Download with curl."""
        url = f"{self.url}/{self.stored.id}/file"
        return self._fetched(lambda: self._curl("-o", self.target, url))

    def our_download(self) -> float:
        """Download as a build does."""
        return self._fetched(
            lambda: glance.download(self.connection, self.stored, self.target, advanced=_ignore)
        )

    @contextlib.contextmanager
    def _registered(self) -> Iterator[str]:
        """Give an identifier, and delete the image that then has it."""
        image_id = str(uuid.uuid4())
        try:
            yield image_id
        finally:
            self.connection.delete(image_id)

    def _fetched(self, download: Callable[[], object]) -> float:
        self.target.unlink(missing_ok=True)
        seconds = _timed(download)
        if self.target.stat().st_size != self.image.stat().st_size:
            raise SystemExit("the download is not whole")
        return seconds

    def _curl(self, *arguments: str | pathlib.Path) -> None:
        subprocess.run(["curl", "--config", self.settings, *arguments], check=True)


@contextlib.contextmanager
def _trial(image: pathlib.Path) -> Iterator[_Trial]:
    """Start a cloud that has the image, and connect to it."""
    with (
        running_cloud.running() as its,
        tempfile.TemporaryDirectory(prefix="retrofit-transfer-", dir="/var/tmp") as directory,
    ):
        place = pathlib.Path(directory)
        os.environ["OS_CLIENT_CONFIG_FILE"] = str(its.clouds_yaml(place / "clouds.yaml"))
        stored_id = its.upload_base(image, disk_format=image.suffix[1:])
        settings = place / "curl"
        settings.touch(mode=0o600)
        with its.connect(running_cloud.RETROFIT) as admitted:
            settings.write_text(
                f'silent\nshow-error\nfail\ncacert = "{its.ca_path}"\n'
                f'header = "X-Auth-Token: {admitted.auth_token}"\nheader = "Expect:"\n'
            )
            connection = cloud.connect(running_cloud.RETROFIT, region=None, interface=None)
            with contextlib.closing(connection):
                stored = glance.find(connection, glance.Wanted(image_id=stored_id)).base
                algorithm, _, digest = stored.content_hash.partition(":")
                yield _Trial(
                    connection=connection,
                    image=image,
                    hashes={algorithm: digest},
                    stored=stored,
                    target=place / "downloaded",
                    url=f"{its.image_url}/v2/images",
                    settings=settings,
                )


def _timed(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def _ignore(_done: int, _total: int) -> None:
    """Take a report without telling anybody."""


if __name__ == "__main__":
    for field, taken in dataclasses.asdict(measure(pathlib.Path(sys.argv[1]))).items():
        print(f"{field}: {taken:.2f} s")
