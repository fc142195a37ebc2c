"""``diskimage-create``: each option and variable of Octavia's script has its effect, or an error.

docs/reference/diskimage-create.md names the case that shows it, and is held against the code.
"""

from __future__ import annotations

import io
import logging
import os
import pathlib
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support import paths

from retrofit import model
from retrofit.base_images import bootstrap
from retrofit.cli import diskimage_create, execution, wrong
from retrofit.host import signals
from retrofit.planning import run_request
from retrofit.publishing import file_target
from retrofit.runs import one

_PAGE = paths.REPOSITORY / "docs" / "reference" / "diskimage-create.md"
_SIZE = 2 * model.GIB

Run = Callable[..., int]


class Engine:
    """Stands for the engine: keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: run_request.RunRequest | None = None

    def __call__(self, request: run_request.RunRequest, _: object) -> one.RunResult:
        self.asked = request
        assert isinstance(request.target, file_target.FilesTarget)
        files = tuple(
            model.ImageFile(path, file_format, 300 * model.MIB, "aa")
            for file_format, path in request.target.paths
        )
        made = model.BuildResult(
            pathlib.Path("disk.raw"),
            model.ImageFormat.RAW,
            _SIZE,
            _SIZE,
            "aa",
            "bb",
            model.Release("ubuntu", "24.04", "noble", "amd64"),
            (model.Package("haproxy", "2.8", "amd64"),),
            files=files,
        )
        return one.RunResult(one.run_document.Outcome.PUBLISHED, (), build=made)

    @property
    def request(self) -> run_request.RunRequest:
        assert self.asked is not None
        return self.asked

    @property
    def base(self) -> bootstrap.Wanted:
        assert isinstance(self.request.source, bootstrap.Wanted)
        return self.request.source

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.request.build.environment)

    @property
    def paths(self) -> list[str]:
        assert isinstance(self.request.target, file_target.FilesTarget)
        return [path.name for _, path in self.request.target.paths]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr(one, "run", fake)
    return fake


@pytest.fixture
def run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return what runs the command in a directory with some files, without other variables."""
    monkeypatch.setattr(signals, "watch", lambda: None)
    for name in os.environ:
        if re.match("AMP_|DIB_|FS_TYPE|QEMU_IMG_|OCTAVIA_|CLOUD_INIT_|.*_proxy$", name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "octavia/elements").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "keys.gpg").write_bytes(b"keys")
    (tmp_path / "password").write_text("s3cret of a file\n")

    def run(*words: str, **variables: str) -> int:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as left:
            execution.execute(
                diskimage_create.create,
                name="diskimage-create",
                arguments=list(words),
                usage=wrong.Use,
            )
        assert isinstance(left.value.code, int)
        return left.value.code

    yield run
    for handler in logging.getLogger().handlers[:]:
        if type(handler) is logging.FileHandler:
            logging.getLogger().removeHandler(handler)
            handler.close()


def _verifies(hashed: str, password: str) -> bool:
    """Tell whether a hash of crypt(5) is that of a password."""
    words = ["openssl", "passwd", "-6", "-salt", hashed.split("$")[2], "-stdin"]
    made = subprocess.run(words, input=password, check=True, capture_output=True, text=True)
    return made.stdout.strip() == hashed


def _agent_of(engine: Engine, location: str, ref: str, constraints: str) -> bool:
    """Tell whether the agent comes from that git repository, with those constraints."""
    said = {
        "DIB_INSTALLTYPE_amphora_agent": "source",
        "DIB_REPOTYPE_amphora_agent": "git",
        "DIB_REPOLOCATION_amphora_agent": location,
        "DIB_REPOREF_amphora_agent": ref,
        "DIB_INSTALLTYPE_upper_constraints": "source",
        "DIB_REPOLOCATION_upper_constraints": constraints,
    }
    return engine.environment == said and engine.request.build.elements == (
        "amphora-agent-source",
    )


