"""What apt's sources become with another mirror, a pocket or a PPA."""

from __future__ import annotations

import pathlib

import pytest
from debian import deb822
from hypothesis import given
from hypothesis import strategies as st

from retrofit import errors, model
from retrofit.building import archives
from retrofit.building.archives import pockets, texts

NOBLE = model.Release("ubuntu", "24.04", "noble", "amd64")
JAMMY = model.Release("ubuntu", "22.04", "jammy", "amd64")
BOOKWORM = model.Release("debian", "12", "bookworm", "amd64")

# As Ubuntu's cloud images have it.
NOBLE_SOURCES = """\
# Ubuntu sources have moved to the deb822 format.
Types: deb
URIs: http://archive.ubuntu.com/ubuntu/
Suites: noble noble-updates noble-backports
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

## Security
Types: deb
URIs: http://security.ubuntu.com/ubuntu/
Suites: noble-security
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
"""
JAMMY_SOURCES = """\
## Note, this file is written by cloud-init
deb http://archive.ubuntu.com/ubuntu jammy main restricted
# deb-src http://archive.ubuntu.com/ubuntu jammy main restricted
deb [arch=amd64] http://nova.clouds.archive.ubuntu.com/ubuntu/ jammy-updates main restricted
deb http://security.ubuntu.com/ubuntu jammy-security main restricted
deb https://ppa.launchpadcontent.net/owner/name/ubuntu/ jammy main
"""
# As Debian's cloud images have it: the mirror stands in a file of its own.
BOOKWORM_SOURCES = """\
Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: bookworm bookworm-updates bookworm-backports
Components: main

Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian-security.list
Suites: bookworm-security
Components: main
"""
THIRD_PARTY = """\
Types: deb
URIs: https://download.docker.com/linux/ubuntu
Suites: noble
Components: stable
"""


def mirror(release: model.Release, url: str = "http://mirror.test/ubuntu") -> texts.Mirror:
    """Return a mirror of a release's distribution."""
    return texts.Mirror(release, url)


def stanzas(text: str) -> list[deb822.Deb822]:
    """Read deb822 text as apt would."""
    return [one for one in deb822.Deb822.iter_paragraphs(text, use_apt_pkg=False) if "URIs" in one]


def test_every_pocket_of_noble_uses_the_mirror() -> None:
    changed = texts.redirect_deb822(NOBLE_SOURCES, NOBLE, mirror(NOBLE))
    assert "ubuntu.com" not in changed
    assert [(one["URIs"], one["Suites"], one["Components"]) for one in stanzas(changed)] == [
        (
            "http://mirror.test/ubuntu",
            "noble noble-updates noble-backports",
            "main universe restricted multiverse",
        ),
        ("http://mirror.test/ubuntu", "noble-security", "main universe restricted multiverse"),
    ]


def test_what_else_a_stanza_says_stays() -> None:
    changed = texts.redirect_deb822(NOBLE_SOURCES, NOBLE, mirror(NOBLE))
    assert all(one["Signed-By"].endswith("ubuntu-archive-keyring.gpg") for one in stanzas(changed))
    assert "## Security" in changed


def test_without_a_mirror_noble_has_no_source_enabled() -> None:
    changed = texts.redirect_deb822(NOBLE_SOURCES, NOBLE, None)
    assert [one["Enabled"] for one in stanzas(changed)] == ["no", "no"]


def test_a_list_of_uris_over_several_lines_is_replaced() -> None:
    text = "Types: deb\nURIs: http://a.test/ubuntu\n http://b.test/ubuntu\nSuites:\n noble\n"
    text += " noble-updates\nComponents: main\n"
    [one] = stanzas(texts.redirect_deb822(text, NOBLE, mirror(NOBLE)))
    assert (one["URIs"], one["Suites"].split()) == (
        "http://mirror.test/ubuntu",
        ["noble", "noble-updates"],
    )


def test_a_third_partys_source_stays() -> None:
    assert texts.redirect_deb822(THIRD_PARTY, NOBLE, mirror(NOBLE)) == THIRD_PARTY
    assert texts.redirect_deb822(THIRD_PARTY, NOBLE, None) == THIRD_PARTY


