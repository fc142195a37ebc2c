"""The images of image files by themselves: on a schedule, through a mirror, on the leader only."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
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

_PREFIX = "octavia-diskimage-retrofit-image-files"
_HASTE = "[Timer]\\nOnCalendar=\\nOnActiveSec=2\\nRandomizedDelaySec=0\\nAccuracySec=1\\n"
# In place of five minutes.
_RETRY_SOON = "[Timer]\\nOnActiveSec=\\nOnActiveSec=45\\nRandomizedDelaySec=0\\n"
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
    assert "OnCalendar=weekly" in driver.script(f"systemctl cat {_unit(driver)}.timer")
    assert _mirrored(s3) == ["kept/openstack-images/imported/1-imported.raw"]
    [run] = _history(driver)
    assert (run["trigger"], run["outcome"], run["exit-code"]) == ("option", "managed", 0)


def test_the_timer_imports_from_a_commit(
    driver: deployment.Deployment, upstream: Upstream, s3: s3_server.Server
) -> None:
    driver.act("pause")
    first, second = upstream.version("1"), upstream.version("2")
    driver.configure(image_files=upstream.commit(upstream.text(first, second)))
    assert driver.script(f"systemctl list-timers --all --no-legend '{_PREFIX}@*'") == ""
    driver.act("resume")

    _fire(driver)

    _until(lambda: _names(driver) == ["Imported", "Imported (1)"])
    _await_end(driver)
    assert len(_mirrored(s3)) == 2
    assert _history(driver)[-1]["outcome"] == "managed"
    shown = driver.act("show-history")
    assert "image files" in shown.results["runs"]


def test_the_action_makes_a_run_at_once(driver: deployment.Deployment) -> None:
    before = len(_history(driver))

    outcome = driver.act("manage-images")

    assert outcome.status == "completed", outcome
    [run] = _history(driver)[before:]
    assert (run["trigger"], run["outcome"]) == ("action", "managed")
    assert run["run-id"]


def test_files_and_mirror_are_checked(driver: deployment.Deployment, s3: s3_server.Server) -> None:
    outcome = driver.act("check")

    assert outcome.status == "completed", outcome
    files, mirror = outcome.results["image-files"].splitlines()
    assert files.startswith("image-files: ok: ")
    assert files.endswith("images: 1, versions: 2")
    assert mirror == f"image-mirror: ok: the bucket of {_MIRROR} lists its files"


def test_the_second_unit_takes_the_runs_over(
    driver: deployment.Deployment, upstream: Upstream, s3: s3_server.Server
) -> None:
    before = _history(driver)
    with deployment.beside(driver, number=1) as second:
        scenarios.deployed_without_cloud(second)
        scenarios.ready_with_cloud(second)
        second.configure(image_mirror=_MIRROR, image_files_frequency="weekly")

        _hand_over(driver, second)
        # Options are the application's.
        changed = upstream.commit(upstream.text(*map(upstream.version, ("1", "2", "3"))))
        for each in (driver, second):
            each.configure(image_files=changed)

        assert _timers(driver) == [f"{_unit(second)}.timer"]
        refused = driver.act("manage-images")
        assert (refused.status, refused.message) == ("failed", "run this action on the leader")
        # As the timer that was there could have done at the last moment.
        driver.script(f"systemctl start {_unit(driver)}.service")
        _until(lambda: len(_names(driver)) == 3)
        _await_end(second)
        _fire(second)
        _until(lambda: len(_history(second)) == 2)
        _await_end(second)
        runs = [(run["trigger"], run["outcome"]) for run in _history(second)]
        assert runs == [("option", "managed"), ("schedule", "managed")]
        assert len(_mirrored(s3)) == 3
        assert _history(driver) == before

        _hand_over(second, driver)
        assert _timers(driver) == [f"{_unit(driver)}.timer"]
        second.remove()


def test_a_run_that_is_killed_is_made_up_for(
    driver: deployment.Deployment, upstream: Upstream, s3: s3_server.Server
) -> None:
    drop_in = f"/run/systemd/system/{_PREFIX}-next@{_tag(driver)}.timer.d"
    driver.script(f"mkdir -p {drop_in} && printf '{_RETRY_SOON}' > {drop_in}/soon.conf")
    versions = [upstream.version(name) for name in ("1", "2", "3", "4")]
    upstream.server.faults["4.raw"].append(web_server.Fault(after=100, stall=True))
    driver.configure(image_files=upstream.text(*versions))
    _fire(driver)
    _until(lambda: bool(upstream.server.of("4.raw")))

    driver.script(f"systemctl kill --signal=SIGKILL {_unit(driver)}.service")

    _until(lambda: _history(driver)[-1]["outcome"] == "lost")
    known = len(_history(driver))
    driver.agent.update_status()
    assert driver.status().status == "blocked"
    assert driver.status().message.startswith("image-files failed: it ended without a result")
    announced = re.search(r"a run begins at ([\d-]+ [\d:]+ \w+)$", driver.status().message)
    assert announced is not None
    pause = f"echo $(($(date -d '{announced[1]}' +%s) - $(date +%s)))"
    assert 120 < int(driver.script(pause)) <= 300
    assert len(_names(driver)) == 3
    _until(lambda: len(_names(driver)) == 4)
    _await_end(driver)
    [attempt] = _history(driver)[known:]
    assert (attempt["trigger"], attempt["outcome"]) == ("retry", "managed")
    assert driver.status().status == "active"
    assert len(_mirrored(s3)) == 4
    assert traces.of_runs(driver) == []
    driver.script(f"rm -r {drop_in} && systemctl daemon-reload")


def test_a_run_is_cancelled(driver: deployment.Deployment, upstream: Upstream) -> None:
    versions = [upstream.version(name) for name in ("1", "2", "3", "4", "5")]
    upstream.server.faults["5.raw"].append(web_server.Fault(after=100, stall=True))
    driver.configure(image_files=upstream.text(*versions))
    assert driver.act("manage-images", wait=False).status == "completed"
    _until(lambda: bool(upstream.server.of("5.raw")))

    outcome = driver.act("cancel-run")

    assert (outcome.status, outcome.results) == ("completed", {"cancelled": "running"})
    last = _history(driver)[-1]
    assert (last["trigger"], last["outcome"]) == ("action", "interrupted")
    assert traces.units(driver, failed=True) == []
    assert traces.of_runs(driver) == []
    driver.agent.update_status()
    assert driver.status().status == "active"


def test_what_fails_is_named(driver: deployment.Deployment, upstream: Upstream) -> None:
    commit = "0" * 40
    driver.configure(image_files=f"{upstream.server.url}repository/.git@{commit}")
    _fire(driver)
    _until(lambda: _history(driver)[-1]["outcome"] == "failed")

    # It is in the history a moment before its service has ended.
    _await_end(driver)

    assert driver.status().status == "blocked"
    assert f"has no commit {commit}" in driver.status().message
    checked = driver.act("check")
    assert checked.status == "failed"
    assert f"has no commit {commit}" in checked.message


def test_nothing_is_left(driver: deployment.Deployment) -> None:
    driver.configure(image_files="", image_mirror="")
    assert driver.status().status == "active"
    assert driver.script("ls -d /etc/systemd/system/*image-files* || true") == ""

    driver.remove()

    driver.script("rm -rf /root/.aws/cli")
    assert traces.named(driver, "octavia-diskimage-retrofit") == []
    assert traces.units(driver) == []


def _hand_over(one: deployment.Deployment, other: deployment.Deployment) -> None:
    """Move the leadership between two units, of which one has it."""
    one.agent.set_leader(False)
    other.agent.set_leader(True)


def _tag(driver: deployment.Deployment) -> str:
    return driver.agent.unit.name.replace("/", "-")


def _unit(driver: deployment.Deployment) -> str:
    """Return the name of the service and the timer, without its ending."""
    return f"{_PREFIX}@{_tag(driver)}"


def _timers(driver: deployment.Deployment) -> list[str]:
    """Return the timers of all units on the machine."""
    listed = driver.script(f"systemctl list-timers --all --no-legend '{_PREFIX}@*'")
    return re.findall(rf"{_PREFIX}@\S+\.timer", listed)


def _fire(driver: deployment.Deployment) -> None:
    """Have the timer start the service in a moment, as at its time."""
    timer = f"{_unit(driver)}.timer"
    before = _invocation(driver)
    drop_in = f"/run/systemd/system/{timer}.d"
    driver.script(f"mkdir -p {drop_in} && printf '{_HASTE}' > {drop_in}/soon.conf")
    driver.script(f"systemctl daemon-reload && systemctl restart {timer}")
    _until(lambda: _invocation(driver) != before)
    driver.script(f"rm -r {drop_in} && systemctl daemon-reload && systemctl restart {timer}")


def _invocation(driver: deployment.Deployment) -> str:
    return driver.script(f"systemctl show --value -p InvocationID {_unit(driver)}.service")


def _await_end(driver: deployment.Deployment) -> None:
    """Wait until no run goes on."""
    state = f"systemctl show --value -p ActiveState {_unit(driver)}.service"
    _until(lambda: "activ" not in driver.script(state).replace("inactive", ""))
    driver.agent.update_status()


def _history(driver: deployment.Deployment) -> list[dict[str, Any]]:
    file = f"/var/lib/octavia-diskimage-retrofit/{_tag(driver)}/image-files/history.jsonl"
    return [json.loads(line) for line in driver.script(f"cat {file} || true").splitlines()]


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