# By the name of the case: words, variables, and what has to hold of the engine afterwards.
Case = tuple[tuple[str, ...], dict[str, str], Callable[[Engine], object]]
# Where the packages and keys of the Red Hat family are: no machine knows by itself.
_OF_RED_HAT = {"DIB_DNF_KEYRING": "keys.gpg", "DIB_DISTRIBUTION_MIRROR": "http://mirror/rh"}
_EFFECTS: dict[str, Case] = {
    "-i centos": (
        ("-i", "centos-minimal"),
        _OF_RED_HAT,
        lambda e: (
            (e.base.series, e.base.mirror) == ("centos-10-stream", "http://mirror/rh")
            and e.base.holds.keys == b"keys"
            and "amphora-selinux" not in e.request.build.elements
        ),
    ),
    "-i fedora": (
        ("-i", "fedora", "-d", "42", "-s", "3"),
        _OF_RED_HAT,
        lambda e: e.base.series == "fedora-42",
    ),
    "-e of the Red Hat family": (
        ("-i", "rocky-container", "-d", "9", "-e"),
        _OF_RED_HAT,
        lambda e: e.base.series == "rocky-9" and e.request.build.elements == ("amphora-selinux",),
    ),
    "-y of the Red Hat family": (
        ("-i", "rocky", "-y"),
        _OF_RED_HAT,
        lambda e: e.request.build.elements == ("amphora-fips",),
    ),
    "-a": (("-a", "ppc64le"), {}, lambda e: e.base.architecture == "ppc64le"),
    "AMP_ARCH": ((), {"AMP_ARCH": "amd64"}, lambda e: e.base.architecture == "x86_64"),
    "-b": (("-b", "haproxy"), {"AMP_BACKEND": "haproxy-octavia"}, lambda e: e.request),
    "-c": (
        ("-c", "cache/deep"),
        {},
        lambda e: e.base.cache == pathlib.Path("cache/deep").resolve() and e.base.cache.is_dir(),
    ),
    "AMP_CACHEDIR": (
        (),
        {"AMP_CACHEDIR": "other"},
        lambda e: e.base.cache == pathlib.Path("other").resolve(),
    ),
    "-d": (("-d", "jammy"), {}, lambda e: e.base.series == "jammy"),
    "AMP_DIB_RELEASE": (
        (),
        {"AMP_DIB_RELEASE": "jammy", "DIB_RELEASE": "focal"},
        lambda e: e.base.series == "jammy" and "DIB_RELEASE" not in e.environment,
    ),
    "-f": (("-f",), {"AMP_DISABLE_TMP_FS": "--no-tmpfs"}, lambda e: e.request),
    "-g": (
        ("-g", "stable/2026.1"),
        {},
        lambda e: _agent_of(
            e,
            "https://opendev.org/openstack/octavia",
            "stable/2026.1",
            "https://opendev.org/openstack/requirements/raw/branch/stable/2026.1"
            "/upper-constraints.txt",
        ),
    ),
    "DIB_INSTALLTYPE_amphora_agent=source": (
        (),
        {"DIB_INSTALLTYPE_amphora_agent": "source"},
        lambda e: _agent_of(
            e,
            "https://opendev.org/openstack/octavia",
            "master",
            "https://opendev.org/openstack/requirements/raw/branch/master/upper-constraints.txt",
        ),
    ),
    "DIB_REPOREF_amphora_agent": (
        ("-g", "master"),
        {
            "DIB_REPOLOCATION_amphora_agent": "https://review/octavia",
            "DIB_REPOREF_amphora_agent": "refs/changes/19/1/2",
            "DIB_REPOLOCATION_upper_constraints": "http://x/constraints.txt",
        },
        lambda e: _agent_of(
            e, "https://review/octavia", "refs/changes/19/1/2", "http://x/constraints.txt"
        ),
    ),
    "DIB_REPOLOCATION_amphora_agent": (
        (),
        {
            "DIB_REPOLOCATION_amphora_agent": "/srv/octavia",
            "DIB_REPOLOCATION_upper_constraints": "http://x/constraints.txt",
        },
        lambda e: _agent_of(e, "file:///srv/octavia", "master", "http://x/constraints.txt"),
    ),
    "-i": (("-i", "debian", "-d", "bookworm"), {}, lambda e: e.base.series == "bookworm"),
    "AMP_BASEOS": (
        ("-d", "bookworm"),
        {"AMP_BASEOS": "debian-minimal"},
        lambda e: e.base.series == "bookworm",
    ),
    "-k": (("-k", "linux-generic"), {}, lambda e: e.base.holds.kernel == "linux-generic"),
    "AMP_KERNEL": ((), {"AMP_KERNEL": "linux-kvm"}, lambda e: e.base.holds.kernel == "linux-kvm"),
    "-m": (("-m",), {}, lambda e: e.request.build.elements == ("cpu-pinning-tuned",)),
    "AMP_ENABLE_CPUPINNING": (
        (),
        {"AMP_ENABLE_CPUPINNING": "1"},
        lambda e: e.request.build.elements == ("cpu-pinning-tuned",),
    ),
    "-n": (
        ("-n",),
        {},
        lambda e: (
            e.request.build.elements == ("remove-sshd",)
            and e.environment["DIB_OCTAVIA_AMP_USE_SSH"] == "False"
        ),
    ),
    "AMP_DISABLE_SSHD": (
        (),
        {"AMP_DISABLE_SSHD": "1"},
        lambda e: e.request.build.elements == ("remove-sshd",),
    ),
    "-o": (("-o", "mine/img.qcow2"), {}, lambda e: e.paths == ["img.qcow2"]),
    "-o with another suffix": (
        ("-o", "img.raw"),
        {},
        lambda e: e.paths == ["img.raw.qcow2"],
    ),
    "AMP_OUTPUTFILENAME": (
        (),
        {"AMP_OUTPUTFILENAME": "own"},
        lambda e: e.paths == ["own.qcow2"],
    ),
    "-p": (("-p",), {"AMP_PACKAGE_INSTALL": "1"}, lambda e: e.request),
    "-r": (
        ("-r", "password"),
        {},
        lambda e: (
            e.request.build.elements == ("root-password",)
            and _verifies(e.environment["RETROFIT_ROOT_PASSWORD"], "s3cret of a file")
        ),
    ),
    "-r env:": (
        ("-r", "env:WORD"),
        {"WORD": "s3cret"},
        lambda e: _verifies(e.environment["RETROFIT_ROOT_PASSWORD"], "s3cret"),
    ),
    "AMP_ROOTPW": (
        (),
        {"AMP_ROOTPW": "s3cret", "DIB_PASSWORD": "another"},
        lambda e: (
            _verifies(e.environment["RETROFIT_ROOT_PASSWORD"], "s3cret")
            and not {"s3cret", "another"} & {*e.environment.values()}
        ),
    ),
    "-s": (("-s", "3"), {}, lambda e: e.base.shape.size == 3 * model.GIB),
    "AMP_IMAGESIZE": ((), {"AMP_IMAGESIZE": "4"}, lambda e: e.base.shape.size == 4 * model.GIB),
    "-t": (
        ("-t", "tar,raw,vhd,tar"),
        {},
        lambda e: (
            e.request.build.files
            == (model.FileFormat.TAR, model.FileFormat.RAW, model.FileFormat.VHD)
            and e.paths == [f"amphora-x64-haproxy.qcow2.{name}" for name in ("tar", "raw", "vhd")]
        ),
    ),
    "AMP_IMAGETYPE": (
        (),
        {"AMP_IMAGETYPE": "raw"},
        lambda e: e.paths == ["amphora-x64-haproxy.qcow2.raw"],
    ),
    "-w": (
        ("-w", "work/deep"),
        {},
        lambda e: str(e.request.work_base) == "work/deep" and pathlib.Path("work/deep").is_dir(),
    ),
    "AMP_WORKING_DIR": (
        (),
        {"AMP_WORKING_DIR": "work"},
        lambda e: str(e.request.work_base) == "work",
    ),
    "-x": (("-x",), {}, lambda e: e.environment["DIB_DEBUG_TRACE"] == "1"),
    "--force": (("--force",), {}, lambda e: e.request.force),
    "CLOUD_INIT_DATASOURCES": (
        (),
        {"CLOUD_INIT_DATASOURCES": "OpenStack", "DIB_CLOUD_INIT_DATASOURCES": "Ec2"},
        lambda e: e.environment["DIB_CLOUD_INIT_DATASOURCES"] == "OpenStack",
    ),
    "DIB_APT_KEYRING": (
        (),
        {"DIB_APT_KEYRING": "keys.gpg"},
        lambda e: (
            e.base.holds.keys == b"keys"
            and "[signed-by=/etc/apt/keyrings/archive.gpg]" in e.request.build.archives.mirror
        ),
    ),
    "DIB_DISTRIBUTION_MIRROR": (
        (),
        {"DIB_DISTRIBUTION_MIRROR": "http://mirror/ubuntu"},
        lambda e: e.base.mirror == e.request.build.archives.mirror == "http://mirror/ubuntu",
    ),
    "DIB_JOURNAL_SIZE": (
        (),
        {"DIB_JOURNAL_SIZE": "64", "FS_TYPE": "ext4"},
        lambda e: e.base.shape.tuning == ("-Jsize=64",),
    ),
    "QEMU_IMG_OPTIONS": (
        ("-t", "qcow2,raw,tar"),
        {"QEMU_IMG_OPTIONS": "compat=0.10"},
        lambda e: (
            e.request.build.qemu_img_options == "compat=0.10"
            and e.request.build.compression is model.Compression.ZLIB
        ),
    ),
    "DIB_LOCAL_ELEMENTS": (
        ("-m",),
        {"DIB_LOCAL_ELEMENTS": "one  two", "DIB_LOCAL_ELEMENTS_PATH": "mine"},
        lambda e: (
            e.request.build.elements == ("cpu-pinning-tuned", "one", "two")
            and e.request.build.elements_paths == (pathlib.Path("mine"),)
        ),
    ),
    "OCTAVIA_REPO_PATH": (
        (),
        {"OCTAVIA_REPO_PATH": "octavia"},
        lambda e: e.request.build.elements_paths == (pathlib.Path("octavia/elements"),),
    ),
    "DIB_…": (
        (),
        {"DIB_GRUB_TIMEOUT": "3", "DIB_OCTAVIA_AMP_USE_NFTABLES": "False", "OTHER": "x"},
        lambda e: (
            e.environment == {"DIB_GRUB_TIMEOUT": "3", "DIB_OCTAVIA_AMP_USE_NFTABLES": "False"}
        ),
    ),
    "http_proxy": (
        (),
        {"http_proxy": "http://p:1", "https_proxy": "http://p:2", "no_proxy": "x"},
        lambda e: e.request.build.proxies == model.Proxies("http://p:1", "http://p:2", "x"),
    ),
}
# Words, variables, exit code, and what the error or the warning says.
_SAID: dict[str, tuple[tuple[str, ...], dict[str, str], int, str]] = {
    "-a unknown": (("-a", "sparc"), {}, 3, "unsupported architecture 'sparc'"),
    "-a i386": (("-a", "i386"), {}, 3, "Octavia builds no images for it any more"),
    "-a without images": (("-a", "s390x"), {}, 78, "images for s390x cannot be created"),
    "-b unknown": (("-b", "nginx"), {}, 3, "unsupported backend type 'nginx'"),
    "AMP_BACKEND": ((), {"AMP_BACKEND": "nginx-octavia"}, 3, "AMP_BACKEND 'nginx-octavia'"),
    "-c is a file": (("-c", "password/cache"), {}, 73, "cannot make the directory"),
    "-d unknown": (("-d", "nobel"), {}, 3, "ubuntu has no release 'nobel'"),
    "-d of Debian": (("-d", "bookworm"), {}, 3, "ubuntu has no release 'bookworm'"),
    "-e": (("-e",), {"AMP_ENABLE_FULL_MAC_SECURITY": "1"}, 0, "-e changes nothing"),
    "-g with -p": (("-g", "master", "-p"), {}, 3, "from packages and from a source"),
    "-i unknown": (("-i", "gentoo"), {}, 3, "unsupported base OS 'gentoo'"),
    "-i rhel": (("-i", "rhel"), {}, 3, "images of rhel cannot be created"),
    "DIB_APT_KEYRING of the Red Hat family": (
        ("-i", "rocky"),
        {**_OF_RED_HAT, "DIB_APT_KEYRING": "keys.gpg"},
        0,
        "the variable DIB_APT_KEYRING has no effect for rocky",
    ),
    "-i fedora without -d": (("-i", "fedora"), _OF_RED_HAT, 3, "no release of fedora is set"),
    "-d of CentOS": (
        ("-i", "centos", "-d", "10"),
        _OF_RED_HAT,
        3,
        "centos has no release '10'",
    ),
    "-s of Fedora": (
        ("-i", "fedora", "-d", "42", "-s", "2"),
        _OF_RED_HAT,
        1,
        "invalid image size 2: fedora needs at least 3 GB",
    ),
    "DIB_DNF_KEYRING": (("-i", "rocky"), {}, 3, "no keys of rocky; set DIB_DNF_KEYRING"),
    "DIB_DISTRIBUTION_MIRROR of the Red Hat family": (
        ("-i", "rocky"),
        {"DIB_DNF_KEYRING": "keys.gpg"},
        3,
        "this machine has no mirror of rocky; set DIB_DISTRIBUTION_MIRROR",
    ),
    "-l in no directory": (("-l", "none/log"), {}, 73, "cannot write the log none/log"),
    "-n with DIB_OCTAVIA_AMP_USE_SSH": (
        ("-n",),
        {"DIB_OCTAVIA_AMP_USE_SSH": "True"},
        3,
        "-n contradicts the variable DIB_OCTAVIA_AMP_USE_SSH",
    ),
    "-o in no directory": (("-o", "none/img"), {}, 3, "none does not exist"),
    "-r of nothing": (("-r", "hunter2"), {}, 66, "there is no root password where it is to be"),
    "-s no number": (("-s", "2.5"), {}, 3, "invalid image size '2.5'"),
    "-s too small": (("-s", "0"), {}, 78, "a disk of 0 MiB is too small"),
    "-t unknown": (("-t", "raw,ova"), {}, 3, "unsupported image type 'ova'"),
    "-y": (("-y",), {}, 1, "-y is not supported: FIPS 140-2 mode"),
    "AMP_ENABLE_FIPS": ((), {"AMP_ENABLE_FIPS": "1"}, 1, "-y is not supported"),
    "a positional argument": (("more",), {}, 1, "got unexpected extra argument (more)"),
    "an unknown option": (("-z",), {}, 1, "no such option"),
    "BASE_OS_MIRROR": (
        (),
        {"BASE_OS_MIRROR": "http://mirror"},
        0,
        "the variable BASE_OS_MIRROR has no effect: set DIB_DISTRIBUTION_MIRROR",
    ),
    "DIB_INSTALLTYPE_amphora_agent": (
        (),
        {"DIB_INSTALLTYPE_amphora_agent": "wheel"},
        3,
        "the variable DIB_INSTALLTYPE_amphora_agent can only be package or source",
    ),
    "DIB_REPOLOCATION_amphora_agent": (
        (),
        {"DIB_REPOLOCATION_amphora_agent": "git@forge:octavia.git"},
        3,
        "neither a URL nor a directory: git@forge:octavia.git; write ssh://USER@HOST/PATH",
    ),
    "DIB_REPOLOCATION_upper_constraints without a source": (
        (),
        {"DIB_REPOLOCATION_upper_constraints": "http://x/constraints.txt"},
        3,
        "DIB_REPOLOCATION_upper_constraints is for an agent from a source",
    ),
    "OCTAVIA_REPO_PATH without elements": (
        (),
        {"OCTAVIA_REPO_PATH": "mine"},
        1,
        "there is no directory mine/elements",
    ),
    "DIB_JOURNAL_SIZE": (
        (),
        {"DIB_JOURNAL_SIZE": "64M"},
        3,
        "invalid DIB_JOURNAL_SIZE '64M': it is not a whole number of MiB",
    ),
    "QEMU_IMG_OPTIONS": (
        ("-t", "vhd"),
        {"QEMU_IMG_OPTIONS": "compat=0.10"},
        78,
        "the format vhd does not take the qemu-img options compat=0.10: Invalid parameter",
    ),
    "FS_TYPE": ((), {"FS_TYPE": "xfs"}, 3, "unsupported FS_TYPE 'xfs'"),
    "USE_PYTHON3": ((), {"USE_PYTHON3": "False"}, 3, "the variable USE_PYTHON3 cannot be False"),
    **{
        name: ((), {name: "x"}, 3, f"the variable {name} is not supported: {reason}")
        for name, reason in diskimage_create.REFUSED.items()
    },
}