def test_every_pocket_of_jammy_uses_the_mirror() -> None:
    changed = texts.redirect_one_line(JAMMY_SOURCES, JAMMY, mirror(JAMMY)).splitlines()
    assert changed == [
        "## Note, this file is written by cloud-init",
        "deb http://mirror.test/ubuntu jammy main restricted",
        "# deb-src http://archive.ubuntu.com/ubuntu jammy main restricted",
        "deb [arch=amd64] http://mirror.test/ubuntu jammy-updates main restricted",
        "deb http://mirror.test/ubuntu jammy-security main restricted",
        "deb https://ppa.launchpadcontent.net/owner/name/ubuntu/ jammy main",
    ]


def test_without_a_mirror_jammy_has_comments() -> None:
    changed = texts.redirect_one_line(JAMMY_SOURCES, JAMMY, None)
    active = [line for line in changed.splitlines() if not line.startswith("#")]
    assert active == ["deb https://ppa.launchpadcontent.net/owner/name/ubuntu/ jammy main"]


def test_debians_security_suite_is_in_an_archive_beside() -> None:
    url = "http://mirror.test/debian"
    changed = texts.redirect_deb822(BOOKWORM_SOURCES, BOOKWORM, mirror(BOOKWORM, url))
    assert [(one["URIs"], one["Suites"]) for one in stanzas(changed)] == [
        (url, "bookworm bookworm-updates bookworm-backports"),
        (f"{url}-security", "bookworm-security"),
    ]


def test_a_stanza_whose_suites_are_in_two_archives_is_split() -> None:
    text = "Types: deb\nURIs: http://one.test/all\nSuites: bookworm bookworm-security\n"
    text += "Components: main\n"
    url = "http://mirror.test/debian"
    changed = texts.redirect_deb822(text, BOOKWORM, mirror(BOOKWORM, url))
    assert {(one["URIs"], one["Suites"], one["Components"]) for one in stanzas(changed)} == {
        (url, "bookworm", "main"),
        (f"{url}-security", "bookworm-security", "main"),
    }


HOSTS = st.from_regex(r"[a-z]{1,8}\.test", fullmatch=True)
SUITES = st.sampled_from(["noble", "noble-updates", "noble-security", "noble-proposed"])
COMPONENTS = st.lists(st.sampled_from(["main", "universe", "multiverse"]), min_size=1, unique=True)


@given(st.lists(st.tuples(HOSTS, SUITES, COMPONENTS), min_size=1, max_size=5))
def test_both_forms_are_treated_alike(sources: list[tuple[str, str, list[str]]]) -> None:
    one_line = "".join(f"deb http://{h}/u {s} {' '.join(c)}\n" for h, s, c in sources)
    deb = "\n".join(
        f"Types: deb\nURIs: http://{h}/u\nSuites: {s}\nComponents: {' '.join(c)}\n"
        for h, s, c in sources
    )
    lines = texts.redirect_one_line(one_line, NOBLE, mirror(NOBLE)).splitlines()
    parsed = stanzas(texts.redirect_deb822(deb, NOBLE, mirror(NOBLE)))
    assert lines == [f"deb {one['URIs']} {one['Suites']} {one['Components']}" for one in parsed]
    assert all(one["URIs"] == "http://mirror.test/ubuntu" for one in parsed)


@given(st.text(st.sampled_from("deb: \n#[]aU/.\t"), max_size=80))
def test_no_text_is_too_strange(text: str) -> None:
    assert texts.redirect_one_line(text, NOBLE, None).count("\n") == len(text.splitlines())
    texts.redirect_deb822(text, NOBLE, mirror(NOBLE))


