"""Amphorae of previous images are replaced: the real Octavia API, and what its worker does."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.cli import command
from tests.support.cloud import cloud as support
from tests.support.cloud import octavia_api
from tests.support.publishing import publishing
from tests.support.rollout import octavia_worker

from retrofit import cloud
from retrofit.provenance import marks

# The first tests are of a cloud without Octavia.
pytestmark = pytest.mark.in_order

TAG, FLAVORED = "rollout", "rollout-of-a-flavor"
FAILS, HANGS, COMPLETES = (
    octavia_worker.Outcome.FAILS,
    octavia_worker.Outcome.HANGS,
    octavia_worker.Outcome.COMPLETES,
)
_SHORT_S, _NEVER_S = 0.1, 1e6
_DEADLINE_S = 60


@dataclasses.dataclass(frozen=True)
class Images:
    """Identifiers of the images in Glance: a previous and a current one of each tag."""

    old: str
    new: str
    flavored_old: str
    flavored_new: str


Connect = Callable[..., cloud.Cloud]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def published(running_cloud: support.Cloud, tmp_path_factory: pytest.TempPathFactory) -> Images:
    directory = tmp_path_factory.mktemp("rollout")
    file = directory / "image.raw"
    file.write_bytes(bytes(range(256)) * 1000)
    settings = running_cloud.clouds_yaml(directory / "clouds.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OS_CLIENT_CONFIG_FILE", str(settings))
        connection = cloud.connect(support.RETROFIT, region=None, interface=None)
    made = []
    for version in ("old", "new"):
        made += [
            publishing.published(connection, file, f"{version}-{tag}", tag=tag).id
            for tag in (TAG, FLAVORED)
        ]
        # What is newest is decided by whole seconds.
        time.sleep(1.1)
    connection.close()
    old, flavored_old, new, flavored_new = made
    return Images(old, new, flavored_old, flavored_new)


@pytest.fixture
def worker(
    octavia: octavia_api.Octavia, running_cloud: support.Cloud, connect: Connect
) -> Iterator[octavia_worker.Worker]:
    """A worker for an Octavia that has nothing yet."""
    del connect  # Sets where the settings of the cloud are.
    octavia.clear()
    with octavia_worker.working(octavia, running_cloud, tag=TAG) as working:
        yield working


@pytest.fixture
def work(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where the lock of rollouts is: other tests of this machine have their own."""
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


@pytest.fixture
def run(work: pathlib.Path) -> Run:
    """Return what runs a command to its end, of which arguments in addition are given."""

    def run_command(
        *arguments: str, name: str = "rollout", who: str = support.RETROFIT
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (sys.executable, "-m", "retrofit", name, *_line(work, *arguments, who=who)),
            check=False,
            capture_output=True,
            text=True,
        )

    return run_command


def _line(work: pathlib.Path, *arguments: str, who: str = support.RETROFIT) -> tuple[str, ...]:
    options = ("--amp-image-tag", TAG, "--os-cloud", who, "--work-dir", str(work))
    return (*options, *arguments)


@contextlib.contextmanager
def _started(work: pathlib.Path, *arguments: str) -> Iterator[command.Command]:
    """Begin a rollout."""
    line = ["rollout", *_line(work, "--yes", *arguments)]
    with command.started(line, cwd=work, work=work) as running:
        yield running


def _report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Comes first: the others have one.
@pytest.mark.usefixtures("connect", "published")
class TestWithoutOctavia:
    def test_says_so(self, run: Run) -> None:
        done = run()

        assert (done.returncode, done.stdout) == (78, "")
        assert done.stderr == (
            "retrofit: error: the cloud's catalog has no load balancer service; "
            "set a region that has one: --os-region-name\n"
        )

    def test_status_says_the_rest(self, run: Run, published: Images) -> None:
        table = run(name="status")
        told = _report(run("--json", name="status"))

        assert table.returncode == 0
        assert published.new in table.stdout
        assert table.stdout.splitlines()[-1].startswith(
            "images of load balancers are not known: the cloud's catalog has no"
        )
        assert told["current"]["id"] == published.new
        assert list(told["running"]) == ["unknown"]


