"""What ``retrofit doctor`` prints on good and on broken machines and clouds: reference/doctor.md.

``RETROFIT_WRITE_DOCS=1`` writes the tables anew from what was printed; else the tests compare.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest
import yaml
from tests.support import paths, scratch
from tests.support.cli import command
from tests.support.cloud import cloud as support
from tests.support.cloud import cloud_config, cloud_template, octavia_api, users_of_images
from tests.support.host import web_server
from tests.support.image_manager import image_files
from tests.support.provenance import records

from retrofit import errors, model
from retrofit.cloud import access
from retrofit.provenance import description

_PAGE = paths.REPOSITORY / "docs" / "reference" / "doctor.md"
_GOOD = "| Check | Printed |\n|---|---|\n"
_BROKEN = "| What is wrong | Check | Printed |\n|---|---|---|\n"
_TAG = "doctor-test"
_TIMEOUT_S = 120
_RESTRICTION = pathlib.Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


@dataclasses.dataclass
class Tables:
    """The tables of the page, as printed in this run.

    Attributes:
        good: Rows of a good machine and cloud, by check.
        broken: Rows by what is wrong.
    """

    good: dict[str, str] = dataclasses.field(default_factory=dict)
    broken: dict[str, str] = dataclasses.field(default_factory=dict)

    def keep(self, rows: dict[str, str], name: str, row: str) -> None:
        """Keep a row, and compare it with the page unless that is being written."""
        rows[name] = row
        if not os.environ.get("RETROFIT_WRITE_DOCS"):
            assert row in _PAGE.read_text()

    def write(self) -> None:
        """Write both tables into the page; rows that this run did not make stay."""
        text = _PAGE.read_text()
        for head, rows in ((_GOOD, self.good), (_BROKEN, self.broken)):
            before, _, rest = text.partition(head)
            old, gap, after = rest.partition("\n\n")
            known = {row.split(" | ")[0]: f"{row}\n" for row in old.splitlines()}
            known |= {row.split(" | ")[0]: row for row in rows.values()}
            text = f"{before}{head}{''.join(known.values())}{gap[1:]}{after}"
        _PAGE.write_text(text)


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    made = Tables()
    yield made
    if os.environ.get("RETROFIT_WRITE_DOCS"):
        made.write()


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the command runs.

    Attributes:
        directory: For files.
        cloud: The cloud that it is given.
    """

    directory: pathlib.Path
    cloud: support.Cloud

    def use(self, auth: dict[str, str] | None = None, **changes: str | None) -> None:
        """Write a clouds.yaml for the cloud, with changes."""
        entry = {
            "auth": self.cloud.authentication(support.RETROFIT) | (auth or {}),
            "region_name": support.REGION,
            "cacert": str(self.cloud.ca_path),
        } | changes
        kept = {key: value for key, value in entry.items() if value is not None}
        (self.directory / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"mine": kept}}))

    def call(self, line: str) -> command.Outcome:
        """Run the command in this process."""
        return command.called(
            ["doctor", *shlex.split(line)],
            cwd=self.directory,
            work=self.directory,
            environment={"OS_CLIENT_CONFIG_FILE": str(self.directory / "clouds.yaml")},
        )

    def shown(self, printed: str) -> str:
        """Return what was printed without what differs between runs."""
        printed = printed.replace(str(self.cloud.ca_path), "CA-FILE")
        printed = printed.replace(str(self.directory), "DIR")
        return _shown(printed)


def _shown(printed: str) -> str:
    printed = re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT", printed)
    printed = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "ID", printed)
    printed = re.sub(r"\b[0-9a-f]{32}\b", "PROJECT", printed)
    printed = re.sub(r"/boot/vmlinuz-\S+", "/boot/vmlinuz-VERSION", printed)
    return re.sub(r"\d+\.\d (of \d+\.\d )?GiB", "N GiB", printed)