def test_defaults_are_those_of_the_script(run: Run, engine: Engine, tmp_path: pathlib.Path):
    assert run() == 0

    assert engine.base.series == "noble"
    assert (engine.base.shape.size, engine.base.holds.minimal) == (_SIZE, True)
    assert engine.base.cache == tmp_path / "home/.cache/image-create"
    assert engine.base.mirror == ""
    assert engine.paths == ["amphora-x64-haproxy.qcow2"]
    assert engine.request.build.files == (model.FileFormat.QCOW2,)
    assert engine.request.build.recipe == "amphora"
    # Nothing grows the disk.
    assert engine.request.build.root_size == 1
    assert not engine.request.force


def test_where_packages_come_from_if_nobody_says(run: Run, engine: Engine):
    """From where this machine knows that they are, which is not the command's business."""
    assert run() == 0
    assert engine.base.mirror == ""

    assert run("-i", "debian", DIB_DISTRIBUTION_MIRROR="http://mirror/debian") == 0
    assert engine.base.mirror == "http://mirror/debian"


@pytest.mark.parametrize("name", _EFFECTS)
def test_effect(name: str, run: Run, engine: Engine):
    words, variables, holds = _EFFECTS[name]

    assert run(*words, **variables) == 0
    assert holds(engine)


@pytest.mark.parametrize("name", _SAID)
def test_said(name: str, run: Run, engine: Engine, capsys: pytest.CaptureFixture[str]):
    words, variables, code, text = _SAID[name]

    assert run(*words, **variables) == code
    printed = capsys.readouterr().err
    assert text in printed
    assert "hunter2" not in printed
    assert (engine.asked is None) == (code != 0)