def test_the_old_ones_only_are_replaced(
    run: Run, octavia: octavia_api.Octavia, worker: octavia_worker.Worker, published: Images
) -> None:
    flavor = octavia.add_flavor("other", {"amp_image_tag": FLAVORED, "compute_flavor": "2"})
    plain = octavia.add_flavor("plain", {"compute_flavor": "3"})
    current = [
        octavia.add("current pair", [published.new] * 2),
        octavia.add("current", [published.new], flavor=plain),
        octavia.add("current of its flavor", [published.flavored_new], flavor=flavor),
        octavia.add("made now", [None], status="PENDING_CREATE"),
        octavia.add("another driver's", [], provider="ovn"),
    ]
    half = octavia.add("half", [published.old, published.new])
    pair = octavia.add("a pair", [published.old] * 2)
    single = octavia.add("single", ["11111111-2222-4333-8444-555555555555"])
    flavored = octavia.add("of its flavor", [published.flavored_old] * 2, flavor=flavor)
    before = {each: octavia.amphorae(each) for each in current}

    shown = _report(run("--json"))

    assert worker.failovers == []
    assert (shown["done"], shown["current"]) == (False, False)
    assert (shown["load-balancers"], shown["outdated"]) == (7, 4)
    states = {each["name"]: each["state"] for each in shown["balancers"]}
    assert states == {
        **dict.fromkeys(("current pair", "current", "current of its flavor"), "current"),
        **dict.fromkeys(("half", "a pair", "single", "of its flavor"), "outdated"),
        "made now": "passing",
    }

    done = run("--yes")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "every load balancer is on a current image"
    assert [(each.balancer, each.role) for each in worker.failovers] == [
        # What is half done comes first, then names; of a pair the standby.
        (half, "MASTER"),
        (pair, "BACKUP"),
        (pair, "MASTER"),
        (flavored, "BACKUP"),
        (flavored, "MASTER"),
        (single, "STANDALONE"),
    ]
    assert worker.most_at_once() == 1
    assert {each: octavia.amphorae(each) for each in current} == before
    assert octavia.images(half) == octavia.images(pair)
    assert octavia.images(pair) == {"MASTER": published.new, "BACKUP": published.new}
    assert set(octavia.images(flavored).values()) == {published.flavored_new}
    lines = done.stderr.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "half",
        "a pair",
        "of its flavor",
        "single",
    ]
    assert f"({pair}): 2 amphorae replaced, " in lines[1]

    again = _report(run("--yes", "--json"))

    assert len(worker.failovers) == 6
    assert (again["done"], again["current"], again["outdated"]) == (True, True, 0)
    counted = {each["id"]: each["amphorae"] for each in again["images"]}
    assert counted == {published.new: 8, published.flavored_new: 3}


def test_no_more_at_once_than_told(
    octavia: octavia_api.Octavia,
    worker: octavia_worker.Worker,
    published: Images,
    work: pathlib.Path,
) -> None:
    pairs = [octavia.add(f"pair {number}", [published.old] * 2) for number in range(3)]
    worker.duration_s = _NEVER_S

    with _started(work, "--max-parallel", "2") as running:
        _wait_until(lambda: len(worker.failovers) == 2)
        time.sleep(1)
        worker.duration_s = _SHORT_S
        done = running.end()

    assert done.code == 0, done.stderr
    assert worker.most_at_once() == 2
    for pair in pairs:
        roles = [each.role for each in worker.failovers if each.balancer == pair]
        assert roles == ["BACKUP", "MASTER"]


def test_pauses_after_each_failover(
    run: Run, octavia: octavia_api.Octavia, worker: octavia_worker.Worker, published: Images
) -> None:
    octavia.add("a", [published.old] * 2)
    octavia.add("b", [published.old])

    done = run("--yes", "--pause", "1")

    assert done.returncode == 0, done.stderr
    assert len(worker.pauses()) == 2
    assert min(worker.pauses()) >= 1


