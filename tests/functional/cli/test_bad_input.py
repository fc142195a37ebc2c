"""What the commands say to bad input, and that nothing is left: docs/reference/bad-input.md.

``RETROFIT_WRITE_DOCS=1`` writes the table anew from what was printed; else the tests compare.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support import paths, scratch
from tests.support.base_images import stream_tree
from tests.support.building import mirror, simple_disks
from tests.support.cli import command
from tests.support.cloud import cloud
from tests.support.host import authority, web_server

_TABLE = paths.REPOSITORY / "docs" / "reference" / "bad-input.md"
_BEGIN = "| Bad input | Command | Printed last | Code |\n|---|---|---|---|\n"
_BARE = "tests.support.cli.bare_retrofit"
_OWN = "retrofit"
_IN_CLOUD = "retrofit image glance: glance: --os-cloud retrofit"
_BUILD = "retrofit image base.qcow2 out.qcow2"
_IMPATIENT = "tests.support.cli.impatient_retrofit"
_STREAM = (
    "retrofit image simplestreams:WEB out.qcow2 --series noble --architecture x86_64"
    " --keyring keyring.gpg"
)
_FILE = "server/20260801/server-24.04-amd64.img"
_CHECKED = f"retrofit image WEB/{_FILE} out.qcow2 --checksum WEB/SHA256SUMS"
_PLANNED = "retrofit run amphora.json --plan plan.json --result RESULT"
_YEAR = datetime.timedelta(days=365)
_STEPS = (
    *("unpack", "inspect", "grow", "open", "customise"),
    *("boot-loader", "seal", "write-back", "convert"),
)
_SIGNALS = {signal.SIGINT: ("Ctrl-C", 130), signal.SIGTERM: ("SIGTERM", 143)}
_INTERRUPTED = "retrofit: error: interrupted; unfinished work was removed"


@dataclasses.dataclass(frozen=True)
class Clouds:
    """A cloud, and one whose certification authority expired."""

    good: cloud.Cloud
    expired: cloud.Cloud


@dataclasses.dataclass(frozen=True)
class Web:
    """A web server with base images, and who signs their index."""

    server: web_server.Server
    signers: stream_tree.Signers


@dataclasses.dataclass
class Place:
    """Where a command runs.

    Attributes:
        files: Directory of its input and output; what it prints is relative to that.
        work: Directory for its temporary files.
        mirror: Base URL of a package archive.
        clouds: Clouds it can be given.
        bare_image: Identifier of an image in the good one, of which Glance knows nothing.
        web: A web server.
        held: What ends with the test, such as a mounted file system.
        environment: Variables for it.
    """

    files: pathlib.Path
    work: pathlib.Path
    mirror: str
    clouds: Clouds
    bare_image: str
    web: Web
    held: contextlib.ExitStack
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    def use(self, which: cloud.Cloud, **auth: str) -> None:
        """Write a clouds.yaml for a cloud, with changes to its ``auth`` sections."""
        path = self.work.with_name("clouds.yaml")
        which.clouds_yaml(path, **auth)
        self.environment["OS_CLIENT_CONFIG_FILE"] = str(path)

    def run(self, line: str, *, module: str = "retrofit") -> command.Outcome:
        """Run a command line to its end."""
        with self.start(line, module=module) as running:
            return running.end()

    def call(self, line: str) -> command.Outcome:
        """Run a command line that ends soon in this process."""
        return command.called(
            self._words(line), cwd=self.files, work=self.work, environment=self.environment
        )

    def start(
        self, line: str, *, module: str = "retrofit"
    ) -> contextlib.AbstractContextManager[command.Command]:
        """Start a command line, written as in the table."""
        return command.started(
            self._words(line),
            cwd=self.files,
            work=self.work,
            module=module,
            environment=self.environment,
        )

    def _words(self, line: str) -> list[str]:
        """Return the words of a command line, written as in the table."""
        places = {"MIRROR": self.mirror, "WEB": self._web, "RESULT": f"{self.work}-result.json"}
        for name, text in places.items():
            line = line.replace(name, text)
        words = shlex.split(line)
        if words[1] not in ("plan", "run"):
            words += ["--work-dir", str(self.work)]
        return words[1:]

    def shown(self, printed: str) -> str:
        """Return what was printed without what differs between runs."""
        places = {str(self.work): "WORK-DIR", self.mirror: "MIRROR", self._web: "WEB"}
        for text, name in places.items():
            printed = printed.replace(text, name)
        printed = re.sub(r"retrofit-work-\w+", "retrofit-work-X", printed)
        printed = re.sub(r" \[IP: \S+ \d+\]", "", printed)
        printed = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", printed)
        printed = re.sub(r"little, for \d+ s", "little, for N s", printed)
        printed = re.sub(r"\bkey [0-9A-F]{16,}", "key KEY", printed)
        printed = re.sub(r"\b[0-9a-f]{32}\b", "PROJECT", printed)
        return re.sub(r"\d{4}-\d\d-\d\d", "DATE", printed)

    def stream(self, **signing: Any) -> None:
        """Have the web server show a signed tree of base images; see :meth:`Tree.write`."""
        directory = self.files / "web"
        tree = stream_tree.Tree(directory, self.web.signers.own)
        tree.add("20260801")
        tree.write(**signing)
        shutil.copy(self.web.signers.own.keyring, self.files / "keyring.gpg")
        (directory / "SHA256SUMS").write_text(f"{'0' * 64}  {_FILE.rpartition('/')[2]}\n")
        self.web.server.directory = directory

    @property
    def _web(self) -> str:
        return self.web.server.url.rstrip("/")


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of bad input.

    Attributes:
        what: Its name.
        line: The command line.
        code: The exit code it is to have.
        prepare: Makes the input.
        module: What stands for the program, where that has to be a process of its own: because a
            workshop opens, or for another reason.
    """

    what: str
    line: str
    code: int
    prepare: Callable[[Place], None] = lambda _: None
    module: str | None = None

    def row(self, printed: str) -> str:
        """Return the table's row."""
        return f"| {self.what} | `{self.line}` | `{printed}` | {self.code} |\n"


