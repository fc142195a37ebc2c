"""``retrofit create``: options into a request, files out."""

from __future__ import annotations

import pathlib

import pytest

from retrofit import model
from retrofit.base_images import bootstrap
from retrofit.base_images.scratch import contents, shape
from retrofit.cli import execution, main
from retrofit.host import caches, signals
from retrofit.model.documents import run_document
from retrofit.planning import run_request
from retrofit.publishing import file_target
from retrofit.runs import one


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[run_request.RunRequest]:
    requests = []

    def run(request: run_request.RunRequest, _: object) -> one.RunResult:
        requests.append(request)
        assert isinstance(request.target, file_target.FilesTarget)
        files = tuple(
            model.ImageFile(path, file_format, 300 * model.MIB, "aa")
            for file_format, path in request.target.paths
        )
        release = model.Release("debian", "12", "bookworm", "amd64")
        made = model.BuildResult(
            *(pathlib.Path("disk"), model.ImageFormat.RAW, model.GIB, model.GIB, "aa", "bb"),
            *(release, (model.Package("haproxy", "2.6", "amd64"),)),
            files=files,
        )
        return one.RunResult(run_document.Outcome.PUBLISHED, (), build=made)

    monkeypatch.setattr(one, "run", run)
    monkeypatch.setattr(signals, "watch", lambda: None)
    return requests


def _create(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        execution.execute(main.retrofit, name="retrofit", arguments=["create", *words])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_options_arrive(asked: list[run_request.RunRequest], tmp_path: pathlib.Path):
    keyring = tmp_path / "keys"
    keyring.write_bytes(b"keys")
    code = _create(
        *("out", "--series", "bookworm", "--architecture", "amd64", "--mirror", "http://m/debian"),
        *("--keyring", str(keyring), "--kernel", "linux-image-amd64", "--package-set", "minimal"),
        *(
            "--size",
            "3G",
            "--root-label",
            "root",
            "--mkfs-options",
            "-i 4096 -m1",
            "--cache-dir",
            str(tmp_path),
            "--compression",
            "none",
            "--force",
        ),
        *("--element", "one", "--env", "A=1", "--depth", "rest", "--http-proxy", "http://p"),
    )

    assert code == 0
    (request,) = asked
    assert request.source == bootstrap.Wanted(
        series="bookworm",
        architecture="x86_64",
        mirror="http://m/debian",
        holds=contents.Contents(minimal=True, kernel="linux-image-amd64", keys=b"keys"),
        shape=shape.Shape("jammy", 3 * model.GIB, "root", ("-i4096", "-m1")),
        cache=tmp_path,
    )
    assert request.build.compression is model.Compression.NONE
    assert (request.build.elements, request.build.environment) == (("one",), (("A", "1"),))
    assert request.build.proxies == model.Proxies(http="http://p")
    assert request.proof.depth == "rest"
    assert request.force


def test_one_file_has_the_name_that_was_given(
    asked: list[run_request.RunRequest], capsys: pytest.CaptureFixture[str]
):
    assert _create("out.img") == 0

    assert asked[0].target == file_target.FilesTarget(
        ((model.FileFormat.QCOW2, pathlib.Path("out.img")),)
    )
    source = asked[0].source
    assert isinstance(source, bootstrap.Wanted)
    assert (source.shape.size, source.holds) == (None, contents.Contents())
    assert source.cache == caches.of_builds()
    assert capsys.readouterr().out == "out.img: debian bookworm amd64, 300 MiB qcow2, 1 packages\n"


def test_several_files_are_named_by_their_formats(
    asked: list[run_request.RunRequest], capsys: pytest.CaptureFixture[str]
):
    assert _create("out.raw", "--format", "raw", "--format", "tar", "--format", "raw") == 0

    assert asked[0].target == file_target.FilesTarget(
        (
            (model.FileFormat.RAW, pathlib.Path("out.raw")),
            (model.FileFormat.TAR, pathlib.Path("out.tar")),
        )
    )
    assert capsys.readouterr().out.splitlines() == [
        "out.raw: debian bookworm amd64, 300 MiB raw, 1 packages",
        "out.tar: debian bookworm amd64, 300 MiB tar, 1 packages",
    ]
