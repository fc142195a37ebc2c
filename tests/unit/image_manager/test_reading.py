"""Wrong image files, each with file and line."""

import pathlib

import pytest
import yaml
from tests.support.image_manager import image_files

from retrofit import errors
from retrofit.image_manager import reading, schema

_VERSION = image_files.version("1", checksum="sha256:" + "0" * 64)


def _text(**changes: object) -> str:
    version = {**_VERSION, **changes.pop("version", {})}  # type: ignore[dict-item]
    image = image_files.image("Ubuntu", version, **changes)
    return yaml.safe_dump({"images": [image]}, sort_keys=False)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "images.yml"


def test_what_is_right(path: pathlib.Path) -> None:
    path.write_text(_text(tags=["blue"]))

    (product,) = reading.read(path, check=True).products

    assert product.place == f"{path}:2"
    assert product.tags == ("blue", "os:ubuntu")
    assert product.versioned("1") == "Ubuntu (1)"


@pytest.mark.parametrize(
    ("changes", "line", "problem"),
    [
        ({"format": "qcow"}, 4, "wrong value 'qcow' of images.0.format: input should be 'aki',"),
        ({"colour": "blue"}, 26, "unknown key colour"),
        ({"login": None}, 2, "login is missing"),
        (
            {"multi": "yes"},
            10,
            "wrong value 'yes' of images.0.multi: input should be a valid bool",
        ),
        ({"min_disk": -1}, 6, "wrong value -1 of images.0.min_disk: input should be greater than"),
        ({"meta": {"os_distro": 7}}, 15, "wrong value 7 of images.0.meta.os_distro"),
        ({"meta": {"hw_disk_bus": None}}, 11, "hw_disk_bus is missing"),
        ({"meta": {"hotfix": [1]}}, 20, "wrong value [1] of images.0.meta.hotfix"),
        (
            {"meta": {"uuid_validity": "last-x"}},
            19,
            "wrong value 'last-x' of images.0.meta.uuid_validity: it must be none, forever, not",
        ),
        (
            {"meta": {"provided_until": "tomorrow"}},
            17,
            "wrong value 'tomorrow' of images.0.meta.provided_until: it must be none or a date",
        ),
        ({"version": {"version": 1.10}}, 22, "wrong value 1.1 of images.0.versions.0.version"),
        ({"version": {"url": "noble.img"}}, 23, "wrong value 'noble.img' of images.0.versions.0"),
        (
            {"version": {"checksum": "sha256:12"}},
            25,
            "wrong value 'sha256:12' of images.0.version",
        ),
        (
            {"version": {"build_date": "soon"}},
            24,
            "wrong value 'soon' of images.0.versions.0.buil",
        ),
        (
            {"version": {"id": "12"}},
            26,
            "wrong value '12' of images.0.versions.0.id: it must be a",
        ),
        ({"version": {"visibility": "all"}}, 26, "wrong value 'all' of images.0.versions.0.visib"),
        ({"version": {"checksums": "x"}}, 26, "unknown key checksums"),
        ({"version": {"version": "latest"}}, 22, "the version latest needs checksums_url or"),
        (
            {"version": {"checksum_url": "https://e.org/1", "checksums_url": "https://e.org/2"}},
            22,
            "use only one of checksum_url and checksums_url",
        ),
    ],
)
def test_what_is_wrong(
    path: pathlib.Path, changes: dict[str, object], line: int, problem: str
) -> None:
    path.write_text(_text(**changes))

    found = reading.read(path, check=True)

    assert found.products == ()
    assert found.skipped == (f"Ubuntu ({path}:2)",)
    message = found.problems[0]
    assert message.startswith(f"{path}:{line}: ")
    assert problem in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("meta", "line", "problem"),
    [
        (
            {"os_distro": "Ubuntu"},
            15,
            "unknown value 'Ubuntu' of os_distro; did you mean ubuntu?",
        ),
        ({"os_distro": "serpentos"}, 15, "unknown value 'serpentos' of os_distro"),
        ({"os_purpose": "router"}, 16, "unknown value 'router' of os_purpose"),
        ({"hw_rgn_model": "virtio"}, 20, "unknown key hw_rgn_model of meta; did you mean hw_rng"),
        ({"hw_tpm_version": 2.0}, 20, "unknown key hw_tpm_version of meta"),
    ],
)
def test_what_a_newer_schema_may_have_is_used_with_a_warning(
    path: pathlib.Path,
    caplog: pytest.LogCaptureFixture,
    meta: dict[str, object],
    line: int,
    problem: str,
) -> None:
    path.write_text(_text(meta=meta))

    (product,) = reading.read(path, check=True).products

    ((key, value),) = meta.items()
    assert dict(product.versions[0].properties)[key] == str(value)
    (message,) = caplog.messages
    assert message.startswith(f"{path}:{line}: {problem}")


