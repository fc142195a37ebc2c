"""The images of image files by themselves: on a schedule, through a mirror, on the leader only."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from tests import scenarios
from tests.support.charm import deployment, traces
from tests.support.host import web_server
from tests.support.image_manager import image_files, s3_server

pytestmark = [pytest.mark.in_order, pytest.mark.slow]

_SERVICE = "octavia-diskimage-retrofit-image-files@*.service"
_TIMER = "octavia-diskimage-retrofit-image-files@*.timer"
_STATE = "/var/lib/octavia-diskimage-retrofit/*/image-files"
_HASTE = "[Timer]\\nOnCalendar=\\nOnActiveSec=2\\nRandomizedDelaySec=0\\nAccuracySec=1\\n"
_MIRROR = f"s3://{s3_server.BUCKET}/kept"
_TIMEOUT_S = 180


@dataclasses.dataclass
class Upstream:
    """Whoever makes images, and describes them in a git repository."""

    server: web_server.Server
    repository: pathlib.Path

    def version(self, name: str) -> dict[str, Any]:
        """Make a version of the image, and return what image files say of it."""
        checksum = image_files.content(self.server.directory / f"{name}.raw", name)
        return image_files.version(name, url=f"{self.server.url}{name}.raw", checksum=checksum)

    def text(self, *versions: dict[str, Any]) -> str:
        """Return an image file."""
        image = image_files.image("Imported", *versions, visibility="private")
        return yaml.safe_dump({"images": [image]})

    def commit(self, text: str) -> str:
        """Commit an image file, and return the URL of the commit."""
        folder = self.repository / "etc"
        folder.mkdir(exist_ok=True)
        (folder / "images.yml").write_text(text)
        self._git("add", ".")
        self._git("-c", "user.name=me", "-c", "user.email=me@example", "commit", "-qm", "images")
        # Any web server has it then.
        self._git("update-server-info")
        commit = self._git("rev-parse", "HEAD").strip()
        return f"{self.server.url}repository/.git@{commit}:etc"

    def _git(self, *words: str) -> str:
        command = ["git", "-C", str(self.repository), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def upstream(
    driver: deployment.Deployment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upstream]:
    directory = tmp_path_factory.mktemp("upstream")
    subprocess.run(["git", "init", "-q", directory / "repository"], check=True)
    with web_server.serving(directory) as server:
        driver.agent.machine.container.join_port(server.server_port)
        yield Upstream(server, directory / "repository")


@pytest.fixture(scope="module")
def s3(driver: deployment.Deployment) -> Iterator[s3_server.Server]:
    """A mirror, whose settings root has on the unit."""
    with s3_server.running() as server:
        machine = driver.agent.machine.container
        machine.join_port(int(server.url.rpartition(":")[2]))
        given = server.environment()
        secret = (
            f"[default]\naws_access_key_id = {given['AWS_ACCESS_KEY_ID']}\n"
            f"aws_secret_access_key = {given['AWS_SECRET_ACCESS_KEY']}\n"
        )
        settings = f"[default]\nregion = us-east-1\nendpoint_url = {server.url}\n"
        machine.write("/root/.aws/credentials", secret, mode=0o600)
        machine.write("/root/.aws/config", settings)
        yield server
        driver.script("rm -r /root/.aws")


def test_a_leader_imports_what_the_option_says(
    driver: deployment.Deployment, upstream: Upstream, s3: s3_server.Server
) -> None:
    scenarios.deployed_without_cloud(driver)
    traces.mark(driver)
    scenarios.ready_with_cloud(driver)

    text = upstream.text(upstream.version("1"))
    driver.configure(image_files=text, image_mirror=_MIRROR, image_files_frequency="weekly")
    _until(lambda: _names(driver) == ["Imported"])

    _await_end(driver)
    assert driver.status().status == "active"
    assert "OnCalendar=weekly" in driver.script(f"systemctl cat '{_TIMER}'")
    assert _mirrored(s3) == ["kept/openstack-images/imported/1-imported.raw"]
    [run] = _history(driver)
    assert (run["trigger"], run["outcome"], run["exit-code"]) == ("option", "managed", 0)


def test_the_timer_imports_from_a_commit(
    driver: deployment.Deployment, upstream: Upstream, s3: s3_server.Server
) -> None:
    driver.act("pause")
    first, second = upstream.version("1"), upstream.version("2")
    driver.configure(image_files=upstream.commit(upstream.text(first, second)))
    assert driver.script(f"systemctl list-timers --all --no-legend '{_TIMER}'") == ""
    driver.act("resume")

    _fire(driver)

    _until(lambda: _names(driver) == ["Imported", "Imported (1)"])
    _await_end(driver)
    assert len(_mirrored(s3)) == 2
    assert _history(driver)[-1]["outcome"] == "managed"
    shown = driver.act("show-history")
    assert "image files" in shown.results["runs"]


def test_only_the_leader_has_the_timer(driver: deployment.Deployment) -> None:
    before = _history(driver)
    [service] = driver.script("cd /etc/systemd/system && ls -d *image-files@*.service").split()

    driver.move_leadership()
    assert driver.script("cd /etc/systemd/system && ls -d *image-files@*.timer || true") == ""
    driver.script(f"systemctl start {service}")
    assert _history(driver) == before

    driver.move_leadership()
    assert driver.script("cd /etc/systemd/system && ls -d *image-files@*.timer") != ""


def test_a_run_that_is_killed_is_made_up_for(
    driver: deployment.Deployment, upstream: Upstream, s3: s3_server.Server
) -> None:
    versions = [upstream.version(name) for name in ("1", "2", "3")]
    upstream.server.faults["3.raw"].append(web_server.Fault(after=100, stall=True))
    driver.configure(image_files=upstream.text(*versions))
    _fire(driver)
    _until(lambda: bool(upstream.server.of("3.raw")))

    driver.script(f"systemctl kill --signal=SIGKILL '{_SERVICE}'")

    _until(lambda: _history(driver)[-1]["outcome"] == "lost")
    driver.agent.update_status()
    assert driver.status().status == "blocked"
    assert driver.status().message.startswith("image-files failed: it ended without a result")
    assert "a run begins at" in driver.status().message
    assert len(_names(driver)) == 2
    _fire(driver)
    _until(lambda: len(_names(driver)) == 3)
    _await_end(driver)
    assert driver.status().status == "active"
    assert len(_mirrored(s3)) == 3
    assert traces.of_runs(driver) == []


def test_a_run_is_cancelled(driver: deployment.Deployment, upstream: Upstream) -> None:
    versions = [upstream.version(name) for name in ("1", "2", "3", "4")]
    upstream.server.faults["4.raw"].append(web_server.Fault(after=100, stall=True))
    driver.configure(image_files=upstream.text(*versions))
    _fire(driver)
    _until(lambda: bool(upstream.server.of("4.raw")))

    outcome = driver.act("cancel-run")

    assert (outcome.status, outcome.results) == ("completed", {"cancelled": "running"})
    assert _history(driver)[-1]["outcome"] == "interrupted"
    assert traces.units(driver, failed=True) == []
    assert traces.of_runs(driver) == []
    driver.agent.update_status()
    assert driver.status().status == "active"


def test_what_fails_is_named(driver: deployment.Deployment, upstream: Upstream) -> None:
    commit = "0" * 40
    driver.configure(image_files=f"{upstream.server.url}repository/.git@{commit}")
    _fire(driver)
    _until(lambda: _history(driver)[-1]["outcome"] == "failed")

    driver.agent.update_status()

    assert driver.status().status == "blocked"
    assert f"has no commit {commit}" in driver.status().message


def test_nothing_is_left(driver: deployment.Deployment) -> None:
    driver.configure(image_files="", image_mirror="")
    assert driver.status().status == "active"
    assert driver.script("ls -d /etc/systemd/system/*image-files* || true") == ""

    driver.remove()

    driver.script("rm -rf /root/.aws/cli")
    assert traces.named(driver, "octavia-diskimage-retrofit") == []
    assert traces.units(driver) == []


def _fire(driver: deployment.Deployment) -> None:
    """Have the timer start the service in a moment, as at its time."""
    [timer] = driver.script("cd /etc/systemd/system && ls -d *image-files@*.timer").split()
    before = _invocation(driver)
    drop_in = f"/run/systemd/system/{timer}.d"
    driver.script(f"mkdir -p {drop_in} && printf '{_HASTE}' > {drop_in}/soon.conf")
    driver.script(f"systemctl daemon-reload && systemctl restart {timer}")
    _until(lambda: _invocation(driver) != before)
    driver.script(f"rm -r {drop_in} && systemctl daemon-reload && systemctl restart {timer}")


def _invocation(driver: deployment.Deployment) -> str:
    [service] = driver.script("cd /etc/systemd/system && ls -d *image-files@*.service").split()
    return driver.script(f"systemctl show --value -p InvocationID {service}")


def _await_end(driver: deployment.Deployment) -> None:
    """Wait until no run goes on."""
    state = f"systemctl show --value -p ActiveState '{_SERVICE}'"
    _until(lambda: "activ" not in driver.script(state).replace("inactive", ""))
    driver.agent.update_status()


def _history(driver: deployment.Deployment) -> list[dict[str, Any]]:
    lines = driver.script(f"cat {_STATE}/history.jsonl || true").splitlines()
    return [json.loads(line) for line in lines]


def _names(driver: deployment.Deployment) -> list[str]:
    """Return the names of the images that are imported and whole."""
    return sorted(
        image["name"]
        for image in driver.images()
        if image["name"].startswith("Imported") and image["status"] == "active"
    )


def _mirrored(s3: s3_server.Server) -> list[str]:
    listed = s3.client().list_objects_v2(Bucket=s3_server.BUCKET)
    return [found["Key"] for found in listed.get("Contents", ())]


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.3)