def _notes(place: Place) -> None:
    (place.files / "notes.txt").write_text("no image\n" * 1000)


def _pipe(place: Place) -> None:
    os.mkfifo(place.files / "pipe")


def _truncated(place: Place) -> None:
    whole = simple_disks.installable().read_bytes()
    (place.files / "half.qcow2").write_bytes(whole[: len(whole) // 2])


def _no_system(place: Place) -> None:
    simple_disks.disk(place.files / "data.img", {"holiday.txt": "sunny\n"})


def _blank(place: Place) -> None:
    words = ["qemu-img", "create", "-q", "-f", "qcow2", place.files / "blank.qcow2", "64M"]
    subprocess.run(words, check=True)


def _alpine(place: Place) -> None:
    path = place.files / "alpine.img"
    simple_disks.system(path, distribution="alpine", version="3.22", series="")


def _trusty(place: Place) -> None:
    path = place.files / "trusty.img"
    simple_disks.system(path, distribution="ubuntu", version="14.04", series="trusty")


def _present(place: Place) -> None:
    (place.files / "out.qcow2").write_text("precious\n")


def _small_disk(place: Place) -> None:
    # Enough to begin with, and not enough for the base image's disk.
    place.held.enter_context(scratch.file_system(place.work, mebibytes=320))


def _broken_element(place: Place) -> None:
    script = place.files / "elements" / "broken" / "pre-install.d" / "00-break"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/bash\necho about to break\necho 'it broke' >&2\nexit 3\n")
    script.chmod(0o755)


def _old_authority(place: Place) -> None:
    authority.Authority(place.files, expired=True).path.rename(place.files / "old.pem")


def _good_cloud(place: Place) -> None:
    place.use(place.clouds.good)


def _wrong_password(place: Place) -> None:
    place.use(place.clouds.good, password="wrong")


def _expired_cloud(place: Place) -> None:
    place.use(place.clouds.expired)


def _index(place: Place) -> pathlib.Path:
    place.stream()
    return place.files / "web" / stream_tree.INDEX


def _unsigned(place: Place) -> None:
    _index(place).write_text('{"format": "index:1.0"}\n')


def _cut_short(place: Place) -> None:
    index = _index(place)
    index.write_bytes(index.read_bytes()[:500])


def _changed(place: Place) -> None:
    index = _index(place)
    index.write_bytes(index.read_bytes().replace(b"amd64", b"amd65", 1))


def _of_another(place: Place) -> None:
    place.stream(signer=place.web.signers.other)


def _of_last_year(place: Place) -> None:
    place.stream(made=datetime.datetime.now(datetime.UTC) - _YEAR)


def _of_next_year(place: Place) -> None:
    place.stream(made=datetime.datetime.now(datetime.UTC) + _YEAR)


def _loop(place: Place) -> None:
    place.stream()
    here = f"/{stream_tree.INDEX}"
    place.web.server.redirections |= {stream_tree.INDEX: "/elsewhere", "elsewhere": here}


def _silence(place: Place) -> None:
    place.stream()
    place.web.server.faults[_FILE] += [web_server.Fault(1000, stall=True)] * 5


def _wanted(place: Place) -> None:
    _good_cloud(place)
    request = {"source": f"glance:{place.bare_image}", "target": "glance:", "cloud": "retrofit"}
    (place.files / "amphora.json").write_text(json.dumps(request | {"depth": "off"}))


def _plan_of_another_version(place: Place) -> None:
    _wanted(place)
    plan = {"version": 1, "engine": "0.0.9", "images": []}
    (place.files / "plan.json").write_text(json.dumps(plan))


def _plan_for_another_cloud(place: Place) -> None:
    _wanted(place)
    planned = place.run("retrofit plan amphora.json --json")
    assert planned.code == 0, planned.stderr
    plan = json.loads(planned.stdout)
    plan["images"][0]["project-id"] = "0" * 32
    (place.files / "plan.json").write_text(json.dumps(plan))


def _no_plan(place: Place) -> None:
    _wanted(place)
    shutil.copy(place.files / "amphora.json", place.files / "plan.json")


CASES = (
    Case("Not an image", "retrofit image notes.txt out.qcow2", 65, _notes, _OWN),
    Case("Truncated qcow2", "retrofit image half.qcow2 out.qcow2", 65, _truncated, _OWN),
    Case("No operating system", "retrofit image data.img out.qcow2", 65, _no_system, _OWN),
    Case("Nothing at all", "retrofit image blank.qcow2 out.qcow2", 65, _blank, _OWN),
    Case("Unsupported release", "retrofit image trusty.img out.qcow2", 65, _trusty, _OWN),
    Case("Unsupported distribution", "retrofit image alpine.img out.qcow2", 65, _alpine, _OWN),
    Case("Another series than asked for", f"{_BUILD} --series jammy", 65, module=_OWN),
    Case("Missing file", "retrofit image none.img out.qcow2", 66),
    Case("Pipe that nobody writes to", "retrofit image pipe out.qcow2", 66, _pipe),
    Case("Device without an end", "retrofit verify /dev/zero", 66),
    Case("Image files without an end", "retrofit manage --images /dev/zero --check-only", 9),
    Case("Mistyped source", "retrofit image simplestrems: out.qcow2", 78),
    Case("No checksum", "retrofit image https://mirror.invalid/noble.img out.qcow2", 78),
    Case("Another checksum", _CHECKED, 65, Place.stream),
    Case("Index that is not signed", _STREAM, 77, _unsigned),
    Case("Index signed by somebody else", _STREAM, 77, _of_another),
    Case("Index changed after it was signed", _STREAM, 77, _changed),
    Case("Index cut short", _STREAM, 77, _cut_short),
    Case("Index of last year, or a clock a year ahead", _STREAM, 77, _of_last_year),
    Case("Index of next year, or a clock a year behind", _STREAM, 77, _of_next_year),
    Case("Redirections without end", _STREAM, 69, _loop),
    Case("Server that stalls", _STREAM, 69, _silence, _IMPATIENT),
    Case("Output that exists", _BUILD, 73, _present),
    Case("Output directory missing", "retrofit image base.qcow2 none/out.qcow2", 73),
    Case("No space left", _BUILD, 74, _small_disk, _OWN),
    Case("Unreachable mirror", f"{_BUILD} --mirror http://mirror.invalid/ubuntu", 69, module=_OWN),
    Case("Mistyped mirror", f"{_BUILD} --mirror MIRROR/ubunut", 78, module=_OWN),
    Case(
        "Unknown pocket",
        f"{_BUILD} --mirror MIRROR --uca-mirror MIRROR --uca-pocket caracel",
        78,
        module=_OWN,
    ),
    Case(
        "Failing element",
        f"{_BUILD} --mirror MIRROR --elements-path elements --element broken",
        76,
        _broken_element,
        _OWN,
    ),
    Case("Missing element", f"{_BUILD} --element mistyped", 66),
    Case("Mistyped recipe", f"{_BUILD} --recipe amfora", 78),
    Case("Mistyped series", f"{_BUILD} --series nobel", 78),
    Case("Mistyped option", f"{_BUILD} --elment mine", 64),
    Case("Mistyped format", f"{_BUILD} --format qcow", 64),
    Case("Mistyped size", f"{_BUILD} --root-size 8gigs", 78),
    Case("Mistyped depth", f"{_BUILD} --depth deep", 64),
    Case("Expired CA for the build", f"{_BUILD} --ca-certificate old.pem", 78, _old_authority),
    Case("Mistyped tag", f"{_IN_CLOUD} --amp-image-tag 'octavia amphora'", 78, _good_cloud),
    Case("Wrong credentials", _IN_CLOUD, 77, _wrong_password),
    Case("Expired CA of the cloud", _IN_CLOUD, 77, _expired_cloud),
    Case("Mistyped cloud", "retrofit image glance: glance: --os-cloud retro", 78, _good_cloud),
    Case("Mistyped region", f"{_IN_CLOUD} --os-region-name RegionTwo", 78, _good_cloud),
    Case(
        "Missing image in Glance",
        "retrofit image glance:00000000-0000-4000-8000-000000000000 out.qcow2 --os-cloud retrofit",
        66,
        _good_cloud,
    ),
    Case("No base image that suits", f"{_IN_CLOUD} --series jammy", 66, _good_cloud),
    Case("Plan of another version", _PLANNED, 5, _plan_of_another_version),
    Case("Plan for another cloud", _PLANNED, 5, _plan_for_another_cloud),
    Case("Not a plan", _PLANNED, 78, _no_plan),
    Case(
        "Nothing to go back to",
        "retrofit rollback --os-cloud retrofit --amp-image-tag mistyped",
        66,
        _good_cloud,
    ),
    Case(
        "No tag to go back by",
        "retrofit rollback --os-cloud retrofit --amp-image-tag ''",
        78,
        _good_cloud,
    ),
    Case("Rollout without Octavia", "retrofit rollout --os-cloud retrofit --yes", 78, _good_cloud),
    Case("Mistyped pause", "retrofit rollout --os-cloud retrofit --yes --pause 1m", 64),
)
_BUSY = Case("Second build while one runs", _BUILD, 75)


@pytest.fixture(scope="module")
def clouds() -> Iterator[Clouds]:
    with cloud.running() as good, cloud.running(expired_authority=True) as expired:
        yield Clouds(good, expired)


@pytest.fixture(scope="module")
def archive() -> Iterator[str]:
    with mirror.serving() as url:
        yield url


@pytest.fixture(scope="module")
def bare_image(clouds: Clouds) -> str:
    """Upload a base image of which Glance knows nothing, and return its identifier."""
    unknown = dict.fromkeys(
        ("product_name", "version_name", "item_name", "content_id", "source_content_id")
        + ("os_distro", "os_version", "architecture", "simplestreams_metadata")
    )
    return clouds.good.upload_base(simple_disks.installable(), name="unknown", **unknown)


@pytest.fixture(scope="module")
def signers() -> Iterator[stream_tree.Signers]:
    with stream_tree.signers() as made:
        yield made


@pytest.fixture
def place(
    open_directory: pathlib.Path,
    clouds: Clouds,
    archive: str,
    bare_image: str,
    signers: stream_tree.Signers,
) -> Iterator[Place]:
    files, work = open_directory / "files", open_directory / "work"
    files.mkdir()
    work.mkdir()
    (files / "base.qcow2").symlink_to(simple_disks.installable())
    with web_server.serving(files) as server, contextlib.ExitStack() as held:
        yield Place(files, work, archive, clouds, bare_image, Web(server, signers), held)


@pytest.fixture(scope="module")
def table() -> Iterator[dict[str, str]]:
    """Rows as printed in this run, by kind of input; written into the page on demand."""
    rows: dict[str, str] = {}
    yield rows
    if os.environ.get("RETROFIT_WRITE_DOCS"):
        head = _TABLE.read_text().partition(_BEGIN)[0]
        order = [case.what for case in (*CASES, _BUSY)]
        order += [name for name, _ in _SIGNALS.values()]
        _TABLE.write_text(head + _BEGIN + "".join(rows[what] for what in order if what in rows))


def _check(row: str, what: str, table: dict[str, str]) -> None:
    """Keep a row, and compare it with the page unless that is being written."""
    table[what] = row
    if not os.environ.get("RETROFIT_WRITE_DOCS"):
        assert row in _TABLE.read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what.replace(" ", "-"))
def test_bad_input(case: Case, place: Place, table: dict[str, str]) -> None:
    case.prepare(place)
    images = place.clouds.good.images()

    outcome = place.run(case.line, module=case.module) if case.module else place.call(case.line)

    assert outcome.code == case.code, outcome.stderr
    assert outcome.line.startswith("retrofit: error: ")
    assert "Traceback" not in outcome.stderr
    assert outcome.stdout == ""
    assert outcome.left == ()
    assert place.clouds.good.images() == images
    _check(case.row(place.shown(outcome.line)), case.what, table)


def test_failing_element_shows_its_last_lines(place: Place) -> None:
    _broken_element(place)

    outcome = place.run(f"{_BUILD} --mirror MIRROR --elements-path elements --element broken")

    assert outcome.code == 76
    printed = outcome.stderr.splitlines()
    assert printed.index("  | about to break") < printed.index("  | it broke") < len(printed) - 1
    for part in ("broken", "pre-install.d", "00-break"):
        assert part in outcome.line


def test_output_that_exists_is_kept(place: Place) -> None:
    _present(place)

    place.run(_BUILD)

    assert (place.files / "out.qcow2").read_text() == "precious\n"


def test_full_disk_of_the_output(place: Place) -> None:
    with scratch.file_system(place.files / "small", mebibytes=16) as target:
        outcome = place.run(
            "retrofit image base.qcow2 small/out.qcow2 --recipe bare --mirror MIRROR", module=_BARE
        )
        left = list(target.iterdir())

    assert outcome.code == 74, outcome.stderr
    assert outcome.line.startswith("retrofit: error: the disk of small/out.qcow2 is full")
    assert (outcome.left, left) == ((), [])


def test_second_build_while_one_runs(place: Place, table: dict[str, str]) -> None:
    with place.start(f"{_BUILD} --recipe bare --mirror MIRROR", module=_BARE) as first:
        first.wait_for(lambda printed: "open:" in printed)

        second = subprocess.run(
            [*command.PROGRAM, "image", "base.qcow2", "out.qcow2", "--work-dir", place.work],
            cwd=place.files,
            capture_output=True,
            text=True,
            check=False,
        )

        assert second.returncode == _BUSY.code
        assert second.stderr.count("\n") == 1
        first.send(signal.SIGTERM)
        assert first.end().left == ()
    _check(_BUSY.row(place.shown(second.stderr.strip())), _BUSY.what, table)


# One signal is handled as the other: each step gets one of them, as a build to it takes a while.
@pytest.mark.parametrize(
    ("step", "number"),
    list(zip(_STEPS, itertools.cycle(_SIGNALS), strict=False)),
    ids=lambda one: getattr(one, "name", one),
)
def test_interruption(
    step: str, number: signal.Signals, place: Place, table: dict[str, str]
) -> None:
    before = _STEPS.index(step) - 1
    with place.start(f"{_BUILD} --recipe bare --mirror MIRROR", module=_BARE) as running:
        if before < 0:
            running.wait_for(lambda _: any(place.work.rglob("disk.raw")))
        else:
            running.wait_for(lambda printed: f"{_STEPS[before]}:" in printed)
        running.send(number)
        outcome = running.end()

    name, code = _SIGNALS[number]
    assert (outcome.code, outcome.line) == (code, _INTERRUPTED)
    assert outcome.left == ()
    row = f"| {name} in any step | `{_BUILD}` | `{outcome.line}` | {code} |\n"
    _check(row, name, table)


@pytest.mark.parametrize(
    ("before", "number"),
    [
        ("", signal.SIGINT),
        ("download:", signal.SIGTERM),
        # The image is being sent, and then proved.
        ("convert:", signal.SIGINT),
        ("upload:", signal.SIGTERM),
    ],
)
def test_interruption_with_a_cloud(
    before: str, number: signal.Signals, place: Place, bare_image: str
) -> None:
    _good_cloud(place)
    images = place.clouds.good.images()
    line = f"retrofit image glance:{bare_image} glance: --os-cloud retrofit --force"
    line += " --recipe bare --depth rest --mirror MIRROR"
    with place.start(line, module=_BARE) as running:
        if before:
            running.wait_for(lambda printed: before in printed)
        else:
            running.wait_for(lambda _: any(place.work.rglob("source.img")))
        running.send(number)
        outcome = running.end()

    assert (outcome.code, outcome.line) == (_SIGNALS[number][1], _INTERRUPTED), outcome.stderr
    assert outcome.left == ()
    assert place.clouds.good.images() == images


def test_a_file_that_fails_its_proof_is_not_delivered(place: Place) -> None:
    line = f"{_BUILD} --recipe bare --mirror MIRROR --depth rest --flavor-disk 1M"

    outcome = place.run(f"{line} --evidence evidence", module=_BARE)

    assert outcome.code == 4, outcome.stderr
    assert outcome.line == ("retrofit: error: out.qcow2 fails 1 of 2 checks: size; see evidence")
    assert not (place.files / "out.qcow2").exists()
    assert (place.files / "evidence" / "checks.json").is_file()


def test_missing_properties_are_derived(place: Place, bare_image: str) -> None:
    _good_cloud(place)
    line = f"retrofit image glance:{bare_image} glance: --os-cloud retrofit --recipe bare"
    line += " --depth rest --mirror MIRROR"

    outcome = place.run(line, module=_BARE)

    assert outcome.code == 0, outcome.stderr
    assert outcome.left == ()
    published = place.clouds.good.image(outcome.stdout.split()[0])
    assert published["name"] == "amphora-haproxy-x86_64-ubuntu-24.04-custom"
    assert published["architecture"] == "x86_64"
    assert published["source_version_name"] == "custom"
    assert published["retrofit_proof_depth"] == "rest"
    assert published["retrofit_proof_result"] == "passed"

    again = place.run(line, module=_BARE)

    assert again.code == 3
    assert published["name"] in again.line
    assert again.left == ()
