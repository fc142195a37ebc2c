"""The amphora's agent from a source: fetched, in its place, and known by what it was at."""

from __future__ import annotations

import configparser
import hashlib
import io
import pathlib
import subprocess
import tarfile
from collections.abc import Iterator

import pytest
from tests.support.host import web_server

from retrofit import errors, model, recipes
from retrofit.building.elements import collect, fetching
from retrofit.definitions import run_definition
from retrofit.planning import fingerprint

pytestmark = pytest.mark.usefixtures("new_cache_of_sources")

_NAME = "octavia-1.0.tar.gz"


@pytest.fixture
def index(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[web_server.Server, str]]:
    """A package index that pip is configured with, and the SHA-256 of a release in it."""
    place = tmp_path / "served"
    page = place / "simple/octavia/index.html"
    page.parent.mkdir(parents=True)
    archive = place / _NAME
    with tarfile.open(archive, "w:gz") as packed:
        member = tarfile.TarInfo("octavia-1.0/setup.py")
        packed.addfile(member, io.BytesIO())
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    page.write_text(
        f'<a href="../../{_NAME}#sha256={digest}">{_NAME}</a><a href="no-1.0.whl">wheel</a>'
    )
    with web_server.serving(place) as running:
        monkeypatch.setenv("PIP_INDEX_URL", f"{running.url}/simple")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///nowhere/simple")
        yield running, digest


def _request(agent: str, constraints: str = "") -> model.BuildRequest:
    definition = run_definition.RunDefinition.parse(
        source="base.qcow2", target="out.qcow2", agent=agent, agent_constraints=constraints
    )
    return definition.to_request().build


def _collected(request: model.BuildRequest, into: pathlib.Path) -> pathlib.Path:
    collect.collect(recipes.get("amphora"), request, into)
    return into


def test_a_release_of_the_index_with_constraints(
    index: tuple[web_server.Server, str], tmp_path: pathlib.Path
) -> None:
    server, digest = index
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("flask==3.1\n")
    request = _request("octavia==1.0", str(constraints))

    root = _collected(request, tmp_path / "collected")

    archive, file = sorted((root / fetching.DIRECTORY).glob("*/archive"))
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == digest
    assert file.read_text() == "flask==3.1\n"
    assert collect.fetched(recipes.get("amphora"), request) == {
        "amphora-agent": f"pypi://octavia/1.0 {digest}",
        "upper-constraints": f"{constraints} {hashlib.sha256(file.read_bytes()).hexdigest()}",
    }
    settings = configparser.ConfigParser()
    settings.read(root / "pip/pip.conf")
    assert settings["global"]["index-url"] == f"{server.url}/simple"
    assert "extra-index-url" not in settings["global"]


@pytest.mark.parametrize(
    ("agent", "kind", "fault"),
    [
        ("octavia==2.0", errors.InputMissing, "no index has a source distribution of octavia 2.0"),
        ("none==1.0", errors.InputMissing, "no index has a source distribution of none 1.0"),
    ],
)
def test_a_release_that_is_not_there(
    agent: str,
    kind: type[errors.RetrofitError],
    fault: str,
    index: tuple[web_server.Server, str],
    tmp_path: pathlib.Path,
) -> None:
    with pytest.raises(kind) as raised:
        _collected(_request(agent), tmp_path / "collected")
    assert raised.value.message == fault


def test_a_release_that_is_not_what_the_index_says(
    index: tuple[web_server.Server, str], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "served" / _NAME).write_bytes(b"another")

    with pytest.raises(errors.Unavailable, match="does not have the SHA-256"):
        _collected(_request("octavia==1.0"), tmp_path / "collected")


def test_wheels_of_a_directory_where_there_is_no_index(
    index: tuple[web_server.Server, str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "flask-3.1-py3-none-any.whl").write_bytes(b"wheel")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))

    root = _collected(_request(str(tmp_path / "served" / _NAME)), tmp_path / "collected")

    settings = configparser.ConfigParser()
    settings.read(root / "pip/pip.conf")
    assert settings["global"]["no-index"] == "1"
    assert settings["global"]["find-links"] == "/tmp/retrofit/pip/wheels"
    assert (root / "pip/wheels/flask-3.1-py3-none-any.whl").read_bytes() == b"wheel"


def test_a_git_repository_counts_by_its_commit(tmp_path: pathlib.Path) -> None:
    place = tmp_path / "octavia"

    def git(*words: str) -> str:
        author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        done = subprocess.run(
            ["git", "-C", place, *author, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    place.mkdir()
    git("init", "--quiet", "--initial-branch=main")
    (place / "setup.py").touch()
    git("add", "setup.py")
    git("commit", "--quiet", "--message=one")
    commit = git("rev-parse", "HEAD")
    recipe, request = recipes.get("amphora"), _request(str(place))

    root = _collected(request, tmp_path / "collected")

    assert (root / fetching.DIRECTORY / "0/tree.tar").exists()
    assert collect.fetched(recipe, request) == {"amphora-agent": f"{place} {commit}"}
    before = collect.digests(recipe, request)["amphora-agent-source"]
    git("commit", "--quiet", "--allow-empty", "--message=two")
    fetching._fetched.cache_clear()
    assert collect.digests(recipe, request)["amphora-agent-source"] != before


def test_a_login_is_no_part_of_the_identity() -> None:
    found = [
        fingerprint.inputs(
            base="sha256:aa",
            elements={},
            releases={},
            request=_request(f"git+https://{login}example.org/octavia@v1"),
        )
        for login in ("", "me:word@")
    ]

    assert found[0] == found[1]
