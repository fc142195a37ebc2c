"""What is kept of an image's apt, and written again for the host's."""

from __future__ import annotations

import dataclasses
import pathlib
import stat
from collections.abc import Sequence
from typing import Any

import pytest

from retrofit import errors, model
from retrofit.building.archives import complaints, policy, recording, transplant
from retrofit.host import process
from retrofit.host.sandbox import cells

NOBLE = model.Release("ubuntu", "24.04", "noble", "amd64")
KEYRING = "/usr/share/keyrings/ubuntu-archive-keyring.gpg"
SOURCES = f"""\
# The distribution's own.
Types: deb
URIs: http://archive.ubuntu.com/ubuntu/
Suites: noble noble-updates
Components: main
Signed-By: {KEYRING}
"""
FILES = "/etc/apt/sources.list.d/ubuntu.sources"

# As apt 2.6 writes it.
RELEASES = """\
Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://security.test/debian-security bookworm-security/main amd64 Packages
     release v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,c=main
     origin security.test
 500 http://mirror.test/debian bookworm/main amd64 Packages
     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
     origin mirror.test
Pinned packages:
"""
SECURITY = "500 http://security.test/debian-security bookworm-security/main amd64 Packages"
MAIN = "500 http://mirror.test/debian bookworm/main amd64 Packages"
STATUS = "100 /var/lib/dpkg/status"


def table(name: str, candidate: str, *versions: str) -> str:
    """Return what apt-cache says of a package; the installed version has a star."""
    rows = "".join(
        f" {'***' if version.endswith('*') else '   '} {version.rstrip('*')} 500\n"
        f"        {STATUS if version.endswith('*') else file}\n"
        for version, _, file in (row.partition(" ") for row in versions)
    )
    return f"{name}:\n  Installed: x\n  Candidate: {candidate}\n  Version table:\n{rows}"


def upgrades(tables: str, *packages: model.Package) -> list[tuple[str, str, bool]]:
    """Read tables; return name, candidate and security of each upgrade."""

    def ask(words: Sequence[str]) -> str:
        return tables if len(words) > 1 else RELEASES

    found = policy.upgrades(ask, packages, "amd64")
    return [(policy.label(one, "amd64"), one.candidate, one.security) for one in found]


@pytest.mark.parametrize(
    ("candidate", "versions", "expected"),
    [
        pytest.param("2", [f"2 {MAIN}", "1*"], [("p", "2", False)], id="newer"),
        pytest.param("2", [f"2 {SECURITY}", "1*"], [("p", "2", True)], id="security"),
        pytest.param("3", [f"3 {MAIN}", f"2 {SECURITY}", "1*"], [("p", "3", True)], id="between"),
        pytest.param("1", [f"1 {MAIN}", "1*"], [], id="the-same-twice"),
        pytest.param("1", ["1*", f"0 {SECURITY}"], [], id="older"),
        pytest.param("1", [f"2 {SECURITY}", "1*"], [], id="pinned"),
        pytest.param("2", [f"3 {SECURITY}", f"2 {MAIN}", "1*"], [("p", "2", False)], id="above"),
        pytest.param("(none)", ["1*"], [], id="none"),
    ],
)
def test_a_table_of_versions_is_read(
    candidate: str, versions: list[str], expected: list[tuple[str, str, bool]]
) -> None:
    tables = table("p", candidate, *versions)

    assert upgrades(tables, model.Package("p", "1", "amd64")) == expected


def test_packages_of_all_architectures_are_told_apart() -> None:
    packages = [model.Package("p", "1", name) for name in ("amd64", "i386")]
    tables = table("p", "2", f"2 {MAIN}", "1*") + table("p:i386", "3", f"3 {SECURITY}", "1*")

    assert upgrades(tables, *packages) == [("p", "2", False), ("p:i386", "3", True)]


class Cell(cells.Cell):
    """A cell whose apt-cache knows nothing newer."""

    def run(self, argv: Sequence[str], **_: Any) -> process.Completed:
        assert argv[0] == "/usr/bin/apt-cache"
        return process.Completed(tuple(argv), 0, "", ())


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return the tree of a system with apt."""
    for path in ("usr/bin/apt-cache", FILES[1:], KEYRING[1:]):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"\x99\r\nkey")
    (tmp_path / FILES[1:]).write_text(SOURCES)
    return tmp_path


def record(tree: pathlib.Path) -> model.ArchiveSettings:
    """Record the settings of a system."""
    settings = recording.read(Cell(root=tree, work=tree), [], "amd64")
    assert settings is not None
    return settings


def test_sources_and_their_key_are_kept(tree: pathlib.Path) -> None:
    settings = record(tree)

    assert settings.texts == ((FILES, SOURCES.partition("\n")[2].strip()),)
    assert settings.keys == ((KEYRING, b"\x99\r\nkey"),)


def test_pins_and_lists_of_mirrors_are_kept(tree: pathlib.Path) -> None:
    files = {
        "preferences.d/pin": "Package: *\nPin: release *\nPin-Priority: 1",
        "mirrors/debian.list": "http://one.example/debian",
        "sources.list": "deb mirror+file:///etc/apt/mirrors/debian.list bookworm main",
    }
    for path, text in files.items():
        (tree / "etc/apt" / path).parent.mkdir(exist_ok=True)
        (tree / "etc/apt" / path).write_text(text)

    assert dict(record(tree).texts).items() >= {
        (f"/etc/apt/{path}", text) for path, text in files.items()
    }


def test_no_password_is_kept(tree: pathlib.Path) -> None:
    (tree / "etc/apt/sources.list").write_text(
        "deb https://user:pa@ss@one.example/u noble main\n# deb https://old:word@x/u noble main\n"
    )
    assert dict(record(tree).texts)["/etc/apt/sources.list"] == (
        "deb https://one.example/u noble main"
    )


def test_only_small_keys_are_kept(tree: pathlib.Path) -> None:
    (tree / KEYRING[1:]).write_bytes(b"x" * 5000)
    trusted = tree / "etc/apt/trusted.gpg.d"
    trusted.mkdir()
    for number in range(6):
        (trusted / f"{number}.gpg").write_bytes(b"x" * 4000)

    kept = {path: len(key) for path, key in record(tree).keys}

    assert kept.pop(KEYRING) == 0
    assert list(kept.values()) == [4000, 4000, 4000, 4000, 0, 0]


def test_a_link_out_of_the_image_is_not_followed(tree: pathlib.Path) -> None:
    (tree / KEYRING[1:]).unlink()
    (tree / KEYRING[1:]).symlink_to("/etc/hostname")

    assert record(tree).keys == ()


def test_a_system_without_apt_has_nothing_to_keep(tmp_path: pathlib.Path) -> None:
    assert recording.read(Cell(root=tmp_path, work=tmp_path), [], "amd64") is None


SETTINGS = model.ArchiveSettings(texts=((FILES, SOURCES.strip()),), keys=((KEYRING, b"key"),))


def transplanted(
    root: pathlib.Path, settings: model.ArchiveSettings = SETTINGS, **given: str
) -> dict[str, str]:
    """Write settings for the host's apt; return the sources by name of their file."""
    request = model.BuildRequest("amphora", archives=model.Archives(**given))  # type: ignore[arg-type]
    root.mkdir(exist_ok=True)
    transplant.write(root, settings, NOBLE, request)
    written = (root / transplant.PRIVATE).rglob("*")
    return {file.name: file.read_text() for file in written if file.is_file()}


