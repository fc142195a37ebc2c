"""What versions are called in Glance, and which URLs of checksums a file may have."""

import pathlib

import pytest
from tests.support.image_manager import image_files

from retrofit.image_manager import reading


@pytest.mark.parametrize(
    ("multi", "separator", "name"),
    [
        (True, None, "Ubuntu (1)"),
        (False, None, "Ubuntu 1"),
        (True, "-", "Ubuntu-(1)"),
        (False, "-", "Ubuntu-1"),
        (False, "", "Ubuntu1"),
    ],
)
def test_the_name_of_a_version(
    multi: bool, separator: str | None, name: str, tmp_path: pathlib.Path
) -> None:
    image = image_files.image("Ubuntu", image_files.version("1"), multi=multi, separator=separator)
    path = image_files.write(tmp_path / "images.yml", image)

    (product,) = reading.read(path, check=True).products

    assert product.versioned("1") == name


@pytest.mark.parametrize("key", ["checksum_url", "checksums_url", "latest_checksum_url"])
@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "ftps"])
def test_only_web_servers_are_asked_for_checksums(
    key: str, scheme: str, tmp_path: pathlib.Path
) -> None:
    url = {key: f"{scheme}://example.org/image.sha512"}
    is_of_image = key.startswith("latest")
    version = image_files.version("1", **({} if is_of_image else url))
    image = image_files.image("Ubuntu", version, **(url if is_of_image else {}))
    path = image_files.write(tmp_path / "images.yml", image)

    found = reading.read(path, check=True)

    if scheme.startswith("http"):
        assert (len(found.products), found.problems) == (1, ())
        return
    assert found.products == ()
    (problem,) = found.problems
    assert f"{key}: it must be a URL that begins with http:// or https://" in problem
