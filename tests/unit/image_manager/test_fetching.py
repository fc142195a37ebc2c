import bz2
import gzip
import hashlib
import io
import lzma
import pathlib
import tarfile
import zipfile

import pytest

from retrofit import errors
from retrofit.host import web
from retrofit.image_manager import fetching, upstream

_IMAGE = b"an image " * 1000
_ACCESS = web.Access()


def _sum(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def _tar(*names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as bundle:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(_IMAGE)
            bundle.addfile(member, io.BytesIO(_IMAGE))
    return packed.getvalue()


def _zip(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.mkdir("images")
        for name in names:
            archive.writestr(name, _IMAGE)
    return packed.getvalue()


def _fetch(work: pathlib.Path, url: str, checksum: str) -> bytes:
    file = fetching.fetch(url, checksum, _ACCESS, work, advanced=lambda *_: None)
    return file.read_bytes()


@pytest.fixture
def work(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.img", _IMAGE),
        ("a.img.xz", lzma.compress(_IMAGE)),
        ("a.img.gz", gzip.compress(_IMAGE)),
        ("a.img.bz2", bz2.compress(_IMAGE)),
        ("a.zip", _zip("images/a.img")),
        ("a.tar.xz", _tar("README", "a.raw")),
    ],
)
@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_what_is_packed_is_unpacked(
    name: str, content: bytes, algorithm: str, tmp_path: pathlib.Path, work: pathlib.Path
) -> None:
    (tmp_path / name).write_bytes(content)
    url = f"file://{tmp_path / name}"

    # The checksum may be of the package, or of the image in it.
    for right in (_sum(content, algorithm), _sum(_IMAGE, algorithm), ""):
        assert _fetch(work, url, right) == _IMAGE
    with pytest.raises(errors.ImageError, match=r"does not match its checksum: .* instead of"):
        _fetch(work, url, _sum(b"something else", algorithm))
    assert (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize(
    ("name", "content", "kind", "problem"),
    [
        ("a.img.xz", lzma.compress(_IMAGE)[:50], errors.ImageError, "cannot be unpacked: Compre"),
        ("a.img.gz", b"not gzip", errors.ImageError, "cannot be unpacked: Not a gzipped file"),
        ("a.img.bz2", b"not bzip2", errors.ImageError, "cannot be unpacked: Invalid data"),
        ("a.zip", b"not zip", errors.ImageError, "cannot be unpacked: File is not a zip"),
        ("a.tar.xz", lzma.compress(b"no tar"), errors.ImageError, "cannot be unpacked: "),
        ("a.tar.xz", _tar("a.raw", "b.raw"), errors.ImageError, "has 2 files, not one image"),
        ("a.tar.xz", _tar(), errors.ImageError, "has 0 files, not one image"),
        ("absent.img", None, errors.InputMissing, r"the file /.* is missing"),
    ],
)
def test_what_cannot_be_used(
    name: str,
    content: bytes | None,
    kind: type[errors.RetrofitError],
    problem: str,
    tmp_path: pathlib.Path,
    work: pathlib.Path,
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(kind, match=problem):
        _fetch(work, f"file://{tmp_path / name}", "")


def test_only_web_servers_are_asked(work: pathlib.Path) -> None:
    with pytest.raises(errors.ConfigError, match="only http and https are supported"):
        _fetch(work, "ftp://example.org/a.img", "")


def test_lists_of_checksums() -> None:
    text = (
        f"{'a' * 64} *a.img\n"
        f"{'b' * 128}  b.img\n"
        f"MD5 (c.img) = {'C' * 32}\n"
        f"{'d' * 40}  ./d.img\n"
        f"SHA2-256(e.img)= {'E' * 64}\n"
        f"f.img   {'f' * 64}\n"
        "-----BEGIN PGP SIGNATURE-----\n"
    )
    url = "https://example.org/images/{}.img?x=1"

    found = [upstream.listed(text, url.format(name), "LIST") for name in "abcdef"]

    assert found == [
        f"sha256:{'a' * 64}",
        f"sha512:{'b' * 128}",
        f"md5:{'c' * 32}",
        f"sha1:{'d' * 40}",
        f"sha256:{'e' * 64}",
        f"sha256:{'f' * 64}",
    ]
    with pytest.raises(errors.InputMissing, match=r"no MD5 or SHA-1 or SHA-256 or SHA-512 of g.i"):
        upstream.listed(text, url.format("g"), "LIST")
    with pytest.raises(errors.InputMissing, match=r"several checksums of a.img"):
        upstream.listed(f"{text}{'e' * 64}  a.img\n", url.format("a"), "LIST")