def test_keys_are_named_where_they_are(tmp_path: pathlib.Path) -> None:
    sources = transplanted(tmp_path)["ubuntu.sources"]

    key = tmp_path / transplant.PUBLIC / KEYRING[1:]
    assert f"Signed-By: {key}\n" in sources
    assert key.read_bytes() == b"key"


def test_mirrors_of_the_request_are_used_with_their_passwords(tmp_path: pathlib.Path) -> None:
    mirror = "http://user:word@mirror.example/ubuntu"

    sources = transplanted(tmp_path, mirror=mirror, uca_mirror=f"deb {mirror}/uca noble main")

    assert "URIs: http://mirror.example/ubuntu\n" in sources["ubuntu.sources"]
    assert sources["cloudarchive.list"] == "deb http://mirror.example/ubuntu/uca noble main\n"
    assert sources["auth.conf"].splitlines() == [
        "machine http://mirror.example/ubuntu login user password word",
        "machine http://mirror.example/ubuntu/uca login user password word",
    ]
    assert stat.S_IMODE((tmp_path / transplant.PRIVATE).stat().st_mode) == 0o700


def test_complete_lines_come_once_and_with_their_passwords(tmp_path: pathlib.Path) -> None:
    line = "deb [arch=amd64] https://user:word@mirror.example/u custom main"
    kept = ("/etc/apt/sources.list", line.replace("user:word@", ""))
    settings = dataclasses.replace(SETTINGS, texts=(kept, *SETTINGS.texts))

    sources = transplanted(tmp_path, settings, mirror=line)

    assert sources["sources.list"] == f"{kept[1]}\n"
    assert "login user password word" in sources["auth.conf"]
    assert "Enabled: no" in sources["ubuntu.sources"]


def test_an_empty_line_of_the_request_divides_no_less(tmp_path: pathlib.Path) -> None:
    two = f"{SOURCES.strip()}\n\n{SOURCES.strip()}"
    settings = model.ArchiveSettings(texts=((FILES, two),), keys=SETTINGS.keys)
    lines = "deb http://a.example/u noble main\n\ndeb http://b.example/u noble main"

    sources = transplanted(tmp_path, settings, mirror=lines)

    assert sources["ubuntu.sources"].count("\n\nEnabled: no\n") == 1


def test_a_list_of_mirrors_is_named_where_it_is(tmp_path: pathlib.Path) -> None:
    mirrors = "/etc/apt/mirrors/debian.list"
    texts = (
        (mirrors, "http://one.example/debian"),
        ("/etc/apt/sources.list", f"deb mirror+file://{mirrors} bookworm main"),
    )
    sources = transplanted(tmp_path, model.ArchiveSettings(texts=texts))

    place = tmp_path / transplant.PUBLIC / mirrors[1:]
    assert sources["sources.list"] == f"deb mirror+file://{place} bookworm main\n"
    assert place.read_text() == "http://one.example/debian\n"


def test_no_other_file_of_the_host_is_a_key(tmp_path: pathlib.Path) -> None:
    (tmp_path / "secret.gpg").write_bytes(b"secret")
    secret = str(tmp_path / "secret.gpg")
    texts = ((FILES, SOURCES.replace(KEYRING, secret)),)

    with pytest.raises(errors.ConfigError, match=f"the key {secret} of an archive is missing"):
        transplanted(tmp_path / "root", model.ArchiveSettings(texts=texts, keys=((secret, b""),)))


def test_failed_scripts_of_packages_are_no_archives_fault() -> None:
    found = complaints.Complaints()
    line = "E: Sub-process /usr/bin/dpkg returned an error code (1)"
    found.watch(line)

    with pytest.raises(errors.RecipeError, match="packages cannot be installed: Sub-process"):
        found.check(process.Completed(("apt-get",), 100, "", (line,)), model.Archives())
