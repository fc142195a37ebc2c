"""``--update-only`` against makers' directories: it writes URLs that stay."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import os
import pathlib
from collections.abc import Callable

import pytest
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import errors, model
from retrofit.host import web
from retrofit.image_manager import catalog, newest_build, reading, updating

_ACCESS = web.Access(proxies=model.Proxies())
_AUGUST = datetime.datetime(2026, 8, 2, 19, 46, 40, tzinfo=datetime.timezone.utc).timestamp()


class Maker:
    """A maker's web server.

    Attributes:
        server: The server.
        file: The image file that names its images.
    """

    def __init__(self, server: web_server.Server, file: pathlib.Path) -> None:
        self.server, self.file = server, file

    def has(self, path: str, text: str, *, algorithm: str = "sha256") -> str:
        """Offer a file, changed last in August; return its digest."""
        place = self.server.directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        os.utime(place, (_AUGUST, _AUGUST))
        return hashlib.new(algorithm, text.encode()).hexdigest()

    def lists(self, directory: str) -> None:
        """Write a page of a directory, as web servers do, for what is in it by now."""
        place = self.server.directory / directory
        names = [f"{one.name}/" if one.is_dir() else one.name for one in place.iterdir()]
        links = "".join(f'<tr><td><a href="{name}">{name}</a></td></tr>' for name in names)
        page = f'<a href="?C=N;O=D">Name</a><a href="/{directory}/..">Up</a>{links}'
        (place / "index.html").write_text(page)

    def product(self, latest: str, sums: str, **version: object) -> catalog.Product:
        """Return a product of which the file has a version of January."""
        image = image_files.image(
            "Newest",
            image_files.version("20260101", **version),
            latest_url=f"{self.server.url}{latest}",
            latest_checksum_url=f"{self.server.url}{sums}",
        )
        (product,) = reading.read(image_files.write(self.file, image), check=True).products
        return product


@pytest.fixture
def maker(server: web_server.Server, tmp_path: pathlib.Path) -> Maker:
    return Maker(server, tmp_path / "images.yml")


def _debian(maker: Maker) -> tuple[str, str, str]:
    for day, text in (("20260731-2420", "older"), ("20260801-2421", "newest")):
        digest = maker.has(f"daily/{day}/d-daily-{day}.qcow2", text, algorithm="sha512")
        maker.has(
            f"daily/{day}/SHA512SUMS", f"{'0' * 128}  else.json\n{digest}  d-daily-{day}.qcow2\n"
        )
    maker.has("daily/latest/d-daily.qcow2", "newest")
    maker.has("daily/latest/SHA512SUMS", f"{digest}  d-daily.qcow2\n")
    maker.lists("daily")
    dated = "daily/20260801-2421/d-daily-20260801-2421.qcow2"
    return "daily/latest/d-daily.qcow2", "daily/latest/SHA512SUMS", dated


def _ubuntu(maker: Maker) -> tuple[str, str, str]:
    # The maker is publishing the next build: its directory is there, current is not that yet.
    for day, text in (("20260801", "newest"), ("20260803", "not out yet"), ("20250101", "old")):
        digest = maker.has(f"noble/release-{day}/n.img", text)
        maker.has(f"noble/release-{day}/SHA256SUMS", f"{digest} *n.img\n")
    digest = maker.has("noble/current/n.img", "newest")
    maker.has("noble/current/SHA256SUMS", f"{digest} *n.img\n")
    maker.lists("noble")
    return "noble/current/n.img", "noble/current/SHA256SUMS", "noble/release-20260801/n.img"


def _almalinux(maker: Maker) -> tuple[str, str, str]:
    digest = maker.has("alma/A-latest.x86_64.qcow2", "newest")
    sums = f"{digest}  A-9.8-20260801.x86_64.qcow2\n{'1' * 64}  A-ext4-9.8-20260801.qcow2\n"
    maker.has("alma/CHECKSUM", f"{sums}{digest}  A-latest.x86_64.qcow2\n")
    maker.has("alma/A-9.8-20260801.x86_64.qcow2", "newest")
    return "alma/A-latest.x86_64.qcow2", "alma/CHECKSUM", "alma/A-9.8-20260801.x86_64.qcow2"


def _rocky(maker: Maker) -> tuple[str, str, str]:
    for name, text in (
        ("R-9.latest.x86_64.qcow2", "newest"),
        ("R-9-Base-9.6-20260801.0.x86_64.qcow2", "newest"),
        ("R-9-LVM-9.6-20260801.0.x86_64.qcow2", "with LVM"),
        ("R-9-Base-9.5-20251118.0.x86_64.qcow2", "older"),
    ):
        digest = maker.has(f"rocky/{name}", text)
        maker.has(f"rocky/{name}.CHECKSUM", f"# {name}: 7 bytes\nSHA256 ({name}) = {digest}\n")
    maker.lists("rocky")
    latest = "rocky/R-9.latest.x86_64.qcow2"
    return latest, f"{latest}.CHECKSUM", "rocky/R-9-Base-9.6-20260801.0.x86_64.qcow2"


@pytest.mark.parametrize("layout", [_debian, _ubuntu, _almalinux, _rocky])
def test_the_url_is_that_of_one_build(
    maker: Maker, layout: Callable[[Maker], tuple[str, str, str]]
) -> None:
    latest, sums, dated = layout(maker)

    found = newest_build.find(maker.product(latest, sums), _ACCESS)

    assert found is not None
    assert found.url == f"{maker.server.url}{dated}"
    assert (found.name, found.build_date) == ("20260801", datetime.date(2026, 8, 1))
    # Once it is in the file, there is nothing to do.
    kept = {"url": found.url, "checksum": found.checksum}
    assert newest_build.find(maker.product(latest, sums, **kept), _ACCESS) is None


@pytest.mark.parametrize(
    ("pattern", "others", "newest"),
    [
        (
            r"C-7-HEREBE\d+\.qcow2$DRAGONS",
            ("C-7-2009.qcow2", "C-7-2211.qcow2.xz"),
            "C-7-2211.qcow2",
        ),
        (r"C-9-HEREBE\d+\.\dDRAGONS.qcow2", ("C-9-20260713.2.qcow2",), "C-9-20260714.1.qcow2"),
    ],
)
def test_a_name_with_a_pattern_is_that_of_the_newest(
    maker: Maker, pattern: str, others: tuple[str, ...], newest: str
) -> None:
    names = (*others[:1], newest, *others[1:])
    digests = {name: maker.has(f"c/{name}", name) for name in names}
    sums = "".join(f"SHA256 ({name}) = {digest}\n" for name, digest in digests.items())
    maker.has("c/CHECKSUM", sums)

    found = newest_build.find(maker.product(f"c/{pattern}", "c/CHECKSUM"), _ACCESS)

    assert found is not None
    assert found.url == f"{maker.server.url}c/{newest}"
    assert found.checksum == f"sha256:{digests[newest]}"


def test_a_second_build_of_a_day_has_another_version(maker: Maker) -> None:
    latest, sums, _ = _ubuntu(maker)
    product = maker.product(latest, sums)
    (version,) = product.versions
    today = dataclasses.replace(version, name="20260801")

    found = newest_build.find(dataclasses.replace(product, versions=(today,)), _ACCESS)

    assert found is not None
    assert found.name == "20260802194640"


def test_a_url_that_moves_is_not_written_without_a_mirror(maker: Maker) -> None:
    digest = maker.has("moves/image-latest.raw", "newest")
    maker.has("moves/SUMS", f"{digest}  image-latest.raw\n")
    moving = "moves/image-latest.raw", "moves/SUMS"

    before = maker.product(*moving)
    text = maker.file.read_bytes()
    (failure,) = updating.update([before], _ACCESS, lambda *_: None, dry_run=False)

    assert isinstance(failure, errors.Unavailable)
    assert str(failure).startswith(f"{maker.file}:2: {maker.server.url}moves/image-latest.raw has")
    assert "retrofit mirror" in str(failure.hint)
    assert maker.file.read_bytes() == text

    mirrored = "https://example.org/openstack-images/newest/20260101-newest.raw"
    found = newest_build.find(maker.product(*moving, mirror_url=mirrored), _ACCESS)
    assert found is not None
    assert found.url == f"{maker.server.url}moves/image-latest.raw"
    assert found.mirror_url == mirrored.replace("20260101", "20260802")


def test_what_a_file_lacks_for_an_update_is_told(
    maker: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    product = maker.product("x/latest.raw", "x/SUMS")
    bare = dataclasses.replace(product, versions=(), latest_checksum_url="")

    assert updating.update([bare], _ACCESS, lambda *_: None, dry_run=True) == []

    (record,) = caplog.records
    assert record.getMessage().endswith(
        "Newest is not updated: it has a latest_url, but no latest_checksum_url and no version to "
        "replace"
    )
