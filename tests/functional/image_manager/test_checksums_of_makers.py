"""Checksums that makers publish, asked for over real connections: as good as those in a file."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Callable

import pytest
import tenacity
from tests.support.cloud import cloud as support
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import cloud, errors, model
from retrofit.host import web
from retrofit.image_manager import reading, upstream

_ACCESS = web.Access(proxies=model.Proxies())
_KEYS = ("checksum_url", "checksums_url")
# Nobody listens there.
_REFUSED = "http://127.0.0.1:1/sums"


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "images.yml"


def _asked(path: pathlib.Path, **where: str) -> str:
    """Return the checksum of a version whose file says where it is published."""
    version = image_files.version("1", url="https://example.org/i/image.qcow2", **where)
    image_files.write(path, image_files.image("Summed", version))
    (product,) = reading.read(path, check=True).products
    return upstream.checksum(product.versions[0], _ACCESS)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_a_file_with_one_digest(
    algorithm: str, server: web_server.Server, path: pathlib.Path
) -> None:
    digest = hashlib.new(algorithm, b"image").hexdigest()

    for text in (digest, digest.upper(), f"{digest}\n"):
        (server.directory / "image.sum").write_text(text)
        found = _asked(path, checksum_url=f"{server.url}image.sum")
        assert found == f"{algorithm}:{digest}"


@pytest.mark.parametrize(
    "text", ["x" * 64, "abc123", "a" * 63, "<html>no checksum</html>", "", "   \n"]
)
def test_a_file_without_a_digest(text: str, server: web_server.Server, path: pathlib.Path) -> None:
    (server.directory / "image.sum").write_text(text)

    with pytest.raises(errors.InputMissing, match=r"image\.sum is not a checksum"):
        _asked(path, checksum_url=f"{server.url}image.sum")


def test_a_list_of_digests(server: web_server.Server, path: pathlib.Path) -> None:
    (server.directory / "SUMS").write_text(f"{'a' * 64} *other.qcow2\n{'b' * 128} *image.qcow2\n")

    assert _asked(path, checksums_url=f"{server.url}SUMS") == f"sha512:{'b' * 128}"


@pytest.mark.parametrize("key", _KEYS)
def test_a_server_without_it(key: str, server: web_server.Server, path: pathlib.Path) -> None:
    with pytest.raises(errors.InputMissing, match="the file does not exist"):
        _asked(path, **{key: f"{server.url}absent"})


@pytest.mark.parametrize("key", _KEYS)
def test_no_server(key: str, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenacity, "wait_exponential", lambda **_: tenacity.wait_none())

    with pytest.raises(errors.Unavailable, match="Connection refused"):
        _asked(path, **{key: _REFUSED})


def test_without_it_the_newest_is_not_imported(
    running_cloud: support.Cloud,
    connect: Callable[..., cloud.Cloud],
    server: web_server.Server,
    path: pathlib.Path,
    tmp_path: pathlib.Path,
) -> None:
    image_files.content(server.directory / "1.raw", "unsummed")
    version = image_files.version(
        "latest", url=f"{server.url}1.raw", checksum_url=f"{server.url}absent"
    )
    image_files.write(path, image_files.image("Unsummed", version))

    steps, (failure,) = image_files.manage(connect(), path, tmp_path)

    assert (steps, type(failure)) == ([], errors.InputMissing)
    assert image_files.shown(running_cloud, "Unsummed") == []
    assert server.of("1.raw") == []