def test_stops_at_a_failure(
    run: Run, octavia: octavia_api.Octavia, worker: octavia_worker.Worker, published: Images
) -> None:
    first, second, third = (octavia.add(name, [published.old] * 2) for name in "abc")
    worker.outcomes[second] = FAILS

    done = run("--yes")

    assert done.returncode == 6
    assert done.stderr.splitlines()[-1] == (
        f"retrofit: error: load balancer b ({second}) did not recover: it is in ERROR; no "
        "further failover begins; see Octavia's log and retrofit status, then run it again"
    )
    assert "2 of 3 load balancers are not on a current image" in done.stdout
    assert [each.balancer for each in worker.failovers] == [first, first, second]
    assert set(octavia.images(third).values()) == {published.old}

    done = run("--yes")

    # Octavia would refuse it, and why it failed is for a person to see.
    assert done.returncode == 6
    assert [each.balancer for each in worker.failovers[3:]] == [third, third]
    assert set(octavia.images(third).values()) == {published.new}
    assert f"left  b ({second})  is in ERROR" in done.stdout
    assert "1 of 3 load balancers are not on a current image" in done.stderr.splitlines()[-1]


def test_stops_at_what_hangs_and_goes_on_when_it_has_ended(
    run: Run, octavia: octavia_api.Octavia, worker: octavia_worker.Worker, published: Images
) -> None:
    first, second = (octavia.add(name, [published.old]) for name in "ab")
    worker.outcomes[first] = HANGS

    for _ in range(2):
        began = time.monotonic()
        done = run("--yes", "--timeout", "2")

        assert done.returncode == 6
        # A busy machine looks again later than an idle one.
        waited = rf"load balancer a \({first}\) did not recover: it is PENDING_UPDATE after \d+ s"
        assert re.search(waited, done.stderr.splitlines()[-1])
        assert 2 < time.monotonic() - began < _DEADLINE_S
        assert [each.balancer for each in worker.failovers] == [first]

    worker.outcomes[first] = COMPLETES
    done = run("--yes", "--timeout", "20")

    assert done.returncode == 0, done.stderr
    assert [each.balancer for each in worker.failovers] == [first, second]


def test_goes_on_after_a_kill(
    run: Run,
    octavia: octavia_api.Octavia,
    worker: octavia_worker.Worker,
    published: Images,
    work: pathlib.Path,
) -> None:
    balancers = [octavia.add(name, [published.old] * 2) for name in "ab"]
    worker.duration_s = _NEVER_S

    with _started(work) as running:
        _wait_until(lambda: worker.failovers)
        running.send(signal.SIGKILL)
        assert running.end().code == -signal.SIGKILL
    with _started(work) as running:
        running.wait_for(
            lambda told: "Octavia is already changing it; waiting until this ends" in told
        )
        assert len(worker.failovers) == 1
        worker.duration_s = _SHORT_S
        _wait_until(lambda: len(worker.failovers) > 1)
        running.send(signal.SIGKILL)
        assert running.end().code == -signal.SIGKILL
    done = run("--yes")

    assert done.returncode == 0, done.stderr
    assert [(each.balancer, each.role) for each in worker.failovers] == [
        (balancer, role) for balancer in balancers for role in ("BACKUP", "MASTER")
    ]
    assert [octavia.images(each) for each in balancers] == [
        {"MASTER": published.new, "BACKUP": published.new}
    ] * 2


def test_says_what_is_under_way_when_it_is_interrupted(
    run: Run,
    octavia: octavia_api.Octavia,
    worker: octavia_worker.Worker,
    published: Images,
    work: pathlib.Path,
) -> None:
    first, _ = (octavia.add(name, [published.old]) for name in "ab")
    worker.duration_s = _NEVER_S

    with _started(work) as running:
        _wait_until(lambda: worker.failovers)
        other = run("--yes")
        running.send(signal.SIGINT)
        done = running.end(timeout_s=_DEADLINE_S)

    assert other.returncode == 75
    assert other.stderr == (
        "retrofit: error: another run rolls out an image now; wait until it ends\n"
    )
    assert (done.code, done.left) == (130, ())
    assert done.line == (
        "retrofit: error: interrupted; no further failover begins, "
        f"Octavia still works on a ({first})"
    )
    assert [each.balancer for each in worker.failovers] == [first]


