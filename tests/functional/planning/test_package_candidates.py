"""What a signed archive has newer than an image, found by the host's apt without any image."""

from __future__ import annotations

import dataclasses
import datetime
import math
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent import futures

import pytest
from tests.support.base_images import stream_tree
from tests.support.building import apt_archive
from tests.support.provenance import records

from retrofit import errors, model
from retrofit.building.archives import private
from retrofit.planning import upgrades
from retrofit.provenance import description

KEY = "/usr/share/keyrings/test-archive.gpg"
SUITES = ("noble", "noble-updates", "noble-security")
PACKAGES = (
    model.Package("haproxy", "2.8.5-1", "amd64"),
    model.Package("grub-pc", "2.12-1", "amd64"),
    model.Package("tzdata", "2026a-1", "all"),
)
INSTALLED = {package.name: package.version for package in PACKAGES}
YEAR = datetime.timedelta(365)


@dataclasses.dataclass
class Bench:
    """An archive that has what an image has, the image's record, and a cache."""

    archive: apt_archive.Archive
    server: apt_archive.Server
    key: bytes
    cache: pathlib.Path
    inquiry: upgrades.Inquiry | None = None

    def record(
        self, packages: tuple[model.Package, ...] = PACKAGES, **changes: object
    ) -> description.Record:
        """Return the record, as it is read back from Glance."""
        source = (
            f"Types: deb deb-src\nURIs: {self.server.url}\nSuites: {' '.join(SUITES)}\n"
            f"Components: main\nSigned-By: {KEY}"
        )
        settings = model.ArchiveSettings(
            texts=(("/etc/apt/sources.list.d/ubuntu.sources", source),), keys=((KEY, self.key),)
        )
        described = records.described(packages).model_copy(
            update={"archives": dataclasses.replace(settings, **changes)}  # type: ignore[arg-type]
        )
        return description.read(records.image(dict(description.properties(described, packages))))

    def find(
        self, record: description.Record | None = None, mirror: str = ""
    ) -> tuple[upgrades.Upgrade, ...]:
        """Ask the archive, each time for a command of its own unless ``inquiry`` is set."""
        request = model.BuildRequest("amphora", archives=model.Archives(mirror=mirror))
        inquiry = self.inquiry or upgrades.Inquiry()
        return inquiry.find(record or self.record(), request, self.cache)


@pytest.fixture(scope="module")
def signer() -> Iterator[stream_tree.Signer]:
    """Whoever signs the archive."""
    with tempfile.TemporaryDirectory(prefix="key-") as home:
        made = stream_tree.Signer(pathlib.Path(home, "gpg"))
        yield made
        made.close()


@pytest.fixture
def bench(signer: stream_tree.Signer, tmp_path: pathlib.Path) -> Iterator[Bench]:
    """An archive that has nothing newer."""
    archive = apt_archive.Archive(tmp_path / "archive", signer)
    archive.publish("noble", INSTALLED)
    for suite in SUITES[1:]:
        archive.publish(suite, {})
    with apt_archive.serving(archive.directory) as server:
        yield Bench(archive, server, signer.keyring.read_bytes(), tmp_path / "cache")


def test_nothing_newer(bench: Bench) -> None:
    assert bench.find() == ()


def test_what_is_newer_is_found_and_security_told(bench: Bench) -> None:
    bench.archive.publish("noble-updates", {"haproxy": "2.8.5-3", "tzdata": "2026b-1"})
    bench.archive.publish("noble-security", {"haproxy": "2.8.5-2", "new": "1"})

    # The update contains what the security pocket has.
    assert bench.find() == (
        upgrades.Upgrade("haproxy", "amd64", "2.8.5-1", "2.8.5-3", security=True),
        upgrades.Upgrade("tzdata", "all", "2026a-1", "2026b-1", security=False),
    )


def test_what_the_images_own_build_left_is_no_reason(bench: Bench) -> None:
    # A build leaves boot loaders in any version.
    bench.archive.publish("noble-updates", {"haproxy": "2.8.5-3", "grub-pc": "2.12-2"})
    record = bench.record(left=(("haproxy", "2.8.5-3"),))
    assert bench.find(record) == ()

    bench.archive.publish("noble-updates", {"haproxy": "2.8.5-4"})
    assert [one.candidate for one in bench.find(record)] == ["2.8.5-4"]


def test_pins_of_the_image_count(bench: Bench) -> None:
    bench.archive.publish("noble-updates", {"haproxy": "2.8.5-3"})
    pin = ("/etc/apt/preferences.d/no-updates", "Package: *\nPin: release a=noble-updates\n")
    texts = bench.record().provenance.archives.texts  # type: ignore[union-attr]

    record = bench.record(texts=(*texts, (pin[0], f"{pin[1]}Pin-Priority: -1")))

    assert bench.find(record) == ()


def test_the_second_time_nothing_is_fetched_again(bench: Bench) -> None:
    bench.find()
    bench.server.answers.clear()

    bench.find()

    assert bench.server.answers == [("InRelease", 304)] * 3


def test_a_command_asks_once_for_all_images(bench: Bench) -> None:
    bench.archive.publish("noble-updates", {"haproxy": "2.8.5-3"})
    bench.inquiry = upgrades.Inquiry()
    assert [one.candidate for one in bench.find()] == ["2.8.5-3"]
    bench.server.answers.clear()

    newer = tuple(dataclasses.replace(package, version="2.8.5-3") for package in PACKAGES[:1])
    assert bench.find(bench.record(packages=newer)) == ()
    assert bench.server.answers == []

    # What other images leave no room for is fetched again.
    shutil.rmtree(bench.cache)
    assert [one.candidate for one in bench.find()] == ["2.8.5-3"]


