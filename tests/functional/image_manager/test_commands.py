"""``retrofit manage`` from outside: dry runs, files brought up to date, sharing, ages, errors."""

from __future__ import annotations

import datetime
import os
import pathlib
from collections.abc import Callable, Iterator

import click.testing
import pytest
from tests.support.cloud import cloud
from tests.support.host import web_server
from tests.support.image_manager import image_files

from retrofit import errors
from retrofit.cli import main
from retrofit.cloud import usage

Retrofit = Callable[..., tuple[list[str], BaseException | None]]


@pytest.fixture(scope="module")
def running_cloud() -> Iterator[cloud.Cloud]:
    """A cloud that takes uploads directly."""
    with cloud.running(options=cloud.Options(import_methods="web-download")) as running:
        yield running


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "images.yml"


@pytest.fixture
def warnings() -> list[str]:
    """What the last run printed on standard error."""
    return []


@pytest.fixture
def manage(
    running_cloud: cloud.Cloud,
    path: pathlib.Path,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    warnings: list[str],
) -> Retrofit:
    """Return what manages the images of the file; it gives the lines, and the error at the end."""
    settings = running_cloud.clouds_yaml(tmp_path / "clouds.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(settings))

    def run(*words: str | os.PathLike[str]) -> tuple[list[str], BaseException | None]:
        usual = ("--images", path, "--cloud", cloud.RETROFIT, "--tag", image_files.TAG)
        more = (*usual, "--work-dir", tmp_path, "--prefetch", "always")
        runner = click.testing.CliRunner()
        done = runner.invoke(main.retrofit, ["manage", *map(os.fspath, (*more, *words))])
        warnings[:] = done.stderr.splitlines()
        return done.stdout.splitlines(), done.exception

    return run


def test_a_dry_run_says_what_a_run_does(
    running_cloud: cloud.Cloud,
    server: web_server.Server,
    path: pathlib.Path,
    manage: Retrofit,
) -> None:
    checksum = image_files.content(server.directory / "1.raw", "dry")
    for name, older in (("1", False), ("2", True)):
        version = image_files.version(name, url=f"{server.url}1.raw", checksum=checksum)
        # Its data is of a GiB, rounded up.
        image = image_files.image("Dry", version, min_disk=1)
        image_files.write(path, image, image_files.image("Other", version))
        before = image_files.shown(running_cloud, "Dry")

        told, error = manage("--dry-run", "--filter", "^Dr", "--hide")
        assert error is None
        assert image_files.shown(running_cloud, "Dry") == before
        assert manage("--filter", "^Dr", "--hide") == (told, None)
        assert manage("--filter", "^Dr", "--hide") == ([], None)
        assert told[0] == f"import      Dry ({name})  {server.url}1.raw"
        renamed = "renamed from Dry, os_purpose: oldgeneric, visibility: community"
        assert (f"change      Dry (1)  {renamed}" in told) is older
    assert image_files.shown(running_cloud, "Other") == []
    assert [row[2] for row in image_files.shown(running_cloud, "Dry")] == ["community", "public"]


def test_deletion_wants_two_words_and_no_user(
    running_cloud: cloud.Cloud,
    path: pathlib.Path,
    manage: Retrofit,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "1.raw"
    checksum = image_files.content(file, "delete")
    meta = {"uuid_validity": "none"}
    for name in ("1", "2"):
        version = image_files.version(name, url=f"file://{file}", checksum=checksum)
        image_files.write(path, image_files.image("Deleted", version, meta=meta))
        assert manage()[1] is None
    old = running_cloud.images(visibility="community", name="Deleted (1)")[0]

    assert manage("--delete") == ([], None)
    assert manage("--deactivate") == (["deactivate  Deleted (1)"], None)
    really = ("--delete", "--yes-i-really-know-what-i-do")
    for known, reason in (
        (usage.Usage({old["id"]: "server 4f0c"}), "server 4f0c uses it"),
        (
            usage.Usage({}, "the users of images are not known"),
            "the users of images are not known",
        ),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(usage, "ask", lambda *_, known=known: known)
            assert manage(*really) == ([f"keep        Deleted (1)  {reason}"], None)
    # What the backend refuses, here a protected image, stays for the next time.
    protect = [{"op": "replace", "path": "/protected", "value": True}]
    patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    with running_cloud.admin() as admin:
        admin.image.patch(f"/images/{old['id']}", json=protect, headers=patch)
        lines, error = manage(*really)
        assert error is None
        assert lines[0] == f"delete      Deleted (1)  {old['id']}"
        assert lines[1].startswith("keep        Deleted (1)  it could not be deleted: ")
        protect[0]["value"] = False
        admin.image.patch(f"/images/{old['id']}", json=protect, headers=patch)
    assert manage(*really)[0] == [lines[0]]
    assert [row[0] for row in image_files.shown(running_cloud, "Deleted")] == ["2"]


def test_images_of_others_and_without_the_tag_stay(
    running_cloud: cloud.Cloud, path: pathlib.Path, manage: Retrofit, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "1.raw"
    checksum = image_files.content(file, "stranger")
    said = {"image_name": "Stranger", "internal_version": "1", "uuid_validity": "none"}
    ids = [
        running_cloud.upload_base(file, name="Stranger", disk_format="raw", who=who, **said)
        for who in (cloud.RETROFIT, cloud.ADMIN)
    ]
    with running_cloud.admin() as admin:
        admin.image.put(f"/images/{ids[1]}/tags/{image_files.TAG}")
    before = [running_cloud.image(each) for each in ids]
    version = image_files.version("2", url=f"file://{file}", checksum=checksum)
    image_files.write(path, image_files.image("Stranger", version))

    _, error = manage("--delete", "--yes-i-really-know-what-i-do", "--deactivate", "--hide")

    assert error is None
    assert [running_cloud.image(each) for each in ids] == before


def test_sharing(running_cloud: cloud.Cloud, manage: Retrofit, tmp_path: pathlib.Path) -> None:
    image_files.content(tmp_path / "1.raw", "shared")
    image_id = running_cloud.upload_base(
        tmp_path / "1.raw",
        name="Shared",
        disk_format="raw",
        visibility="shared",
        who=cloud.RETROFIT,
    )
    share = ("--share-image", "Shared", "--share-target", "tenant")
    share = (*share, "--share-domain", cloud.SERVICE_DOMAIN)

    def seen() -> list[str]:
        return [image["id"] for image in running_cloud.images(cloud.TENANT, name="Shared")]

    (line,), error = manage(*share, "--dry-run")
    assert error is None
    assert line.startswith("share       tenant  ")
    assert seen() == []
    assert manage(*share) == ([line], None)
    assert seen() == [image_id]
    assert manage(*share) == ([], None)
    lines, error = manage(*share, "--share-action", "del")
    assert (lines, error) == ([f"un{line}".replace("       ", "     ", 1)], None)
    assert seen() == []

    domain = ("--share-type", "domain", "--share-target", cloud.SERVICE_DOMAIN)
    lines, error = manage("--share-image", image_id, *domain)
    assert error is None
    assert {row.split()[1] for row in lines} >= {"tenant", cloud.SERVICE_PROJECT}
    assert seen() == [image_id]
    for words, kind in (
        (("--share-image", "Absent", *share[2:]), errors.InputMissing),
        ((*share[:2], "--share-target", "absent"), errors.InputMissing),
        (share[:2], SystemExit),
    ):
        assert isinstance(manage(*words)[1], kind)


def test_ages(path: pathlib.Path, manage: Retrofit, tmp_path: pathlib.Path) -> None:
    checksum = image_files.content(tmp_path / "1.raw", "age")
    version = image_files.version("1", url=f"file://{tmp_path / '1.raw'}", checksum=checksum)
    image_files.write(path, image_files.image("Aged", version))
    assert manage("--check-age")[0][-1].startswith("change ")

    newer = version | {"version": "2", "build_date": version["build_date"].replace(year=2027)}
    newer["url"] = "file:///absent"
    image_files.write(path, image_files.image("Aged", version, newer))
    lines, error = manage("--check-age", "--max-age", "364")
    assert isinstance(error, errors.InputMissing)
    assert lines[-1] == "old         Aged  365 days older than the newest build"
    assert "old" not in "".join(manage("--check-age", "--max-age", "365")[0])


def test_files_are_brought_up_to_date(
    server: web_server.Server, path: pathlib.Path, manage: Retrofit
) -> None:
    digest = image_files.content(server.directory / "newest.raw", "newest")
    other = image_files.content(server.directory / "build-9.raw", "nine")
    newest = image_files.content(server.directory / "build-10.raw", "ten")
    (server.directory / "SUMS").write_text(
        f"{digest.partition(':')[2]}  newest.raw\n"
        f"SHA256 (build-9.raw) = {other.partition(':')[2]}\n"
        f"SHA256 (build-10.raw) = {newest.partition(':')[2]}\n"
    )
    for name in ("newest.raw", "build-10.raw"):
        os.utime(server.directory / name, (1_785_700_000, 1_785_700_000))
    sums = f"latest_checksum_url: {server.url}SUMS"
    text = f"""\
# What we offer.
images:
  - name: Fresh
    {{}}  # as usual
    latest_url: {server.url}newest.raw
    {sums}
    versions:
      - version: '20260101'
        build_date: 2026-01-01   # a Thursday
        url:
          https://example.org/20260101/it's.raw
        mirror_url: {server.url}openstack-images/fresh/20260101-fresh.raw
  - name: By pattern
    {{}}
    latest_url: {server.url}build-HEREBE[0-9]+DRAGONS.raw
    {sums}
    versions:
      - {{version: '20260101', build_date: 2026-01-01, url: "https://example.org/1",
         checksum: {digest}}}
"""
    common = image_files.image("any")
    usual = "\n    ".join(
        f"{key}: {value}"
        for key, value in common.items()
        if key not in ("name", "versions", "meta")
    )
    meta = ", ".join(f"{key}: {value}" for key, value in common["meta"].items())
    text = text.replace("{}", f"{usual}\n    meta: {{{meta}}}")
    path.write_text(text)

    lines, error = manage("--update-only", "--dry-run")
    assert error is None
    assert lines == [
        "update      Fresh  to version 20260802",
        "update      By pattern  to version 20260802",
    ]
    assert path.read_text() == text
    assert manage("--update-only") == (lines, None)
    assert path.read_text() == (
        text.replace(
            "version: '20260101'\n", f"version: '20260802'\n        checksum: '{digest}'\n"
        )
        .replace("version: '20260101'", "version: '20260802'")
        .replace("2026-01-01", "2026-08-02")
        .replace("https://example.org/20260101/it's.raw", f"'{server.url}newest.raw'")
        .replace('"https://example.org/1"', f"'{server.url}build-10.raw'")
        .replace(f"checksum: {digest}", f"checksum: '{newest}'")
        .replace(
            f"{server.url}openstack-images/fresh/20260101-fresh.raw",
            f"'{server.url}openstack-images/fresh/20260802-fresh.raw'",
        )
    )
    assert manage("--update-only") == ([], None)
    assert manage("--check-only") == ([], None)


def test_what_is_not_understood_keeps_nothing_else_from_being_done(
    running_cloud: cloud.Cloud, tmp_path: pathlib.Path, path: pathlib.Path, manage: Retrofit
) -> None:
    checksum = image_files.content(tmp_path / "1.raw", "understood")
    version = image_files.version("1", url=f"file://{tmp_path / '1.raw'}", checksum=checksum)
    good = image_files.image("Understood", version, meta={"os_purpose": "router"})
    image_files.write(path, image_files.image("Not understood", version, format="qcow"), good)

    for word in ("--check-only", "--update-only"):
        lines, error = manage(word)
        assert isinstance(error, errors.Skipped)
        assert lines == []
    lines, error = manage()

    assert isinstance(error, errors.Skipped)
    assert f"was skipped: Not understood ({path}:2)" in str(error)
    assert lines[0].startswith("import      Understood (1)  ")
    assert [row[1] for row in image_files.shown(running_cloud, "Understood")] == ["Understood"]
    assert image_files.shown(running_cloud, "Not") == []
    # What fails in Glance says more.
    image_files.write(path, good | {"versions": [version, {**version, "version": "2"}]}, {})
    (tmp_path / "1.raw").unlink()
    assert isinstance(manage()[1], errors.InputMissing)


def test_delete_lines_have_the_names_that_images_have_then(
    path: pathlib.Path, manage: Retrofit, tmp_path: pathlib.Path
) -> None:
    checksum = image_files.content(tmp_path / "1.raw", "names")
    meta = {"uuid_validity": "none"}
    really = ("--delete", "--yes-i-really-know-what-i-do")
    for name in ("1", "2"):
        url = f"file://{tmp_path / '1.raw'}"
        version = image_files.version(name, url=url, checksum=checksum)
        image_files.write(path, image_files.image("Named", version, meta=meta, min_disk=1))
        told = manage("--dry-run", *really)
        assert manage(*really) == told

    assert told[0][-1].startswith("delete      Named (1)  ")


def test_what_a_file_changes_of_a_version_that_is_there_is_told(
    path: pathlib.Path,
    manage: Retrofit,
    running_cloud: cloud.Cloud,
    server: web_server.Server,
    warnings: list[str],
) -> None:
    first = image_files.content(server.directory / "1.raw", "first")
    second = image_files.content(server.directory / "2.raw", "second")
    version = image_files.version("1", url=f"{server.url}1.raw", checksum=first)
    image_files.write(path, image_files.image("Respun", version, {**version, "version": "2"}))
    assert manage()[1] is None
    moved = {**version, "version": "2", "url": f"{server.url}2.raw"}
    images = [
        image_files.image("Respun", version | {"checksum": second}, moved),
    ]
    image_files.write(path, *images)

    assert manage() == ([], None)

    # The second is what it was, at another place.
    assert [line for line in warnings if "now" in line] == [
        f"{path}:2: version 1 of Respun has another checksum now; its image stays as it was "
        "imported: a new image needs a new version"
    ]
    (image,) = running_cloud.images(name="Respun")
    assert image["image_source"] == f"{server.url}1.raw"
    # Without a checksum, its URL tells.
    without = {**moved, "checksum": None}
    image_files.write(path, image_files.image("Respun", {k: v for k, v in without.items() if v}))
    assert manage()[1] is None
    assert "version 2 of Respun has another URL now" in "\n".join(warnings)


def test_an_image_of_the_same_name_without_the_tag_is_told(
    running_cloud: cloud.Cloud,
    path: pathlib.Path,
    manage: Retrofit,
    tmp_path: pathlib.Path,
    warnings: list[str],
) -> None:
    checksum = image_files.content(tmp_path / "1.raw", "twin")
    mine = running_cloud.upload_base(
        tmp_path / "1.raw", name="Twin", disk_format="raw", who=cloud.RETROFIT
    )
    version = image_files.version("1", url=f"file://{tmp_path / '1.raw'}", checksum=checksum)
    image_files.write(path, image_files.image("Twin", version))

    for words in (("--dry-run",), ()):
        assert manage(*words)[1] is None
        assert (
            f"{path}:2: the image {mine} also has the name Twin, but not the tag "
            f"{image_files.TAG}, so it stays as it is" in "\n".join(warnings)
        )
    assert len(running_cloud.images(visibility="all", name="Twin")) == 2


def test_images_that_are_not_provided_any_more_are_retired(
    running_cloud: cloud.Cloud,
    path: pathlib.Path,
    manage: Retrofit,
    tmp_path: pathlib.Path,
    warnings: list[str],
) -> None:
    checksum = image_files.content(tmp_path / "1.raw", "retired")
    url = f"file://{tmp_path / '1.raw'}"
    meta = {"provided_until": datetime.date(2026, 1, 1), "uuid_validity": "last-1"}
    versions = [image_files.version(name, url=url, checksum=checksum) for name in "12"]
    image_files.write(path, image_files.image("Retired", *versions, meta=meta))
    assert manage()[1] is None
    assert f"{path}:2: Retired is not provided any more since 2026-01-01" in "\n".join(warnings)
    really = ("--delete", "--yes-i-really-know-what-i-do")
    assert manage(*really)[0] == []

    versions.append(image_files.version("3", url="file:///absent"))
    image_files.write(path, image_files.image("Retired", *versions, meta=meta))
    hide = ("--retire-expired", "--hide", "--hidden-visibility", "private", "--deactivate")
    assert manage(*hide)[1] is None
    assert image_files.shown(running_cloud, "Retired") == [
        ("1", "Retired (1)", "private", "deactivated"),
        ("2", "Retired", "private", "active"),
    ]
    # The last one was promised.
    assert [line.split()[0] for line in manage("--retire-expired", *really)[0]] == ["delete"]
    assert [row[0] for row in image_files.shown(running_cloud, "Retired")] == ["2"]
    assert isinstance(manage("--hidden-visibility", "private")[1], SystemExit)


def test_an_image_without_a_checksum_can_be_refused(
    running_cloud: cloud.Cloud, path: pathlib.Path, manage: Retrofit, tmp_path: pathlib.Path
) -> None:
    image_files.content(tmp_path / "1.raw", "unverified")
    version = image_files.version("1", url=f"file://{tmp_path / '1.raw'}")
    image_files.write(path, image_files.image("Unverified", version))

    error = manage("--verify-checksum")[1]

    assert isinstance(error, errors.ConfigError)
    assert str(error).startswith(f"{path}:2: Unverified (1): no checksum is known")
    assert image_files.shown(running_cloud, "Unverified") == []


def test_names_and_logins(path: pathlib.Path, manage: Retrofit) -> None:
    images = [
        image_files.image("Two", image_files.version("1"), login="root", password="p"),
        image_files.image("One", image_files.version("1")),
    ]
    image_files.write(path, *images)

    lines, error = manage("--list")

    assert error is None
    assert lines == ["NAME  LOGIN   PASSWORD", "One   ubuntu", "Two   root    p"]