def test_what_somebody_else_changes_is_waited_for(
    octavia: octavia_api.Octavia,
    worker: octavia_worker.Worker,
    published: Images,
    work: pathlib.Path,
) -> None:
    busy = octavia.add("busy", [published.old], status="PENDING_UPDATE")
    other = octavia.add("other", [published.old])

    with _started(work) as running:
        running.wait_for(lambda told: f"busy ({busy}): Octavia is already changing it" in told)
        assert worker.failovers == []
        octavia.set_status(busy, "ACTIVE")
        done = running.end()

    assert done.code == 0, done.stderr
    assert [each.balancer for each in worker.failovers] == [busy, other]


def test_stops_when_octavia_takes_another_image(
    run: Run,
    octavia: octavia_api.Octavia,
    worker: octavia_worker.Worker,
    published: Images,
    running_cloud: support.Cloud,
    image_file: pathlib.Path,
) -> None:
    first, _ = (octavia.add(name, [published.old] * 2) for name in "ab")
    shadowing_image = running_cloud.upload_base(image_file, name="shadowing", disk_format="raw")
    with running_cloud.admin() as admin:
        admin.image.add_tag(shadowing_image, TAG)
        shown = run()
        done = run("--yes")
        admin.image.delete_image(shadowing_image)

    assert shown.returncode == 0
    assert f"Octavia selects {shadowing_image} shadowing instead: " in shown.stderr
    assert done.returncode == 6
    assert f"load balancer a ({first}) got amphora " in done.stderr.splitlines()[-1]
    assert f"which runs image {shadowing_image}, not the current {published.new}" in done.stderr
    assert [(each.balancer, each.role) for each in worker.failovers] == [(first, "BACKUP")]


def test_does_not_begin_when_octavia_takes_another_image_of_the_project(
    run: Run,
    octavia: octavia_api.Octavia,
    worker: octavia_worker.Worker,
    published: Images,
    running_cloud: support.Cloud,
    image_file: pathlib.Path,
) -> None:
    octavia.add("a", [published.old])
    shadowing_image = running_cloud.upload_base(
        image_file, name="by hand", visibility="shared", disk_format="raw", who=support.RETROFIT
    )
    with running_cloud.connect(support.RETROFIT) as owner:
        owner.image.add_tag(shadowing_image, TAG)
        done = run("--yes")
        owner.image.delete_image(shadowing_image)

    assert done.returncode == 78
    assert done.stderr.splitlines()[-1] == (
        f"retrofit: error: a new amphora would get by hand ({shadowing_image}) of this project "
        "instead of our image; remove its tag: retrofit status"
    )
    assert worker.failovers == []


def test_does_not_begin_while_other_images_are_to_spare(
    run: Run, octavia: octavia_api.Octavia, worker: octavia_worker.Worker, published: Images
) -> None:
    octavia.add("a", [published.old])
    octavia.add_amphora(None, image=published.new, status="READY")
    spare = octavia.add_amphora(None, image=published.old, status="READY")

    done = run("--yes")

    assert done.returncode == 78
    assert done.stderr.splitlines()[-1] == (
        f"retrofit: error: Octavia would use 1 spare amphorae of another image, such as {spare}; "
        "delete them: openstack loadbalancer amphora delete ID"
    )
    assert worker.failovers == []