def test_what_is_right_in_this_years_schema(
    path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    meta = {
        "os_distro": "almalinux",
        "os_purpose": "oldgeneric",
        "hw_cdrom_bus": "sata",
        "hw_qemu_guest_agent": "yes",
        "os_type": "linux",
        "os_admin_user": "root",
    }
    version = {"build_date": None, "checksum": "SHA256:" + "0" * 64}
    path.write_text(_text(min_disk=None, meta=meta, version=version))

    (product,) = reading.read(path, check=True).products

    assert meta.items() <= dict(product.versions[0].properties).items()
    assert product.min_disk == 0
    assert product.versions[0].checksum == "sha256:" + "0" * 64
    assert caplog.messages == [f"{path}:25: version 1 of Ubuntu has no build_date"]


@pytest.mark.parametrize(("algorithm", "digits"), schema.DIGITS.items())
def test_the_length_of_a_checksum_tells_its_algorithm(
    path: pathlib.Path, algorithm: str, digits: int
) -> None:
    path.write_text(_text(version={"checksum": "A" * digits}))

    (product,) = reading.read(path, check=False).products

    assert product.versions[0].checksum == f"{algorithm}:{'a' * digits}"
    assert reading.read(path, check=True).skipped == (f"Ubuntu ({path}:2)",)


def test_what_is_wrong_keeps_nothing_else_from_being_read(
    path: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    good = image_files.image("Good", image_files.version("1"))
    bad = image_files.image("Bad", image_files.version("1"), format="qcow")
    path.write_text(yaml.safe_dump({"images": [{"login": "x"}, "text", bad, good]}))
    (tmp_path / "a.yml").write_text("images: [")
    (tmp_path / "b.yml").write_text("colour: blue\nimages: [1]\n")
    (tmp_path / "c.yml").symlink_to("absent")

    found = reading.read(tmp_path, check=True)

    assert [product.name for product in found.products] == ["Good"]
    assert found.skipped == (
        *(f"{tmp_path}/{name}.yml" for name in "abc"),
        f"the image in {path}:2",
        f"the image in {path}:3",
        f"Bad ({path}:4)",
    )
    (failure,) = found.failures()
    assert failure.exit_code == 9
    assert f"skipped: {tmp_path}/a.yml, {tmp_path}/b.yml, {tmp_path}/c.yml, 3 more" in str(failure)


def test_what_is_wrong_between_images(path: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path.write_text(_text())
    (tmp_path / "more.yaml").write_text(_text())
    (tmp_path / "other.txt").write_text("not read")

    found = reading.read(tmp_path, check=True)

    # Which of them is meant, nobody knows.
    assert found.products == ()
    assert found.skipped == (f"Ubuntu ({tmp_path}/more.yaml:2)", f"Ubuntu ({path}:2)")
    assert found.problems == (f"{tmp_path}/more.yaml:2: Ubuntu is already in {path}:2",)

    versions = image_files.version("1"), image_files.version("1")
    image_files.write(path, image_files.image("Twice", *versions))
    (tmp_path / "more.yaml").unlink()
    found = reading.read(tmp_path, check=True)
    assert found.problems == (f"{path}:25: version 1 of Twice is a duplicate",)
    assert found.products == ()


def test_what_is_not_there(tmp_path: pathlib.Path, path: pathlib.Path) -> None:
    with pytest.raises(errors.InputMissing, match=r"no file that ends in .yml or .yaml"):
        reading.read(tmp_path, check=True)
    with pytest.raises(errors.InputMissing, match="cannot read"):
        reading.read(path, check=True)
    with pytest.raises(errors.UsageError, match="not a regular expression"):
        reading.read(path, check=True, pattern="[")
    for text, problem in (
        ("images: []", ":1: wrong value [] of images: list should have at least 1 item"),
        ("", ":1: wrong value None of the document"),
        ("image: 1", ":1: images is missing"),
        ("images: [", ":1: expected the node content"),
    ):
        path.write_text(text)
        found = reading.read(path, check=True)
        assert found.skipped == (str(path),)
        assert f"{path}{problem}" in found.problems[0]


def test_without_the_check_only_what_is_needed_counts(path: pathlib.Path) -> None:
    image = image_files.image(
        "Odd", {"version": 7, "url": "https://e.org/1"}, colour="blue", min_disk=None, enable=False
    )
    image["meta"] = {"os_distro": "plan9", "trait:CUSTOM": "required", "count": 3, "gone": None}
    image_files.write(path, image)

    assert reading.read(path, check=False) == reading.Reading(())
    (product,) = reading.read(path, check=False, force=True, pattern="O.d$").products

    (version,) = product.versions
    assert version.name == "7"
    assert dict(version.properties) == {
        "os_distro": "plan9",
        "trait:CUSTOM": "required",
        "count": "3",
        "image_description": "Odd",
        "image_name": "Odd",
        "image_original_user": "ubuntu",
        "image_source": "https://e.org/1",
        "internal_version": "7",
    }
    assert reading.read(path, check=True, force=True).products == ()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("file:///srv/images/a.img", "file:a.img"),
        ("file:a.img", "file:a.img"),
        ("https://user:secret@example.org/a.img", "https://example.org/a.img"),
    ],
)
def test_what_all_may_see_of_a_url(path: pathlib.Path, url: str, shown: str) -> None:
    path.write_text(_text(version={"url": url}))

    (product,) = reading.read(path, check=True).products

    assert dict(product.versions[0].properties)["image_source"] == shown
