"""Image files in a git repository, at a commit, from a web server."""

from __future__ import annotations

import os
import pathlib
import subprocess

import click.testing
import pytest
from tests.support.cloud import cloud
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import errors
from retrofit.cli import main
from retrofit.model.documents import run_document


class Repository:
    """A repository that a web server has; see :meth:`commit`."""

    def __init__(self, server: web_server.Server) -> None:
        self.path = server.directory / "images"
        self.url = f"{server.url}images/.git"
        subprocess.run(["git", "init", "-q", self.path], check=True)

    def commit(self) -> str:
        """Commit all there is, and return the commit."""
        self._git("add", "--all")
        self._git("-c", "user.name=me", "-c", "user.email=me@example", "commit", "-qm", "all")
        # Any web server has it then.
        self._git("update-server-info")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *words: str) -> str:
        command = ["git", "-C", str(self.path), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(server: web_server.Server) -> Repository:
    made = Repository(server)
    (made.path / "etc").mkdir()
    return made


def _manage(*words: str | os.PathLike[str]) -> tuple[list[str], BaseException | None]:
    done = click.testing.CliRunner().invoke(main.retrofit, ["manage", *map(os.fspath, words)])
    return done.stdout.splitlines(), done.exception


def test_a_commit_is_fetched_once(repository: Repository, server: web_server.Server) -> None:
    version = image_files.version("1", url=f"file://{__file__}")
    image_files.write(repository.path / "etc" / "one.yml", image_files.image("One", version))
    # Neither of these is an image file of the folder.
    (repository.path / "wrong.yml").write_text("images: 1\n")
    (repository.path / "etc" / "two.yml").symlink_to("/etc/passwd")
    commit = repository.commit()
    images = f"{repository.url}@{commit}:etc"

    assert _manage("--check-only", "--images", images) == ([], None)
    asked = len(server.answers)
    assert asked > 0
    (repository.path / "etc" / "one.yml").write_text("images: 2\n")
    wrong = repository.commit()
    assert _manage("--check-only", "--images", images) == ([], None)
    assert len(server.answers) == asked

    _, error = _manage("--check-only", "--images", f"{repository.url}@{wrong}:etc")
    assert isinstance(error, errors.Skipped)
    assert f"{wrong}/one.yml" in str(error)
    _, error = _manage("--check-only", "--images", f"{repository.url}@{wrong}:gone")
    assert isinstance(error, errors.InputMissing)
    assert str(error) == f"commit {wrong} has no folder gone"
    _, error = _manage("--update-only", "--images", images)
    assert isinstance(error, errors.UsageError)


@pytest.mark.parametrize(
    ("suffix", "kind", "text"),
    [
        ("@" + "1" * 40, errors.InputMissing, "has no commit 1111111111"),
        ("", errors.UsageError, "with all 40 digits of the commit and without a login"),
        ("@main", errors.UsageError, "with all 40 digits of the commit and without a login"),
    ],
)
def test_a_wrong_commit_is_refused(
    repository: Repository, suffix: str, kind: type[errors.RetrofitError], text: str
) -> None:
    (repository.path / "etc" / "one.yml").write_text("images: 1\n")
    repository.commit()

    _, error = _manage("--check-only", "--images", repository.url + suffix)

    assert isinstance(error, kind)
    assert text in str(error)


def test_a_server_that_does_not_answer_is_named(server: web_server.Server) -> None:
    url = f"{server.url}gone/.git"

    _, error = _manage("--check-only", "--images", f"{url}@{'1' * 40}")

    assert isinstance(error, errors.Unavailable)
    assert str(error).startswith(f"git cannot fetch {url}: ")


def test_a_run_leaves_its_result_and_fills_the_mirror(
    running_cloud: cloud.Cloud,
    server: web_server.Server,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = running_cloud.clouds_yaml(tmp_path / "clouds.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(settings))
    path, once, result = (tmp_path / name for name in ("images.yml", "once.json", "result.json"))
    checksum = image_files.content(server.directory / "1.raw", "filled")
    version = image_files.version("1", url=f"{server.url}1.raw", checksum=checksum)
    image_files.write(path, image_files.image("Filled", version, visibility="private"))
    words = ("--images", path, "--os-cloud", cloud.RETROFIT, "--tag", "filled")
    words += ("--prefetch", "always", "--work-dir", tmp_path, "--result", result, "--once", once)
    mirror = ("--mirror", tmp_path / "mirror", "--fill-mirror")
    once.write_text('{"trigger": "option", "run-id": "mine"}')

    lines, error = _manage(*words, *mirror)

    assert error is None
    assert [line.split()[0] for line in lines[:2]] == ["copy", "import"]
    assert len(server.of("1.raw")) == 1
    assert [file.name for file in (tmp_path / "mirror").rglob("*.raw")] == ["1-filled.raw"]
    ended = run_document.Result.model_validate_json(result.read_text())
    assert (ended.run_id, ended.trigger, ended.outcome) == ("mine", "option", "managed")
    assert (ended.exit_code, ended.image.name if ended.image else "") == (0, "image files")

    path.write_text("images: 1\n")
    once.unlink()
    _, error = _manage(*words)
    assert isinstance(error, errors.Skipped)
    ended = run_document.Result.model_validate_json(result.read_text())
    assert (ended.trigger, ended.outcome, ended.exit_code) == ("schedule", "failed", 9)
    assert str(path) in ended.message
    history = (tmp_path / "history.jsonl").read_text().splitlines()
    assert len(history) == 2

    _, error = _manage("--images", path, "--fill-mirror")
    assert error is not None
