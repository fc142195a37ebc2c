"""Sources that elements name, fetched with real git and from a web server, up to the image."""

from __future__ import annotations

import io
import logging
import os
import pathlib
import subprocess
import tarfile
from collections.abc import Iterator

import pytest
from tests.support.host import web_server

from retrofit import errors, model, recipes
from retrofit.building.elements import collect, fetching

pytestmark = pytest.mark.usefixtures("new_cache_of_sources")

_PASSWORD = "s3cret/pass@word"


class Upstream:
    """A git repository with two commits, a tag between them, and files beside it.

    Attributes:
        place: Directory that a web server serves.
        first: The first commit, which has the tag ``v1``.
        second: The second one, on the branch ``master``.
    """

    def __init__(self, place: pathlib.Path) -> None:
        self.place = place
        self._work = place.with_name("upstream-work")
        self._work.mkdir()
        place.mkdir()
        self._git("init", "--quiet", "--initial-branch=master")
        (self._work / ".gitattributes").write_text("kept export-ignore\n")
        (self._work / "kept").write_text("kept\n")
        self.first = self.commit("one")
        self._git("tag", "v1")
        self.second = self.commit("two")
        with tarfile.open(place / "tool.tar.gz", "w:gz") as archive:
            for name in ("tool-1/file", "tool-1/sub/other", "beside"):
                member = tarfile.TarInfo(name)
                member.size, member.uid = len(name), 1234
                archive.addfile(member, io.BytesIO(name.encode()))
        (place / "single").write_text("a single file\n")

    def commit(self, text: str) -> str:
        """Commit a change, and let the server have it."""
        (self._work / "file").write_text(f"{text}\n")
        (self._work / "run").write_text("#!/bin/sh\n")
        (self._work / "run").chmod(0o755)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", text)
        bare = self.place / "tool.git"
        if not bare.exists():
            self._git("clone", "--quiet", "--bare", str(self._work), str(bare))
        self._git("push", "--quiet", "--mirror", str(bare))
        self._git("--git-dir", str(bare), "update-server-info")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        author = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in {"NAME": "Test", "EMAIL": "test@example.com"}.items()
        }
        done = subprocess.run(
            ["git", *words],
            cwd=self._work,
            env={**os.environ, **author},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout


@pytest.fixture
def upstream(tmp_path: pathlib.Path) -> Upstream:
    return Upstream(tmp_path / "served")


@pytest.fixture
def server(upstream: Upstream) -> Iterator[web_server.Server]:
    with web_server.serving(upstream.place) as running:
        yield running


def request(tmp_path: pathlib.Path, lines: str, **variables: str) -> model.BuildRequest:
    """Return a request with an element that names sources."""
    element = tmp_path / "elements/mine"
    element.mkdir(parents=True, exist_ok=True)
    (element / "source-repository-mine").write_text(lines)
    return model.BuildRequest(
        "plain",
        elements=("mine",),
        elements_paths=(tmp_path / "elements",),
        environment=tuple(variables.items()),
    )


def placed(tmp_path: pathlib.Path, wanted: model.BuildRequest, name: str) -> pathlib.Path:
    """Collect the elements of a build, and put sources in their places below a directory.

    The script writes where it is told: here, that is below a directory of the test.
    """
    into = tmp_path / name
    collect.collect(recipes.get("plain"), wanted, into / "collected")
    [script] = (into / "collected").glob("elements/*/fetched-sources/extra-data.d/*")
    text = script.read_text().replace("/tmp/retrofit/", f"{into}/collected/")
    (into / "root/etc").mkdir(parents=True)
    text = text.replace("/opt/", f"{into}/root/opt/").replace(" /etc/", f" {into}/root/etc/")
    subprocess.run(["bash", "-c", text], check=True, capture_output=True)
    return into / "root"


def digest(wanted: model.BuildRequest) -> str:
    """Return what the fingerprint has of the element, as the next command finds it."""
    fetching._fetched.cache_clear()
    return collect.digests(recipes.get("plain"), wanted)["mine"]


def test_sources_of_each_type_are_in_their_places(
    tmp_path: pathlib.Path, upstream: Upstream, server: web_server.Server
) -> None:
    lines = (
        f"tool git /opt/tool {server.url}/tool.git\n"
        f"first git /opt/first {upstream.place}/tool.git {upstream.first}\n"
        f"tagged git /opt/tagged file://{upstream.place}/tool.git v1\n"
        f"all git /opt/all {server.url}/tool.git *\n"
        f"whole tar /opt/whole {server.url}/tool.tar.gz .\n"
        f"parts tar /opt/parts {server.url}/tool.tar.gz *\n"
        f"sub tar /opt/sub file://{upstream.place}/tool.tar.gz tool-1/sub\n"
        f"single file /opt/deep/single {server.url}/single\n"
        f"packaged package\n"
    )

    root = placed(tmp_path, request(tmp_path, lines), "one")

    for name, commit in {
        "tool": upstream.second,
        "first": upstream.first,
        "tagged": upstream.first,
        "all": upstream.second,
    }.items():
        there = root / "opt" / name
        head = ["git", "-C", there, "status", "--porcelain=v2", "--branch"]
        said = subprocess.run(head, check=True, capture_output=True, text=True).stdout
        assert said.splitlines() == [f"# branch.oid {commit}", "# branch.head (detached)"]
        assert (there / "kept").read_text() == "kept\n"
        assert os.access(there / "run", os.X_OK)
    assert (root / "opt/whole/tool-1/file").read_text() == "tool-1/file"
    assert (root / "opt/whole/beside").stat().st_uid == os.geteuid()
    assert (root / "opt/parts/sub/other").read_text() == "tool-1/sub/other"
    assert [one.name for one in (root / "opt/sub").iterdir()] == ["other"]
    assert (root / "opt/deep/single").read_text() == "a single file\n"
    listed = (root / "etc/dib-source-repositories").read_text().splitlines()
    assert [pathlib.Path(line).name for line in listed] == [
        *("tool", "first", "tagged", "all", "whole", "parts", "sub", "single")
    ]
    elements = tmp_path / "one/collected/elements/00/fetched-sources"
    assert (elements / "environment.d/02-fetched-sources").read_text() == (
        "export DIB_INSTALLTYPE_packaged=package\n"
    )


def test_a_login_is_told_to_nobody_else(
    tmp_path: pathlib.Path,
    upstream: Upstream,
    server: web_server.Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.password = f"somebody-here:{_PASSWORD}"
    login = f"somebody-here:{_PASSWORD.replace('/', '%2F').replace('@', '%40')}"
    url = server.url.replace("//", f"//{login}@")
    lines = f"tool git /opt/tool {url}/tool.git\nsingle file /opt/single {url}/single\n"

    root = placed(tmp_path, request(tmp_path, lines), "one")

    assert (root / "opt/tool/file").read_text() == "two\n"
    assert (root / "opt/single").exists()
    for directory in (tmp_path / "one", tmp_path / "cache"):
        for file in directory.rglob("*"):
            if file.is_file() and "mine" not in file.parts:
                assert b"somebody-here" not in file.read_bytes(), file
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "git-remote" in said or "fetch" in said
    assert "somebody-here" not in said and _PASSWORD not in said

    fetching._fetched.cache_clear()
    server.password = "another:one"
    with pytest.raises(errors.Unavailable) as raised:
        placed(tmp_path, request(tmp_path, lines), "two")
    assert "somebody-here" not in str(raised.value)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("tool git /opt/tool {url}/tool.git", "the source tool of the element mine"),
        ("tool tar /opt/tool {url}/tool.tar.gz .", "the cache has no . of"),
        ("tool file /opt/tool {url}/single", "the cache has no copy of"),
    ],
)
def test_offline_the_cache_alone_counts(
    tmp_path: pathlib.Path,
    upstream: Upstream,
    server: web_server.Server,
    line: str,
    fault: str,
) -> None:
    lines = line.format(url=server.url)
    offline = request(tmp_path, lines, DIB_OFFLINE="1")
    with pytest.raises(errors.InputMissing) as raised:
        placed(tmp_path, offline, "one")
    assert fault in raised.value.message
    assert raised.value.message.endswith(", and DIB_OFFLINE is set")
    fetching._fetched.cache_clear()
    placed(tmp_path, request(tmp_path, lines), "two")
    answers = len(server.answers)
    fetching._fetched.cache_clear()

    assert (placed(tmp_path, offline, "three") / "opt/tool").exists()

    assert len(server.answers) == answers
    fetching._fetched.cache_clear()
    [*kept] = (one for one in (tmp_path / "cache").iterdir() if one.suffix == ".sha256")
    for one in kept:
        one.with_suffix("").write_text("flipped")
        with pytest.raises(errors.InputMissing):
            placed(tmp_path, offline, "four")