def test_leaves_what_must_not_be_touched(
    run: Run, octavia: octavia_api.Octavia, worker: octavia_worker.Worker, published: Images
) -> None:
    flavor = octavia.add_flavor("nobody's", {"amp_image_tag": "rollout-of-nobody"})
    octavia.add("broken", [published.old], status="ERROR")
    octavia.add("unknown", [None])
    octavia.add("other-tag", [published.old], flavor=flavor)
    torn = octavia.add("torn", [published.old])
    octavia.add_amphora(torn, image=published.old, role="BACKUP", status="ERROR")
    good = octavia.add("good", [published.old])

    done = run("--yes", "--json")

    assert done.returncode == 6
    assert [each.balancer for each in worker.failovers] == [good]
    balancers = {each["name"]: each for each in _report(done)["balancers"]}
    assert balancers.pop("good")["state"] == "current"
    assert {each["state"] for each in balancers.values()} == {"left"}
    reasons = {name: each["reason"] for name, each in balancers.items()}
    assert reasons["broken"] == "is in ERROR"
    assert reasons["unknown"].endswith("whose image Octavia does not report")
    assert reasons["other-tag"] == (
        "has the tag rollout-of-nobody, which no image of this project has"
    )
    assert reasons["torn"].endswith("in ERROR")


def test_a_flavors_tag_is_not_taken_for_octavias_own(
    run: Run, octavia: octavia_api.Octavia, worker: octavia_worker.Worker, published: Images
) -> None:
    flavor = octavia.add_flavor("other", {"amp_image_tag": FLAVORED})
    mine = octavia.add("mine", [published.flavored_old], flavor=flavor)
    octavia.add("plain", [published.new])

    done = run("--yes", "--amp-image-tag", FLAVORED)

    assert done.returncode == 6
    assert [each.balancer for each in worker.failovers] == [mine]
    assert "has no tag from its flavor" in done.stderr.splitlines()[-1]


@pytest.mark.usefixtures("worker")
class TestRefusals:
    @pytest.fixture(autouse=True)
    def _outdated(self, octavia: octavia_api.Octavia, published: Images) -> None:
        octavia.add("a", [published.old])

    def test_without_the_role(self, run: Run) -> None:
        done = run(who=support.TENANT)

        assert (done.returncode, done.stdout) == (77, "")
        assert done.stderr == (
            "retrofit: error: cannot list amphorae: not allowed: Policy does not allow this "
            "request to be performed; "
            "grant the user the role load-balancer_admin or admin in its project\n"
        )

    def test_status_without_the_role(self, run: Run) -> None:
        done = run(name="status", who=support.TENANT)

        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == (
            "images of load balancers are not known: cannot list amphorae: not allowed: Policy "
            "does "
            "not allow this request to be performed; "
            "grant the user the role load-balancer_admin or admin in its project"
        )

    def test_without_a_current_image(self, run: Run) -> None:
        done = run("--amp-image-tag", "rollout-mistyped")

        assert done.returncode == 66
        assert done.stderr.splitlines()[-1] == (
            "retrofit: error: nothing to roll out: no image of this project has the tag "
            "rollout-mistyped; check the tag and the project: retrofit status"
        )

    @pytest.mark.parametrize(
        ("arguments", "code", "line"),
        [
            (("--amp-image-tag", marks.OWN_TAG), 78, "does not identify one current image"),
            (("--max-parallel", "0"), 64, "0 is not in the range x>=1"),
            (("--pause", "soon"), 64, "'soon' is not a valid integer range"),
            (("--timeout", "-1"), 64, "-1 is not in the range"),
        ],
    )
    def test_bad_input(self, run: Run, arguments: tuple[str, ...], code: int, line: str) -> None:
        done = run(*arguments)

        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.count("\n") == 1
        assert line in done.stderr


def test_status_tells_what_runs(
    run: Run, octavia: octavia_api.Octavia, worker: octavia_worker.Worker, published: Images
) -> None:
    gone = "11111111-2222-4333-8444-555555555555"
    octavia.add("a", [published.old] * 2)
    octavia.add("b", [published.new] * 2)
    octavia.add("c", [gone])

    table = run(name="status").stdout
    told = _report(run("--json", name="status"))["running"]

    assert table.splitlines()[-1] == "2 of 3 load balancers are not on a current image"
    assert (told["unknown"], told["current"], told["outdated"]) == ("", False, 2)
    assert sorted((each["amphorae"], each["id"], each["current"]) for each in told["images"]) == (
        sorted([(2, published.old, False), (2, published.new, True), (1, gone, False)])
    )
    for each in told["images"]:
        assert f"{each['id']} {each['name']}".strip() in table