def test_the_password_may_come_from_standard_input(
    run: Run, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))

    assert run("-r", "-") == 0
    assert _verifies(engine.environment["RETROFIT_ROOT_PASSWORD"], "typed")
    assert "not for production" in capsys.readouterr().err


def test_a_log_file_has_it_all_and_the_terminal_only_errors(
    run: Run, engine: Engine, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
):
    assert run("-l", "log") == 0
    assert capsys.readouterr() == ("", "")

    assert run("-l", "log", "-i", "gentoo") == 3
    assert "unsupported base OS 'gentoo'" in (tmp_path / "log").read_text()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("word", "printed"), [("-h", "Usage: "), ("-v", "0.")])
def test_help_and_version_are_no_errors(
    word: str, printed: str, run: Run, capsys: pytest.CaptureFixture[str]
):
    assert run(word) == 0
    assert capsys.readouterr().out.startswith(printed)


def test_the_page_has_each_option_and_variable_with_a_case_that_exists():
    text = _PAGE.read_text()
    rows = re.findall(r"^\| (`.*?) \| (.+?) \| (`[^|]+`) \|$", text, re.MULTILINE)
    first = " ".join(row[0] for row in rows)
    known = {
        name
        for option in diskimage_create.create.params
        for name in (*option.opts, *_names(option.envvar))
        if name != "help"
    }
    known |= {*diskimage_create.READ, *diskimage_create.REFUSED}
    functions = {name for name in globals() if name.startswith("test_")}
    cases = {f"test_effect[{name}]" for name in _EFFECTS} | {
        f"test_said[{name}]" for name in _SAID
    }

    assert {name for name in known if not re.search(rf"`{re.escape(name)}[` ]", first)} == set()
    named = [name for row in rows for name in re.findall("`([^`]+)`", row[2])]
    assert {name for name in named if name not in functions | cases} == set()
    assert {name for name in cases if name not in named} == set()


def _names(envvar: Any) -> list[str]:
    return [envvar] if envvar else []