def test_what_a_source_is_at_is_part_of_the_fingerprint(
    tmp_path: pathlib.Path, upstream: Upstream, server: web_server.Server
) -> None:
    lines = f"tool git /opt/tool {server.url}/tool.git\nsingle file /opt/s {server.url}/single\n"
    wanted = request(tmp_path, lines)
    before = digest(wanted)
    assert digest(wanted) == before
    upstream.commit("three")
    after = digest(wanted)
    assert after != before
    (upstream.place / "single").write_text("changed\n")
    assert digest(wanted) not in (before, after)
    pinned = request(tmp_path, lines, DIB_REPOREF_tool="v1")
    at_tag = digest(pinned)
    upstream.commit("four")
    assert digest(pinned) == at_tag


@pytest.mark.parametrize(
    ("line", "kind", "fault"),
    [
        ("tool git /opt/tool {url}/tool.git nowhere", errors.InputMissing, "has no nowhere"),
        ("tool git /opt/tool {url}/none.git", errors.Unavailable, "git cannot fetch the source"),
        ("tool file /opt/tool {url}/none", errors.RetrofitError, "none"),
        ("tool file /opt/tool /nowhere/file", errors.InputMissing, "cannot read the source"),
        ("tool tar /opt/tool file:///etc", errors.InputMissing, "is not a file"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: pathlib.Path,
    server: web_server.Server,
    line: str,
    kind: type[errors.RetrofitError],
    fault: str,
) -> None:
    with pytest.raises(kind) as raised:
        placed(tmp_path, request(tmp_path, line.format(url=server.url)), "one")
    assert fault in raised.value.message


def test_a_source_that_is_too_large_is_refused(
    tmp_path: pathlib.Path, server: web_server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching.repositories, "LIMIT", 5)
    with pytest.raises(errors.ConfigError, match="larger than"):
        placed(tmp_path, request(tmp_path, f"tool file /opt/t {server.url}/single"), "one")
    assert [one for one in (tmp_path / "cache").iterdir() if one.suffix == ".new"] == []
