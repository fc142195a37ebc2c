"""Whether images are where files say: asked over real connections, and nothing is fetched."""

from __future__ import annotations

import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import errors, model
from retrofit.host import web, web_presence
from retrofit.image_manager import presence, reading, wanted

_ACCESS = web.Access(proxies=model.Proxies())


def test_each_version_that_is_nowhere_is_named(
    server: web_server.Server, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "images.yml"
    checksum = image_files.content(server.directory / "there.raw", "there")
    there, gone = f"{server.url}there.raw", f"{server.url}gone.raw"
    refused = "http://127.0.0.1:1/x.raw"
    places = (
        {"url": there},
        {"url": gone},
        {"url": there, "mirror_url": gone},
        {"url": gone, "mirror_url": there},
        {"url": "ftp://example.org/x.raw"},
        {"url": f"file://{tmp_path}/none.raw"},
        {"url": f"file://{server.directory}/there.raw"},
        {"url": refused},
        {"url": gone, "mirror_url": refused},
    )
    versions = [
        image_files.version(str(number), checksum=checksum, **each)
        for number, each in enumerate(places)
    ]
    image_files.write(path, image_files.image("Asked", *versions))
    (product,) = reading.read(path, check=False).products

    missing = presence.missing([wanted.of(product, each) for each in product.versions], _ACCESS)

    expected: list[tuple[type[errors.RetrofitError], str]] = [
        (
            errors.InputMissing,
            f"cannot fetch {gone}: the file does not exist",
        ),
        (
            errors.ConfigError,
            "cannot fetch ftp://example.org/x.raw: only http and https are supported",
        ),
        (errors.InputMissing, f"the file {tmp_path}/none.raw is missing"),
        (errors.Unavailable, f"cannot fetch {refused}"),
        (
            errors.InputMissing,
            f"cannot fetch {gone}: the file does not exist",
        ),
    ]
    assert [each.version.name for each, _ in missing] == ["1", "4", "5", "7", "8"]
    for (_, failure), (kind, message) in zip(missing, expected, strict=True):
        assert isinstance(failure, kind)
        assert failure.message.startswith(message)
    warned = [record.getMessage() for record in caplog.records]
    assert [text.partition(": cannot")[0] for text in warned] == [
        f"{path}:2: Asked (2)",
        f"{path}:2: Asked (3)",
        f"{path}:2: Asked (8)",
    ]
    # Each was asked for once, or once more by a GET that was refused; nothing was fetched.
    assert {answer.path: answer.sent for answer in server.answers} == {
        "there.raw": 0,
        "gone.raw": 0,
    }
    assert len(server.of("there.raw")) == 1


def test_servers_that_answer_get_alone_are_asked_by_it(server: web_server.Server) -> None:
    (server.directory / "there.raw").write_text("there")
    server.only_get = True

    faults = web_presence.absent(
        [f"{server.url}{name}.raw" for name in ("there", "gone")], _ACCESS, timeout_s=9
    )

    assert [*faults] == [f"{server.url}gone.raw"]


def test_a_login_in_a_url_is_used_and_not_told(server: web_server.Server) -> None:
    (server.directory / "there.raw").write_text("there")
    server.password = "name:word"
    right, wrong = (server.url.replace("//", f"//name:{each}@") for each in ("word", "other"))

    faults = web_presence.absent([f"{right}there.raw", f"{wrong}there.raw"], _ACCESS, timeout_s=9)

    ((url, fault),) = faults.items()
    assert url.startswith(wrong)
    assert isinstance(fault, errors.Denied)
    assert "other" not in str(fault)


def test_an_interruption_waits_for_no_server(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "images.yml"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.raw"
        image_files.write(path, image_files.image("Silent", image_files.version("1", url=url)))
        command = [sys.executable, "-m", "retrofit", "manage", "--images", path, "--check-only"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()
            with connection:
                began = time.monotonic()
                process.send_signal(signal.SIGINT)
                _, complained = process.communicate()

    assert process.returncode == 128 + signal.SIGINT
    assert complained == "retrofit: error: interrupted; unfinished work was removed\n"
    assert time.monotonic() - began < presence._TIMEOUT_S / 2
