"""Repositories of dnf: texts, questions and complaints."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest

from retrofit import errors, model
from retrofit.building import package_managers
from retrofit.building.dnf import (
    complaints,
    distributions,
    private,
    queries,
    recording,
    repo_files,
    versions,
)
from retrofit.host import process

ROCKY = model.Release("rocky", "10.0", "rocky-10", "amd64")
CENTOS = model.Release("centos", "10", "centos-10-stream", "arm64")
# As rocky-repos has it, with a second address in a line of its own.
REPOSITORIES = """\
# Of the distribution.
[baseos]
name=Rocky Linux $releasever - BaseOS
mirrorlist=https://mirrors.test/mirrorlist?arch=$basearch
#baseurl=http://dl.test/$releasever/BaseOS/$basearch/os/
baseurl=http://one.test/
    http://user:hunter2@two.test/
gpgcheck=1
enabled=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-10

[debug]
metalink = https://mirrors.test/metalink
enabled = 0
"""
DNF = package_managers.of("rocky")
REQUEST = model.BuildRequest("plain")


def test_options_of_repositories() -> None:
    found = repo_files.read(REPOSITORIES)

    assert found["baseos"]["baseurl"] == "http://one.test/\nhttp://user:hunter2@two.test/"
    assert found["baseos"]["mirrorlist"].endswith("arch=$basearch")
    assert found["debug"] == {"metalink": "https://mirrors.test/metalink", "enabled": "0"}


def test_a_mirror_takes_the_place_of_all_addresses() -> None:
    text = repo_files.redirect(REPOSITORIES, {"baseos": "http://mirror/os/"})

    assert repo_files.read(text)["baseos"] == {
        "name": "Rocky Linux $releasever - BaseOS",
        "baseurl": "http://mirror/os/",
        "gpgcheck": "1",
        "enabled": "1",
        "gpgkey": "file:///etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-10",
    }
    # What is not on the mirror, and comments, stay.
    assert text.endswith(REPOSITORIES[REPOSITORIES.index("[debug]") :])
    assert text.startswith("# Of the distribution.\n[baseos]\nbaseurl=http://mirror/os/\n")


def test_all_repositories_off() -> None:
    text = repo_files.disable(REPOSITORIES)

    assert {one["enabled"] for one in repo_files.read(text).values()} == {"0"}


@pytest.mark.parametrize(
    ("text", "complete"),
    [("[mine]\nbaseurl=x", True), ("\n# a\n[mine]\n", True), ("http://m/", False), ("", False)],
)
def test_complete_repositories_are_told_from_a_url(text: str, complete: bool) -> None:
    assert repo_files.is_complete(text) is complete


def test_where_repositories_are_on_a_mirror() -> None:
    assert distributions.urls("http://m/rocky/", ROCKY) == {
        "baseos": "http://m/rocky/10/BaseOS/$basearch/os/",
        "appstream": "http://m/rocky/10/AppStream/$basearch/os/",
        "extras": "http://m/rocky/10/extras/$basearch/os/",
    }
    assert distributions.needed(ROCKY) == {"appstream", "baseos"}
    assert distributions.urls("http://m", CENTOS)["baseos"] == (
        "http://m/10-stream/BaseOS/$basearch/os/"
    )
    with pytest.raises(errors.ConfigError, match="repositories of rhel are; give complete"):
        distributions.urls("http://m", model.Release("rhel", "10.0", "rhel-10", "amd64"))


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a system with repositories and dnf's settings."""
    root = tmp_path / "tree"
    for path, text in {
        "etc/yum.repos.d/rocky.repo": REPOSITORIES,
        "etc/yum.repos.d/README": "[no]\nbaseurl=x\n",
        "etc/yum.repos.d/more.repo": "[appstream]\nmirrorlist=x\n",
        "etc/dnf/dnf.conf": "[main]\ngpgcheck=1\nproxy=http://old.test\n",
        "etc/dnf/vars/contentdir": "pub/rocky\n",
        "etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-10": "key",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def test_a_system_is_told_of_a_mirror(tree: pathlib.Path) -> None:
    DNF.point(tree, model.Archives(mirror="http://m/rocky"), ROCKY)

    directory = tree / "etc/yum.repos.d"
    text = (directory / "rocky.repo").read_text() + (directory / "more.repo").read_text()
    found = repo_files.read(text)
    assert found["baseos"]["baseurl"] == "http://m/rocky/10/BaseOS/$basearch/os/"
    assert found["appstream"] == {"baseurl": "http://m/rocky/10/AppStream/$basearch/os/"}
    assert (directory / "README").read_text() == "[no]\nbaseurl=x\n"


def test_a_system_is_told_of_complete_repositories(tree: pathlib.Path) -> None:
    mine = "[mine]\nbaseurl=http://m/mine\ngpgcheck=0"
    DNF.point(tree, model.Archives(mirror=mine), ROCKY)

    directory = tree / "etc/yum.repos.d"
    assert (directory / "retrofit.repo").read_text() == f"{mine}\n"
    others = (directory / "rocky.repo").read_text() + (directory / "more.repo").read_text()
    assert {one["enabled"] for one in repo_files.read(others).values()} == {"0"}


@pytest.mark.parametrize(
    ("archives", "said"),
    [
        (model.Archives(ppas=("ppa:a/b",)), "personal package archives are not for rocky"),
        (model.Archives(uca_mirror="deb http://m/uca noble main"), "are not for rocky"),
        (
            model.Archives(mirror="deb http://m/ubuntu noble main"),
            "neither a URL nor a repository",
        ),
        (model.Archives(uca_pocket="caracal"), "is not for rocky"),
    ],
)
def test_what_is_for_another_distribution(
    tree: pathlib.Path, archives: model.Archives, said: str
) -> None:
    with pytest.raises(errors.ConfigError, match=said):
        DNF.point(tree, archives, ROCKY)


def test_a_system_without_a_repository_of_the_mirror(tree: pathlib.Path) -> None:
    (tree / "etc/yum.repos.d/more.repo").unlink()
    with pytest.raises(errors.ConfigError, match="has no repository 'appstream'; give complete"):
        DNF.point(tree, model.Archives(mirror="http://m"), ROCKY)


def test_settings_of_a_build_go_and_those_of_elements_stay(tree: pathlib.Path) -> None:
    file = tree / "etc/dnf/dnf.conf"
    request = model.BuildRequest("plain", proxies=model.Proxies(http="http://p.test"))
    with DNF.prepared(tree, request):
        during = file.read_text()
        assert "install_weak_deps=False\n" in during
        assert "old.test" not in during
        # As diskimage-builder's element yum does.
        file.write_text(f"{during}keepcache=0\ncachedir=/var/cache/dnf\n")

    before = "[main]\ngpgcheck=1\nproxy=http://old.test\n"
    assert file.read_text() == before

    with DNF.prepared(tree, request):
        file.write_text(f"{file.read_text()}fastestmirror=1\n")

    assert file.read_text() == "[main]\nproxy=http://old.test\ngpgcheck=1\nfastestmirror=1\n"
    file.unlink()

    with DNF.prepared(tree, request):
        assert file.exists()

    assert not file.exists()


def test_what_is_kept_of_a_systems_dnf(tree: pathlib.Path) -> None:
    texts = recording.texts(tree)

    assert texts.keys() == {
        "/etc/dnf/vars/contentdir",
        "/etc/yum.repos.d/more.repo",
        "/etc/yum.repos.d/rocky.repo",
    }
    assert "hunter2" not in repr(texts)
    assert "#" not in texts["/etc/yum.repos.d/rocky.repo"]
    key = "/etc/pki/rpm-gpg/RPM-GPG-KEY-Rocky-10"
    assert recording.keys(tree, texts, ROCKY) == {key: b"key"}


def test_only_what_a_repository_offers_is_asked_of_the_hosts_dnf(tmp_path: pathlib.Path) -> None:
    """A record may come from anybody: options that name files of the host count nothing."""
    hostile = """\
[main]
plugins=1
[one two]
baseurl=http://bad.test/
[files]
baseurl=file:///etc
sslclientkey=/etc/shadow
[good]
baseurl=http://good.test/os
sslclientkey=/etc/shadow
proxy=http://bad.test
priority=5
"""
    settings = model.ArchiveSettings(
        texts=(("/etc/yum.repos.d/a.repo", hostile), ("/etc/dnf/vars/stream", "10"))
    )
    with private.configured(tmp_path, settings, ROCKY, REQUEST) as dnf:
        file = tmp_path / "dnf/dnf.conf"
        found = repo_files.read(file.read_text())
        assert found.keys() == {"main", "good"}
        assert found["good"] == {"name": "good", "baseurl": "http://good.test/os", "priority": "5"}
        assert (tmp_path / "dnf/variables/stream").read_text() == "10"
        assert "--noplugins" in dnf.words and "--releasever=10" in dnf.words
        # Its URLs may hold logins.
        assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["system"]


def test_records_that_cannot_be_asked(tmp_path: pathlib.Path) -> None:
    def configure(text: str) -> None:
        settings = model.ArchiveSettings(texts=(("/etc/yum.repos.d/a.repo", text),))
        with private.configured(tmp_path, settings, ROCKY, REQUEST):
            pass

    with pytest.raises(errors.ImageError, match="names no repository that can be asked"):
        configure("[off]\nbaseurl=http://m\nenabled=0\n")
    signed = "[a]\nbaseurl=http://m\nrepo_gpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/KEY"
    with pytest.raises(errors.ConfigError, match="the key of the repository 'a' is missing"):
        configure(signed)


def test_a_login_of_a_mirror_is_there_in_a_build_only(
    tree: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with_login = "https://me:hunter2@m.test/rocky"
    request = dataclasses.replace(REQUEST, archives=model.Archives(mirror=with_login))

    shown = {bind.target: bind for bind in DNF.binds(tree, request, ROCKY, tmp_path)}
    bound = shown["/etc/yum.repos.d/rocky.repo"].source
    assert f"baseurl={with_login}/10/BaseOS/$basearch/os/" in bound.read_text()
    assert bound.stat().st_mode & 0o777 == 0o600

    DNF.point(tree, model.Archives(mirror="https://m.test/rocky"), ROCKY)
    mine = f"[mine]\nbaseurl={with_login}\n"
    DNF.point(tree, model.Archives(mirror=mine), ROCKY)
    texts = [file.read_text() for file in (tree / "etc/yum.repos.d").iterdir()]
    assert "hunter2" not in "".join(texts).replace("user:hunter2@two.test", "")
    assert "baseurl=https://m.test/rocky\n" in "".join(texts)

    with pytest.raises(errors.ConfigError, match="option password, which would stay in the image"):
        DNF.point(tree, model.Archives(mirror="[mine]\npassword=hunter2\n"), ROCKY)


def test_new_kernels_are_told_what_the_newest_one_is(tree: pathlib.Path) -> None:
    """Without that, kernel-install tells them what this machine's own kernel was told."""
    entries = tree / "boot/loader/entries"
    entries.mkdir(parents=True)
    for kernel in ("6.9", "6.12"):
        entry = f"linux /vmlinuz-{kernel}\noptions root=UUID=1 k={kernel}\n"
        (entries / f"machine-{kernel}.conf").write_text(entry)

    with DNF.prepared(tree, REQUEST):
        pass

    assert (tree / "etc/kernel/cmdline").read_text() == "root=UUID=1 k=6.12\n"


def test_keys_may_be_named_by_variables(tree: pathlib.Path) -> None:
    (tree / "etc/pki/rpm-gpg/KEY-10-x86_64-pub").write_text("other")
    text = "[a]\ngpgkey=file:///etc/pki/rpm-gpg/KEY-$releasever-${basearch}-$kind\n"
    (tree / "etc/yum.repos.d/more.repo").write_text(text)
    (tree / "etc/dnf/vars/kind").write_text("pub\n")
    (tree / "etc/dnf/vars/rltype").write_text("")

    told = recording.texts(tree)

    assert told["/etc/dnf/vars/rltype"] == ""
    assert recording.keys(tree, told, ROCKY)["/etc/pki/rpm-gpg/KEY-10-x86_64-pub"] == b"other"


def test_exclusions_and_no_logins_are_kept_of_settings(tree: pathlib.Path) -> None:
    settings = "[main]\nexclude=kernel* foo\nproxy_password=hunter2\n"
    (tree / "etc/dnf/dnf.conf").write_text(settings)
    (tree / "etc/yum.repos.d/more.repo").write_text("[a]\nusername=me\npassword=hunter2\n")

    told = recording.texts(tree)

    assert told["/etc/dnf/dnf.conf"] == "[main]\nexclude=kernel* foo"
    assert "hunter2" not in repr(told)
    assert recording.exclusions(model.ArchiveSettings(tuple(told.items()))) == {
        "exclude": "kernel* foo"
    }


def test_lists_beside_the_tree_tell_layers_apart(tmp_path: pathlib.Path) -> None:
    """Packages of other lists are not the same, whatever else is."""
    (index,) = (tmp_path / "dnf/baseos-1/repodata/repomd.xml",)
    index.parent.mkdir(parents=True)
    index.write_text("1")
    first = DNF.identity_of_lists(tmp_path)
    index.write_text("2")

    assert first != DNF.identity_of_lists(tmp_path) != ""


def test_versions_are_compared_as_rpm_does() -> None:
    pairs = [
        ("1.0-1", "1.0-2"),
        ("1:1.0-1", "2.0-1"),
        ("2.0~rc1-1", "2.0-1"),
        ("2.0^git1-1", "2.0-1"),
        ("1.10-1", "1.9-1"),
        ("1.0-1", "1.0-1"),
    ]
    assert versions.newer(pairs) == [True, False, True, False, False, False]
    assert versions.newer([]) == []
    with pytest.raises(errors.ImageError, match="cannot be one"):
        versions.newer([("1", '2"); os.execute("touch /x')])


def test_packages_of_an_answer() -> None:
    answer = (
        "zlib\t1.2-1.el10\tx86_64\nzlib\t1.2-1.el10\ti686\n"
        "gpg-pubkey\t1-2\t(none)\nbash\t0:5.2-1\tx86_64\ngreeting\t1:2-1\tnoarch\nnoise\n"
    )
    assert queries.packages(answer) == (
        model.Package("bash", "5.2-1", "x86_64"),
        model.Package("greeting", "1:2-1", "noarch"),
        model.Package("zlib", "1.2-1.el10", "i686"),
        model.Package("zlib", "1.2-1.el10", "x86_64"),
    )


def test_what_an_interrupted_upgrade_leaves() -> None:
    twice = [
        model.Package("bash", "5.1-1", "x86_64"),
        model.Package("bash", "5.2-1", "x86_64"),
        model.Package("kernel-core", "6.1-1", "x86_64"),
        model.Package("kernel-core", "6.2-1", "x86_64"),
        model.Package("zlib", "1-1", "x86_64"),
        model.Package("zlib", "1-1", "i686"),
    ]
    assert queries.doubled(twice) == ["bash"]


@pytest.mark.parametrize(
    ("lines", "kind", "said"),
    [
        (
            ["No match for argument: missing", "Error: Unable to find a match: missing"],
            errors.ConfigError,
            "no repository has the package missing; correct",
        ),
        (
            ["Package unsigned-1.0-1.x86_64.rpm is not signed", "Error: GPG check FAILED"],
            errors.ConfigError,
            "not signed with a known key: Package unsigned-1.0-1.x86_64.rpm is not signed",
        ),
        (
            [
                "  - Status code: 404 for http://m/repodata/repomd.xml (IP: 1.2.3.4)",
                "Error: Failed to download metadata for repo 'baseos': Cannot download repomd.xml",
            ],
            errors.Unavailable,
            "a repository cannot be used: Failed to download metadata for repo 'baseos'",
        ),
        (
            [
                "Error:",
                " Problem: conflicting requests",
                "  - nothing provides /bin/sh needed by kernel-core-6.1-1.x86_64",
                "(try to add '--skip-broken' to skip uninstallable packages)",
            ],
            errors.RecipeError,
            "packages cannot be installed: nothing provides /bin/sh needed by kernel-core",
        ),
    ],
)
def test_complaints(lines: list[str], kind: type[errors.RetrofitError], said: str) -> None:
    with pytest.raises(kind) as caught:
        complaints.check(process.Completed(("dnf",), 1, "", tuple(lines), True))
    assert said in str(caught.value)
    complaints.check(process.Completed(("dnf",), 0, "", tuple(lines), True))
