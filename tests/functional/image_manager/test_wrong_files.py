"""Wrong image files: what is printed, and the exit code, are what the documentation says."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from typing import Any

import click.testing
import yaml
from tests.support import paths
from tests.support.image_manager import image_files

from retrofit import errors
from retrofit.cli import main

_PAGE = paths.REPOSITORY / "docs/reference/bad-input.md"


def _text(*images: Any) -> bytes:
    return yaml.safe_dump({"images": list(images)}, sort_keys=False).encode()


def _image(**changes: Any) -> Any:
    version = image_files.version(
        "1", **{"url": "file:///absent.img", **changes.pop("version", {})}
    )
    return image_files.image("Debian 13", version, **changes)


def _cases() -> Iterator[tuple[str, bytes | None, tuple[str, ...]]]:
    """Yield what is wrong, the file, and further words of the command."""
    good = _image()
    yield "Not YAML", b"images: [", ()
    yield "Not text in UTF-8", b"images: [\xff]", ()
    yield "A tab as indentation", b"images:\n\t- name: x\n", ()
    yield "A key twice", b"images: []\nimages: []\n", ()
    yield "A date that does not exist", b"images: [{a: 2026-02-31}]", ()
    yield "Something other than images", b"image: {}\n", ()
    yield "A further key beside `images`", _text(good) + b"colour: blue\n", ()
    yield "No image", b"images: []\n", ()
    yield "Text in place of an image", _text("Debian 13"), ()
    yield "An unknown format", _text(_image(format="qcow")), ()
    yield "A missing key", _text(_image(login=None)), ()
    yield "An unknown key", _text(_image(colour="blue")), ()
    yield "Text in place of true or false", _text(_image(multi="yes")), ()
    yield "A negative size", _text(_image(min_disk=-1)), ()
    yield "A missing property", _text(_image(meta={"hw_disk_bus": None})), ()
    yield "An unknown promise", _text(_image(meta={"uuid_validity": "last-x"})), ()
    yield "A number as version", _text(_image(version={"version": 1.10})), ()
    yield "A URL without a scheme", _text(_image(version={"url": "debian.img"})), ()
    yield "A checksum that is too short", _text(_image(version={"checksum": "sha256:12"})), ()
    yield "`latest` without a list of checksums", _text(_image(version={"version": "latest"})), ()
    yield (
        "A version twice",
        _text({**good, "versions": [*good["versions"], *_image()["versions"]]}),
        (),
    )
    yield "A name twice", _text(good, _image()), ()
    yield "A file that does not exist at `url`", _text(good), ()
    yield "A wrong filter", _text(good), ("--filter", "[")
    yield "No file", None, ()


def _row(tmp_path: pathlib.Path, what: str, content: bytes | None, words: tuple[str, ...]) -> str:
    path = tmp_path / "images.yml"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    runner = click.testing.CliRunner()
    run = ["manage", "--check-only", "--images", str(path), *words]
    done = runner.invoke(main.retrofit, run)
    error = done.exception
    assert isinstance(error, errors.RetrofitError)
    printed = done.stderr.splitlines()[0] if isinstance(error, errors.Skipped) else str(error)
    return f"| {what} | `{printed.replace(str(path), 'images.yml')}` | {error.exit_code} |"


def test_the_documentation_has_what_is_printed(tmp_path: pathlib.Path) -> None:
    printed = [_row(tmp_path, *case) for case in _cases()]

    section = re.split(r"^##+ ", _PAGE.read_text(), flags=re.MULTILINE)
    (table,) = (part for part in section if part.startswith("Wrong image files\n"))
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert rows == printed