@pytest.fixture
def place(
    running_cloud: support.Cloud, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Place:
    # A service of the test cloud loads itself at its first request, on a machine that is busy.
    monkeypatch.setattr(access, "TIMEOUT_S", 50.0)
    made = Place(tmp_path, running_cloud)
    made.use()
    return made


def _rows(outcome: command.Outcome) -> dict[str, tuple[str, str]]:
    """Return outcome and line of each check that a table has."""
    split = [re.split(r" {2,}", line, maxsplit=3) for line in outcome.stdout.splitlines()]
    return {check: (result, found) for _, check, result, found in split}


def _check_failure(
    outcome: command.Outcome, what: str, check: str, tables: Tables, shown: Callable[[str], str]
) -> None:
    """Check that exactly one check failed, and keep its row."""
    rows = _rows(outcome)
    failed = {name: found for name, (result, found) in rows.items() if result == "failed"}
    assert list(failed) == [check], outcome.stdout
    assert outcome.code == errors.ChecksFailed.exit_code
    assert outcome.line == (
        f"retrofit: error: 1 of {len(rows)} checks failed: {check}; "
        "docs/reference/doctor.md describes them"
    )
    assert "Traceback" not in outcome.stderr
    assert outcome.left == ()
    row = f"| {what} | `{shown(check)}` | `{shown(failed[check])}` |\n"
    tables.keep(tables.broken, what, row)


# The machine


def _on(broken: str, line: str, directory: pathlib.Path) -> command.Outcome:
    """Run the command on a machine that a shell script broke, in namespaces of its own."""
    # A KVM that hangs is waited for, and is no matter here.
    prepare = "test ! -e /dev/kvm || mount --bind /dev/null /dev/kvm"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", f'{prepare}; {broken}; exec "$@"', "sh"]
        + [sys.executable, "-m", "retrofit", "doctor", "--only", "machine", *shlex.split(line)],
        cwd=directory,
        env=os.environ | {"TMPDIR": str(directory)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    left = tuple(f"file {path}" for path in directory.rglob("retrofit-*"))
    return command.Outcome(done.returncode, done.stdout, done.stderr, left)


@pytest.fixture
def ample(open_directory: pathlib.Path) -> Iterator[pathlib.Path]:
    """Return a directory for work directories that has enough free space, whatever tests do."""
    with scratch.file_system(open_directory / "work", mebibytes=8192) as mounted:
        yield mounted


def test_a_good_machine(ample: pathlib.Path, tables: Tables) -> None:
    outcome = _on("true", f"--work-dir {ample}", ample)

    rows = _rows(outcome)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert {result for result, _ in rows.values()} == {"ok"}
    if _RESTRICTION.exists():
        # Only Ubuntu's kernels have it.
        assert rows.pop("apparmor")[1].startswith("apparmor_restrict_unprivileged_userns is ")
    for name, (_, found) in rows.items():
        shown = _shown(found.replace(str(ample), "WORK-DIR"))
        tables.keep(tables.good, name, f"| `{name}` | `{shown}` |\n")


@pytest.mark.parametrize(
    ("what", "check", "broken", "line"),
    [
        ("No user namespaces", "namespaces", "echo 0 > /proc/sys/user/max_user_namespaces", ""),
        ("No `/dev/net/tun`", "network", "mount -t tmpfs none /dev/net", ""),
        (
            "A missing program",
            "programs",
            "mount --bind /dev/null $(command -v mcopy)",
            "",
        ),
        ("No kernel in `/boot`", "appliance", "mount -t tmpfs none /boot", ""),
        (
            "A full disk of the work directory",
            "work-directory",
            "mount -t tmpfs -o size=16m,mode=1777 none small",
            "--work-dir small",
        ),
        (
            "A small disk of the work directory",
            "work-directory",
            "mount -t tmpfs -o size=600m,mode=1777 none small",
            "--work-dir small",
        ),
        (
            "A work directory from which nothing may be run",
            "work-directory",
            "mount -t tmpfs -o noexec,mode=1777 none small",
            "--work-dir small",
        ),
        ("A work directory that is missing", "work-directory", "true", "--work-dir none"),
    ],
)
def test_a_broken_machine(
    what: str, check: str, broken: str, line: str, ample: pathlib.Path, tables: Tables
) -> None:
    (ample / "small").mkdir()
    if check == "namespaces":
        # What is set in a user namespace of its own holds there only.
        inner = shlex.quote(f'{broken}; exec "$@"')
        broken = f'exec unshare --user --map-root-user sh -ec {inner} sh "$@"'

    outcome = _on(broken, line or f"--work-dir {ample}", ample)

    def shown(printed: str) -> str:
        return _shown(printed.replace(str(ample), "WORK-DIR"))

    _check_failure(outcome, what, check, tables, shown)


# The cloud


@pytest.fixture
def fitting(
    running_cloud: support.Cloud, octavia: octavia_api.Octavia, tmp_path: pathlib.Path
) -> Iterator[str]:
    """Have an image that Octavia selects, made with an agent of 2025.1; return its identifier."""
    with _image(running_cloud, tmp_path) as image_id:
        # Glance counts in seconds: another image is made later.
        running_cloud.grow_older(hours=1, retrofit_amp_image_tag=_TAG)
        yield image_id
    octavia.clear()


@contextlib.contextmanager
def _image(
    cloud: support.Cloud, directory: pathlib.Path, *, who: str = support.RETROFIT
) -> Iterator[str]:
    """Have an image with the tag, in Glance until the context ends."""
    packages = (model.Package("amphora-agent", "1:16.0.0-0ubuntu1", "all"), *records.PACKAGES)
    said = description.properties(records.described(packages), packages)
    path = directory / "image.raw"
    path.write_bytes(bytes(1024))
    image_id = cloud.upload_base(
        path,
        name="amphora-haproxy-x86_64-ubuntu-24.04-20260801",
        disk_format="raw",
        visibility="public" if who == support.ADMIN else "shared",
        who=who,
        retrofit_amp_image_tag=_TAG,
        retrofit_fingerprint="f" * 64,
        **dict(said),
    )
    with cloud.connect(who) as owner:
        for tag in (_TAG, "octavia-diskimage-retrofit"):
            owner.image.put(f"/images/{image_id}/tags/{tag}").raise_for_status()
        try:
            yield image_id
        finally:
            owner.image.delete(f"/images/{image_id}").raise_for_status()


_ALL = f"--os-cloud mine --only access --only images --only octavia --amp-image-tag {_TAG}"


def test_a_good_cloud(
    place: Place, octavia: octavia_api.Octavia, fitting: str, tables: Tables
) -> None:
    with users_of_images.running(place.cloud) as users:
        users.flavors["c1"] = 8
        octavia.add_flavor("small", {"compute_flavor": "c1"})
        outcome = place.call(_ALL)

    rows = _rows(outcome)
    assert outcome.code == 0, outcome.stdout + outcome.stderr
    assert {name for name, (result, _) in rows.items() if result != "ok"} == {"image-quota"}
    for name, (_, found) in rows.items():
        tables.keep(tables.good, name, f"| `{name}` | `{place.shown(found)}` |\n")


def _wrong_password(place: Place) -> None:
    place.use({"password": "wrong"})


def _unknown_authority(place: Place) -> None:
    place.use(cacert=None)


def _no_certificate(place: Place) -> None:
    (place.directory / "ca.pem").write_text("no certificate\n")
    place.use(cacert="ca.pem")


def _closed_port(place: Place) -> None:
    place.use({"auth_url": f"https://127.0.0.1:{cloud_template.free_port()}/v3"})


def _glance_elsewhere(place: Place) -> None:
    place.use(image_endpoint_override=f"https://127.0.0.1:{cloud_template.free_port()}")


@pytest.mark.parametrize(
    ("what", "check", "prepare", "line"),
    [
        ("A wrong password", "credentials", _wrong_password, ""),
        ("An authority that is not trusted", "identity-authority", _unknown_authority, ""),
        ("A `cacert` without a certificate", "identity-authority", _no_certificate, ""),
        ("A closed port", "identity-endpoint", _closed_port, ""),
        ("Glance does not run", "image-endpoint", _glance_elsewhere, ""),
        ("An unknown region", "region", None, "--os-region-name Nowhere"),
        ("An endpoint type that is missing", "image-endpoint", None, "--os-interface admin"),
        ("An unknown cloud", "settings", None, "--os-cloud theirs"),
    ],
)
def test_a_broken_cloud(
    what: str,
    check: str,
    prepare: Callable[[Place], None] | None,
    line: str,
    place: Place,
    tables: Tables,
) -> None:
    if prepare is not None:
        prepare(place)

    outcome = place.call(f"{_ALL} {line}")

    _check_failure(outcome, what, check, tables, place.shown)


def test_a_region_without_glance(place: Place, tables: Tables) -> None:
    with place.cloud.admin() as admin:
        service = admin.identity.create_service(name="dns", type="dns")
        admin.identity.create_region(id="Edge")
        endpoint = {"interface": "public", "url": "https://127.0.0.1:9", "region_id": "Edge"}
        admin.identity.create_endpoint(service_id=service.id, **endpoint)
        try:
            outcome = place.call("--os-cloud mine --only access --os-region-name Edge")
        finally:
            admin.identity.delete_service(service.id)
            admin.identity.delete_region("Edge")

    _check_failure(outcome, "A region without Glance", "image-endpoint", tables, place.shown)


def test_a_user_who_may_only_read(place: Place, tables: Tables) -> None:
    with place.cloud.admin() as admin:
        identity = admin.identity
        domain = identity.find_domain(support.SERVICE_DOMAIN)
        project = identity.find_project(support.SERVICE_PROJECT, domain_id=domain.id)
        user = identity.create_user(
            name=uuid.uuid4().hex, password=support.PASSWORD, domain_id=domain.id
        )
        identity.assign_project_role_to_user(project, user, identity.find_role("reader"))
        place.use({"username": user.name})
        outcome = place.call("--os-cloud mine --only access")
        identity.delete_user(user)

    _check_failure(outcome, "A user with the role reader", "publishing", tables, place.shown)


def test_no_image_has_the_tag_of_a_flavor(
    place: Place, octavia: octavia_api.Octavia, fitting: str, tables: Tables
) -> None:
    octavia.add_flavor("gold", {"amp_image_tag": "mistyped"})

    outcome = place.call(_ALL)

    what = "No image with the tag of a flavor"
    _check_failure(outcome, what, "octavia-image", tables, place.shown)


def test_before_the_first_image(place: Place, octavia: octavia_api.Octavia) -> None:
    outcome = place.call(_ALL)

    assert outcome.code == 0, outcome.stdout
    assert _rows(outcome)["octavia-image"] == (
        "not checked",
        f"no active image has the tag {_TAG}",
    )


def test_an_image_of_another_project_with_the_tag(
    place: Place, fitting: str, tables: Tables
) -> None:
    with _image(place.cloud, place.directory, who=support.ADMIN):
        outcome = place.call(_ALL)

    what = "A newer image of another project with the tag"
    _check_failure(outcome, what, "octavia-image", tables, place.shown)


def test_a_disk_that_is_too_small(
    place: Place, octavia: octavia_api.Octavia, fitting: str, tables: Tables
) -> None:
    with users_of_images.running(place.cloud) as users, place.cloud.connect("retrofit") as owner:
        users.flavors["c1"] = 2
        octavia.add_flavor("small", {"compute_flavor": "c1"})
        change = [{"op": "replace", "path": "/min_disk", "value": 4}]
        kind = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        owner.image.patch(f"/images/{fitting}", json=change, headers=kind).raise_for_status()
        outcome = place.call(_ALL)

    what = "A compute flavor with a small disk"
    _check_failure(outcome, what, "octavia-flavor-disk", tables, place.shown)


def test_a_cloud_with_limits_and_then_without_glance(
    tmp_path: pathlib.Path, tables: Tables
) -> None:
    with support.running(options=cloud_config.Options(unified_limits=True)) as limited:
        place = Place(tmp_path, limited)
        place.use()
        limited.limit(
            image_count_total=0,
            image_count_uploading=5,
            image_size_total=1000,
            image_stage_total=-1,
        )
        used_up = place.call("--os-cloud mine --only images")
        with limited.admin() as admin:
            admin.identity.delete_service(admin.identity.find_service("glance"))
        without = place.call("--os-cloud mine --only access")

    what = "A quota that is used up"
    _check_failure(used_up, what, "image-quota", tables, place.shown)
    what = "No image service in the catalog"
    _check_failure(without, what, "image-endpoint", tables, place.shown)


# Mirrors


@pytest.mark.parametrize(
    ("what", "path"),
    [("A mirror that does not answer", ""), ("A mirror without the suite", "ubunut/")],
)
def test_a_broken_mirror(
    what: str, path: str, place: Place, server: web_server.Server, tables: Tables
) -> None:
    url = f"{server.url}{path}" if path else f"http://127.0.0.1:{cloud_template.free_port()}/"
    line = f"deb {url}ubuntu noble main"

    outcome = place.call(f"--only mirrors --mirror '{line}'")

    _check_failure(outcome, what, f"{url}ubuntu/dists/noble/InRelease", tables, place.shown)


def test_a_good_mirror(
    place: Place, server: web_server.Server, tmp_path: pathlib.Path, tables: Tables
) -> None:
    for suite in ("noble", "noble-updates", "noble-security"):
        index = tmp_path / "served" / "ubuntu" / "dists" / suite / "InRelease"
        index.parent.mkdir(parents=True)
        index.touch()

    outcome = place.call(f"--only mirrors --mirror {server.url}ubuntu --series noble --json")

    document = json.loads(outcome.stdout)
    assert (outcome.code, document["ok"]) == (0, True)
    assert [found["outcome"] for found in document["findings"]] == ["ok"] * 3
    first = document["findings"][0]
    row = f"| `{place.shown(first['check'])}` | `{first['found']}` |\n"
    tables.keep(tables.good, first["check"], row)


# Image files


_NOWHERE = "0" * 40


def test_good_image_files(place: Place, tables: Tables) -> None:
    product = image_files.image("One", image_files.version("1"), image_files.version("2"))
    image_files.write(place.directory / "images.yml", product)

    outcome = place.call("--only image-files --image-files images.yml --image-mirror mirror")

    assert outcome.code == 0, outcome.stdout + outcome.stderr
    for name, (result, found) in _rows(outcome).items():
        assert result == "ok"
        tables.keep(tables.good, name, f"| `{name}` | `{place.shown(found)}` |\n")
    assert not (place.directory / "mirror").exists()


@pytest.mark.parametrize(
    ("what", "check", "line"),
    [
        ("Image files that are missing", "image-files", "--image-files none"),
        ("An image file with a mistake", "image-files", "--image-files wrong.yml"),
        (
            "A repository that is missing",
            "image-files",
            f"--image-files file:///none/images.git@{_NOWHERE}:etc",
        ),
        ("A mirror that is a file", "image-mirror", "--image-mirror wrong.yml/mirror"),
        ("A mirror that does not answer to S3", "image-mirror", "--image-mirror s3://images"),
    ],
)
def test_broken_image_files(
    what: str,
    check: str,
    line: str,
    place: Place,
    tables: Tables,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (place.directory / "wrong.yml").write_text("images:\n- name: One\n  format: qcow\n")
    closed = f"http://127.0.0.1:{cloud_template.free_port()}"
    for name, value in (("ENDPOINT_URL", closed), ("ACCESS_KEY_ID", "a"), ("MAX_ATTEMPTS", "1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")

    outcome = place.call(f"--only image-files {line}")

    _check_failure(outcome, what, check, tables, place.shown)


def test_image_files_have_to_be_named(place: Place) -> None:
    outcome = place.call("--only image-files")

    assert outcome.code == errors.UsageError.exit_code
    assert "--only image-files needs --image-files or --image-mirror" in outcome.stderr


def test_every_check_is_described(tables: Tables) -> None:
    page = _PAGE.read_text()
    described = set(re.findall(r"(?m)^\| `([a-z-]+)` \|", page.partition(_GOOD)[0]))
    printed = set(re.findall(r"(?m)^\| `([a-z-]+)` \|", page.partition(_GOOD)[2]))

    assert printed
    assert printed - described == set()