def write(tree: pathlib.Path, path: str, text: str) -> pathlib.Path:
    """Write a file of a tree."""
    file = tree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_no_default_archive_stays_anywhere(tmp_path: pathlib.Path) -> None:
    files = [
        write(tmp_path, "etc/apt/sources.list", JAMMY_SOURCES.replace("jammy", "noble")),
        write(tmp_path, "etc/apt/sources.list.d/ubuntu.sources", NOBLE_SOURCES),
        write(tmp_path, "etc/apt/sources.list.d/more.list", "deb http://x.test/u noble main\n"),
    ]
    archives.write(tmp_path, model.Archives(mirror="http://mirror.test/ubuntu/"), NOBLE)
    active = "\n".join(
        line for file in files for line in file.read_text().splitlines() if "#" not in line
    )
    assert "archive.ubuntu.com" not in active
    assert "security.ubuntu.com" not in active
    assert "x.test" not in active


def test_complete_sources_replace_all_others(tmp_path: pathlib.Path) -> None:
    main = write(tmp_path, "etc/apt/sources.list", "# See sources.list.d\n")
    ubuntu = write(tmp_path, "etc/apt/sources.list.d/ubuntu.sources", NOBLE_SOURCES)
    lines = "deb http://one.test/u noble main\ndeb http://two.test/u noble-security main"
    archives.write(tmp_path, model.Archives(mirror=lines), NOBLE)
    assert main.read_text() == f"# See sources.list.d\n{lines}\n"
    assert [one["Enabled"] for one in stanzas(ubuntu.read_text())] == ["no", "no"]


def test_without_options_sources_stay(tmp_path: pathlib.Path) -> None:
    file = write(tmp_path, "etc/apt/sources.list.d/ubuntu.sources", NOBLE_SOURCES)
    archives.write(tmp_path, model.Archives(), NOBLE)
    assert file.read_text() == NOBLE_SOURCES


@pytest.mark.parametrize("given_mirror", ["mirror.test", "deb http://x.test\nhttp://y.test/u"])
def test_a_mirror_of_another_shape_is_refused(tmp_path: pathlib.Path, given_mirror: str) -> None:
    with pytest.raises(errors.ConfigError, match="neither a URL nor a source line"):
        archives.write(tmp_path, model.Archives(mirror=given_mirror), NOBLE)


@pytest.mark.parametrize(
    ("pocket", "suite"),
    [
        ("caracal", "jammy-updates/caracal"),
        ("caracal-proposed", "jammy-proposed/caracal"),
        ("caracal/proposed", "jammy-proposed/caracal"),
        ("caracal/updates", "jammy-updates/caracal"),
        ("jammy-updates/caracal", "jammy-updates/caracal"),
        ("jammy-proposed/caracal", "jammy-proposed/caracal"),
    ],
)
def test_the_suite_of_a_pocket(pocket: str, suite: str) -> None:
    assert pockets.suite(pocket, JAMMY) == suite


@pytest.mark.parametrize("pocket", ["Caracal", "cloud:jammy-caracal", "2024.1", "", "a b"])
def test_an_invalid_pocket_is_refused(pocket: str) -> None:
    with pytest.raises(errors.ConfigError, match="is not valid; give a release's name, such as"):
        pockets.suite(pocket, JAMMY)


def test_a_pocket_of_another_series_is_refused() -> None:
    with pytest.raises(
        errors.ConfigError, match="'noble-updates/caracal' is not for ubuntu jammy"
    ):
        pockets.suite("noble-updates/caracal", JAMMY)


def test_debian_has_no_pocket(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ConfigError, match="is not for debian bookworm"):
        archives.write(tmp_path, model.Archives(uca_pocket="caracal"), BOOKWORM)


@pytest.mark.parametrize(
    ("mirror_given", "pocket", "line"),
    [
        ("", "", ""),
        ("http://uca.test/u", "", ""),
        (
            "http://uca.test/u/",
            "caracal",
            "deb [signed-by=/usr/share/keyrings/ubuntu-cloud-keyring.gpg] http://uca.test/u"
            " jammy-updates/caracal main\n",
        ),
        (
            "deb http://uca.test/u jammy-updates/yoga main",
            "",
            "deb http://uca.test/u jammy-updates/yoga main\n",
        ),
    ],
)
def test_the_line_for_the_cloud_archive(mirror_given: str, pocket: str, line: str) -> None:
    wanted = model.Archives(uca_mirror=mirror_given, uca_pocket=pocket)
    assert pockets.source(wanted, JAMMY) == line