def test_a_command_is_refused_once_for_all_images(bench: Bench) -> None:
    bench.archive.publish("noble-updates", {}, date=datetime.datetime.now(datetime.UTC) - YEAR)
    bench.inquiry = upgrades.Inquiry()
    with pytest.raises(errors.Unavailable) as first:
        bench.find()
    bench.server.answers.clear()

    with pytest.raises(errors.Unavailable) as second:
        bench.find()

    assert second.value is first.value
    assert bench.server.answers == []


def test_two_at_once(bench: Bench) -> None:
    bench.archive.publish("noble-updates", {"haproxy": "2.8.5-3"})
    with futures.ThreadPoolExecutor() as pool:
        found = [pool.submit(bench.find) for _ in range(3)]

    assert {len(one.result()) for one in found} == {1}
    # The third suite is empty.
    assert bench.server.answers.count(("Packages", 200)) == 2


def test_a_mirrors_password_comes_from_the_request_and_stays_nowhere(bench: Bench) -> None:
    bench.server.password = "user:s3cr3t"
    bench.archive.publish("noble-updates", {"haproxy": "2.8.5-3"})
    mirror = bench.server.url.replace("http://", f"http://{bench.server.password}@")

    with pytest.raises(errors.Unavailable, match="401"):
        bench.find()
    assert len(bench.find(mirror=mirror)) == 1

    with pytest.raises(errors.Unavailable) as raised:
        bench.find(mirror=mirror.replace("s3cr3t", "s3cr3t-wrong"))
    assert "s3cr3t" not in repr((str(raised.value), raised.value.details))
    kept = [path for path in bench.cache.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"s3cr3t" in path.read_bytes()]


def test_an_expired_index_is_refused(bench: Bench) -> None:
    bench.archive.publish("noble-updates", {}, date=datetime.datetime.now(datetime.UTC) - YEAR)

    with pytest.raises(
        errors.Unavailable, match="an archive has expired: .*/noble-updates/.*clock"
    ):
        bench.find()


def test_an_index_of_next_year_is_refused(bench: Bench) -> None:
    bench.archive.publish("noble-updates", {}, date=datetime.datetime.now(datetime.UTC) + YEAR)

    with pytest.raises(errors.Unavailable, match="not valid yet: .*/noble-updates/.*clock"):
        bench.find()


def test_an_index_that_was_changed_is_refused(bench: Bench) -> None:
    signed = bench.archive.publish("noble-updates", {})
    signed.write_text(signed.read_text().replace("Components: main", "Components: evil"))

    with pytest.raises(errors.Unavailable, match="does not match its signature: .*noble-updates"):
        bench.find()


def test_a_list_that_was_changed_is_refused(bench: Bench) -> None:
    [index] = bench.archive.directory.glob("dists/noble/**/Packages")
    index.write_bytes(index.read_bytes().replace(b"haproxy", b"HAPROXY"))

    with pytest.raises(errors.Unavailable, match="Hash Sum mismatch"):
        bench.find()


def test_another_key_is_refused(bench: Bench, tmp_path: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix="key-") as home:
        other = stream_tree.Signer(pathlib.Path(home, "gpg"))
        record = bench.record(keys=((KEY, other.keyring.read_bytes()),))
        other.close()

    with pytest.raises(errors.ConfigError, match="not signed with a known key.*NO_PUBKEY"):
        bench.find(record)


def test_a_key_that_is_nowhere_is_named(bench: Bench) -> None:
    with pytest.raises(errors.ConfigError, match=f"the key {KEY} of an archive is missing"):
        bench.find(bench.record(keys=((KEY, b""),)))


def test_an_archive_that_does_not_answer_is_named(bench: Bench) -> None:
    bench.find()
    dead = "http://127.0.0.1:9/ubuntu"

    with pytest.raises(errors.Unavailable, match=f"an archive cannot be used: {dead}"):
        bench.find(mirror=dead)


def test_an_archive_that_is_silent_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for scheme in ("http", "https"):
        name = f"Acquire::{scheme}::Timeout"
        assert int(private._OPTIONS[name]) <= 10
        monkeypatch.setitem(private._OPTIONS, name, "1")
    bench.server.pause_s = math.inf
    begun = time.monotonic()

    with pytest.raises(errors.Unavailable, match="cannot be used: .* InRelease: Connection "):
        bench.find()

    # A few attempts for each suite.
    assert time.monotonic() - begun < 10 * len(SUITES)
    assert set(bench.server.answers) == {("InRelease", 0)}


def test_an_archive_that_sends_next_to_nothing_is_given_up(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert private._TIMEOUT_S <= 300
    monkeypatch.setattr(private, "_TIMEOUT_S", 3)
    bench.server.pause_s = 0.2
    begun = time.monotonic()

    with pytest.raises(errors.Unavailable, match="did not send their lists within 3 s; check the"):
        bench.find()

    assert 3 <= time.monotonic() - begun < 20
    bench.server.pause_s = 0
    assert bench.find() == ()


def test_an_image_that_does_not_tell_is_not_known(bench: Bench) -> None:
    with pytest.raises(errors.ImageError, match="has no record of the archives of its packages"):
        bench.find(records.record(PACKAGES))


def test_no_more_than_lists_stay(bench: Bench) -> None:
    bench.find()

    [place] = [path for path in (bench.cache / "archives").iterdir() if path.is_dir()]
    assert {path.name for path in place.iterdir()} == {"lists", "srcpkgcache.bin"}
