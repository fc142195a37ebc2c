"""Elements on a real system in a real cell, with packages from an archive of the test's own."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import http.server
import pathlib
import ssl
import subprocess
import threading
import urllib.parse
from collections.abc import Callable, Iterator

import pytest
from tests.support.base_images import base_images
from tests.support.building import heard, local_archive
from tests.support.building import mirror as support

from retrofit import errors, model
from retrofit.building import customise, seal
from retrofit.building.archives import recording, security
from retrofit.building.elements import collect, runner
from retrofit.building.package_managers import dpkg_status
from retrofit.host import caches, progress
from retrofit.host.sandbox import cells, workshop
from retrofit.publishing import naming
from retrofit.recipes import recipe

NOBLE = model.Release("ubuntu", "24.04", "noble", "amd64")
RECIPE = recipe.Recipe(
    name="small",
    elements={"ubuntu": ("existing-ubuntu",)},
    environment={},
    root_size=model.GIB,
    first_series={"ubuntu": "noble"},
    glance=naming.Kind("small", "small", "Small image", "custom"),
)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was looked at after a recipe was applied."""

    before: dict[str, str]
    after: dict[str, str]
    packages: dict[str, str]
    marked: set[str]
    apt: model.ArchiveSettings | None
    indexes: set[str]
    lines: list[str]

    def added(self) -> set[str]:
        """Return the files that were not there before."""
        return set(self.after) - set(self.before)


def apply(
    request: model.BuildRequest,
    *,
    apt: str = "",
    spoil: Callable[[pathlib.Path], object] = lambda _: None,
) -> Outcome:
    """Apply the small recipe to the small system, in a workshop.

    Args:
        request: What to apply.
        apt: Configuration of the system's apt.
        spoil: Changes the system before.
    """
    with workshop.work_directory(None) as work:
        local_archive.bring(work)
        collect.collect(RECIPE, request, work / "elements")
        return workshop.run(
            work, functools.partial(_apply, work, request, apt, spoil), base_images.Silent()
        )


def _apply(
    work: pathlib.Path,
    request: model.BuildRequest,
    apt: str,
    spoil: Callable[[pathlib.Path], object],
    _: progress.Reporter,
) -> Outcome:
    tree = work / "tree"
    local_archive.unpack(work, tree)
    spoil(tree)
    (tree / "etc/apt/apt.conf.d/90of-the-image").write_text(apt)
    inside = cells.Cell(root=tree, work=work)
    seal.seal(tree)
    before = _files(tree)
    hearing = heard.Heard()
    customise.apply(
        tree,
        recipe=RECIPE,
        request=request,
        release=NOBLE,
        elements_root=work / "elements",
        work=work,
        cell=inside,
        recall=runner.always,
        doing=hearing,
    )
    indexes = {path.name for path in (tree / "var/lib/apt/lists").glob("*_Packages*")}
    packages = security.mark(inside, dpkg_status.read(tree))
    settings = recording.read(inside, packages, NOBLE.architecture)
    seal.seal(tree)
    return Outcome(
        before,
        _files(tree),
        packages={package.name: package.version for package in packages},
        marked={package.name for package in packages if package.security},
        apt=settings,
        indexes=indexes,
        lines=hearing.lines,
    )


def _files(tree: pathlib.Path) -> dict[str, str]:
    """Return the files of the system, those in /etc with their content."""
    return {
        str(path.relative_to(tree)): path.read_text(errors="replace")
        if path.is_relative_to(tree / "etc") and path.is_file()
        else ""
        for path in tree.rglob("*")
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture(scope="module", autouse=True)
def address() -> Iterator[None]:
    """Give the host the address of the test's servers."""
    with support.address():
        yield


class Mirror(http.server.SimpleHTTPRequestHandler):
    """Serves the archive, to those who take it for a proxy, too."""

    asked: list[str]
    login: str

    def send_head(self):  # type: ignore[no-untyped-def]
        if self.login and self.headers.get("Authorization") != self.login:
            self.send_error(401)
            return None
        return super().send_head()

    def translate_path(self, path: str) -> str:
        self.asked.append(path)
        return super().translate_path(path.removeprefix("http://archive.invalid"))

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(
    context: ssl.SSLContext | None = None, *, user: str = ""
) -> Iterator[tuple[str, list[str]]]:
    """Serve the archive; gives the base URL and a list of what was asked for.

    Args:
        context: For a server with TLS.
        user: ``name:password`` of the only one who gets anything.
    """
    asked: list[str] = []
    login = f"Basic {base64.b64encode(user.encode()).decode()}" if user else ""
    handler = type("Handler", (Mirror,), {"asked": asked, "login": login})
    directory = str(local_archive.archive())
    with http.server.ThreadingHTTPServer(
        (support.ADDRESS, 0), functools.partial(handler, directory=directory)
    ) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        scheme = "http" if context is None else "https"
        yield f"{scheme}://{support.ADDRESS}:{server.server_port}", asked
        server.shutdown()


@pytest.fixture
def mirror() -> Iterator[str]:
    """Return the URL of the archive on a plain server."""
    with serving() as (url, _):
        yield f"{url}/ubuntu"


Write = Callable[..., model.BuildRequest]


@pytest.fixture
def element(tmp_path: pathlib.Path) -> Write:
    """Return how to make a request with an operator's element."""

    def write(name: str, files: dict[str, str], **options: object) -> model.BuildRequest:
        for path, text in files.items():
            file = tmp_path / "elements" / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            file.chmod(0o755)
        request = model.BuildRequest(
            "amphora", elements=(name,), elements_paths=(tmp_path / "elements",)
        )
        return dataclasses.replace(request, **options)  # type: ignore[arg-type]

    return write


PACKAGES = "from-noble:\nfrom-noble-security:\n"


def test_an_operators_element_leaves_its_mark_and_nothing_else(
    mirror: str, element: Write
) -> None:
    files = {
        "element-deps": "install-bin\ninstall-static\npackage-installs\n",
        "bin/lb-health": "#!/bin/sh\n",
        "static/etc/mark": "static\n",
        "package-installs.yaml": PACKAGES,
        "post-install.d/50-mark": '#!/bin/bash\necho "$GREETING $DIB_RELEASE" > /etc/greeting\n',
    }
    request = element(
        "mine",
        files,
        archives=model.Archives(mirror=mirror),
        environment=(("GREETING", "hello"),),
    )
    outcome = apply(request)
    assert outcome.after["etc/greeting"] == "hello noble\n"
    assert outcome.after["etc/mark"] == "static\n"
    assert {path for path in outcome.added() if path.startswith("usr/local")} == {
        "usr/local/bin/lb-health"
    }
    assert {"from-noble", "from-noble-security"} <= outcome.packages.keys()
    assert outcome.marked == {"from-noble-security"}
    assert all(name.endswith("_Packages") for name in outcome.indexes)
    unexplained = {
        path
        for path in outcome.added() - {"etc/greeting", "etc/mark", "usr/local/bin/lb-health"}
        if not path.startswith(("usr/share/from/", "var/lib/dpkg/info/from-"))
    }
    # apt's and dpkg's own notes, and what Python compiled.
    assert {path for path in unexplained if "__pycache__" not in path} <= {
        "var/lib/apt/extended_states",
        "var/lib/dpkg/status-old",
        "var/lib/dpkg/diversions-old",
        "var/lib/dpkg/triggers/Lock",
        "var/lib/dpkg/lock",
        "var/lib/dpkg/lock-frontend",
    }
    lost = set(outcome.before) - set(outcome.after)
    assert lost == set()


# Packages of a base image that are newer in the archive by now: one is held, one a boot loader's.
_OLD = """#!/bin/bash
set -eu
for name in from-noble from-noble-security from-noble-updates grub-noble; do
    cd "$(mktemp --directory)"
    mkdir DEBIAN
    cat > DEBIAN/control <<END
Package: $name
Version: 0
Architecture: all
Maintainer: Test <test@example.com>
Description: made by a test
END
    dpkg-deb --build . /tmp/$name.deb
    dpkg --install /tmp/$name.deb
done
apt-mark hold from-noble-updates
"""


def test_packages_of_the_base_are_brought_up_to_date(mirror: str, element: Write) -> None:
    files = {"element-deps": "", "pre-install.d/10-old": _OLD}

    outcome = apply(element("mine", files, archives=model.Archives(mirror=mirror)))

    assert outcome.packages.items() >= {
        ("from-noble", "1"),
        ("from-noble-security", "1"),
        ("from-noble-updates", "0"),
        ("grub-noble", "0"),
    }
    assert outcome.marked == {"from-noble-security"}
    assert outcome.apt is not None
    assert dict(outcome.apt.left) == {"from-noble-updates": "1"}
    assert [path for path, _ in outcome.apt.texts] == [f"/{local_archive.SOURCES}"]
    assert dict(outcome.apt.keys)[f"/{local_archive.KEYRING}"]
    assert not [path for path in outcome.after if "preferences.d/" in path]


# A package with modules for all and modules of its own, and with what stands for the program that
# makes initial disks: it writes down how it was called.
_PUTS_OFF = """#!/bin/bash
set -eu
cd "$(mktemp --directory)"
install -d DEBIAN usr/lib/python3/dist-packages usr/share/private usr/sbin
touch usr/lib/python3/dist-packages/shared.py usr/share/private/own.py
cat > DEBIAN/control <<END
Package: puts-off
Version: 1
Architecture: all
Maintainer: Test <test@example.com>
Description: made by a test
END
cat > DEBIAN/postinst <<END
#!/bin/sh -e
py3compile -p puts-off
py3compile -p puts-off /usr/share/private
update-initramfs -c -k 6.1
update-initramfs -u
update-initramfs -u
END
printf '#!/bin/sh\necho "$*" >> /etc/calls\n' > usr/sbin/update-initramfs
chmod 0755 DEBIAN/postinst usr/sbin/update-initramfs
dpkg-deb --build . /tmp/puts-off.deb
apt-get install --assume-yes /tmp/puts-off.deb
! compgen -G '/usr/lib/python3/dist-packages/__pycache__/shared.*'
"""


def test_what_packages_put_off_is_done_once(mirror: str, element: Write) -> None:
    files = {"element-deps": "", "install.d/10-install": _PUTS_OFF}

    outcome = apply(element("mine", files, archives=model.Archives(mirror=mirror)))

    compiled = {path for path in outcome.added() if path.endswith(".pyc")}
    assert {path.split("/__pycache__/")[0] for path in compiled} == {
        "usr/lib/python3/dist-packages",
        "usr/share/private",
    }
    assert outcome.after["etc/calls"] == "-c -k 6.1\n-u\n"
    assert not [path for path in outcome.after if "retrofit" in path]


# Programs of the image that read /sys, which is to be that of no real machine.
_SEES = """#!/bin/bash
set -eu
lsblk --noheadings --list --output NAME
ls /sys/class/net
! touch /sys/module/mine
test ! -e /sys/firmware/efi
"""


def test_scripts_see_one_disk_and_one_network_card(mirror: str, element: Write) -> None:
    files = {"element-deps": "", "install.d/10-sees": _SEES}

    outcome = apply(element("mine", files, archives=model.Archives(mirror=mirror)))

    assert {"vda", "vda1", "ens3", "lo"} <= {*outcome.lines}
    assert [path for path in outcome.after if path.startswith("sys/")] == []


def test_a_security_pocket_is_told_by_compressed_lists_too(mirror: str, element: Write) -> None:
    files = {
        "element-deps": "package-installs\n",
        "package-installs.yaml": f"{PACKAGES}from-noble-updates:\n",
    }
    request = element("mine", files, archives=model.Archives(mirror=mirror))

    outcome = apply(request, apt='Acquire::GzipIndexes "true";\n')

    assert all(name.endswith("_Packages.lz4") for name in outcome.indexes)
    assert {"from-noble", "from-noble-security", "from-noble-updates"} <= outcome.packages.keys()
    assert outcome.marked == {"from-noble-security"}


def test_with_a_mirror_no_other_archive_is_asked_or_named(mirror: str, element: Write) -> None:
    outcome = apply(element("mine", {"element-deps": ""}, archives=model.Archives(mirror=mirror)))
    sources = outcome.after[local_archive.SOURCES]
    assert sources.count(f"URIs: {mirror}\n") == 2
    for text in (sources, *outcome.lines):
        assert "ubuntu.com" not in text


def test_a_pocket_of_the_cloud_archive_is_used(mirror: str, element: Write) -> None:
    request = element(
        "mine",
        {
            "element-deps": "package-installs\n",
            "package-installs.yaml": "from-noble-updates-testpocket:\n",
        },
        archives=model.Archives(mirror=mirror, uca_mirror=mirror, uca_pocket="testpocket"),
    )
    outcome = apply(request)
    assert "from-noble-updates-testpocket" in outcome.packages
    source = outcome.after["etc/apt/sources.list.d/cloudarchive.list"]
    assert f"{mirror} noble-updates/testpocket main" in source


def test_an_unknown_pocket_is_told(mirror: str, element: Write) -> None:
    options = model.Archives(mirror=mirror, uca_mirror=mirror, uca_pocket="mistyped")
    with pytest.raises(errors.ConfigError) as raised:
        apply(element("mine", {"element-deps": ""}, archives=options))
    assert raised.value.message == (
        f"the Ubuntu Cloud Archive at {mirror} has no pocket 'mistyped' for this series"
    )


def test_a_mirror_without_the_series_is_told(mirror: str, element: Write) -> None:
    options = model.Archives(mirror=f"{mirror}/nowhere")
    with pytest.raises(errors.ConfigError, match=f"{mirror}/nowhere"):
        apply(element("mine", {"element-deps": ""}, archives=options))


def test_a_mirror_that_does_not_answer_is_told(element: Write) -> None:
    options = model.Archives(mirror=f"http://{support.ADDRESS}:9/ubuntu")
    with pytest.raises(
        errors.Unavailable,
        match=f"an archive cannot be used: http://{support.ADDRESS}:9/ubuntu .*",
    ):
        apply(element("mine", {"element-deps": ""}, archives=options))


def test_the_mirror_is_reached_through_a_proxy_that_is_forgotten(element: Write) -> None:
    with serving() as (proxy, asked):
        request = element(
            "mine",
            {"element-deps": "package-installs\n", "package-installs.yaml": PACKAGES},
            archives=model.Archives(mirror="http://archive.invalid/ubuntu"),
            proxies=model.Proxies(http=proxy),
        )
        outcome = apply(request)
    assert "from-noble" in outcome.packages
    assert any(path.startswith("http://archive.invalid/ubuntu/pool/") for path in asked)
    assert not [path for path, text in outcome.after.items() if proxy in text]


_STATUS, _UPDATE = "var/lib/dpkg/status", "var/lib/dpkg/updates/0001"
_INSTALLED = "Status: install ok installed\n"


def _cut_short(state: str, tree: pathlib.Path) -> None:
    """Leave a system as a power cut amid dpkg does: what has changed last is in no list yet."""
    paragraphs = (tree / _STATUS).read_text().split("\n\n")
    [one] = [one for one in paragraphs if one.startswith("Package: hostname\n")]
    changed = one.replace(_INSTALLED, f"Status: {state}\n")
    (tree / _UPDATE).write_text(f"{changed}\n")


def _half_configured(tree: pathlib.Path) -> None:
    status = (tree / _STATUS).read_text()
    for name in ("rsync", "python3-yaml"):
        head = f"Package: {name}\n{_INSTALLED}"
        assert head in status
        status = status.replace(head, head.replace("installed", "unpacked"))
    (tree / _STATUS).write_text(status)


def _without_end(tree: pathlib.Path) -> None:
    _half_configured(tree)
    script = tree / "var/lib/dpkg/info/python3-yaml.postinst"
    script.write_text("#!/bin/sh\nexit 7\n")
    script.chmod(0o755)


@pytest.mark.parametrize(
    "spoil",
    [
        functools.partial(_cut_short, "install ok half-configured"),
        functools.partial(_cut_short, "install ok installed"),
        _half_configured,
    ],
)
def test_what_dpkg_began_in_the_base_is_finished(
    mirror: str, element: Write, spoil: Callable[[pathlib.Path], object]
) -> None:
    archives = model.Archives(mirror=mirror)
    outcome = apply(element("mine", {"element-deps": ""}, archives=archives), spoil=spoil)
    assert {"hostname", "rsync", "python3-yaml"} <= outcome.packages.keys()
    assert _UPDATE not in outcome.after


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (
            _without_end,
            "the base image was interrupted amid dpkg, and dpkg cannot finish:"
            " python3-yaml (half-configured)",
        ),
        (
            lambda tree: (tree / "usr/bin/apt-get").unlink(),
            "the base image has no apt-get (/usr/bin/apt-get)",
        ),
    ],
)
def test_a_base_that_cannot_install_packages_is_blamed(
    element: Write, spoil: Callable[[pathlib.Path], object], fault: str
) -> None:
    with pytest.raises(errors.ImageError) as raised:
        apply(element("mine", {"element-deps": ""}), spoil=spoil)
    assert raised.value.message == fault


# Of what a password may hold, this needs quoting in a URL, or means something in other files.
_PASSWORD = "p%4s:w/o@r'd\"$"
_USER = f"somebody-here:{_PASSWORD}"


@pytest.mark.parametrize("whole", [False, True])
def test_a_mirror_that_wants_a_password(element: Write, whole: bool) -> None:
    with serving(user=_USER) as (url, _):
        login = f"somebody-here:{urllib.parse.quote(_PASSWORD, safe='')}"
        given = f"{url.replace('//', f'//{login}@')}/ubuntu"
        archives = model.Archives(mirror=given, uca_mirror=given, uca_pocket="testpocket")
        if whole:
            head = f"deb [signed-by=/{local_archive.KEYRING}] {given}"
            lines = f"{head} noble main universe\n{head} noble-security main"
            archives = model.Archives(mirror=lines)
        request = element(
            "mine",
            {"element-deps": "package-installs\n", "package-installs.yaml": "from-noble:\n"},
            archives=archives,
        )
        outcome = apply(request)
    assert "from-noble" in outcome.packages
    sources = [text for path, text in outcome.after.items() if path.startswith("etc/apt/sources")]
    assert any(f"{url}/ubuntu" in text for text in sources)
    told = [*outcome.after.values(), *outcome.lines, repr(outcome.apt)]
    assert [text for text in told if "somebody-here" in text or _PASSWORD in text] == []


def test_a_password_that_apt_cannot_read_is_refused(element: Write) -> None:
    archives = model.Archives(mirror="http://me:two%20words@archive.invalid/ubuntu")
    with pytest.raises(errors.ConfigError, match=r"in the URL of http://archive\.invalid/ubuntu"):
        apply(element("mine", {"element-deps": ""}, archives=archives))


# As cloud-init, installers and operators leave it in base images.
_OF_THE_BASE = """\
APT::Install-Recommends "true";
Acquire::http::Proxy "http://127.0.0.1:9";
Acquire::http::Proxy::archive.invalid "DIRECT";
Acquire::Retries "9";
DPkg::Post-Invoke { "cp -r /etc/apt /var/lib/kept-by-a-hook"; };
"""


def test_settings_of_a_build_count_more_than_those_of_the_base(element: Write) -> None:
    says = "#!/bin/sh\nset -- $(apt-config dump --format '%F=%v%n')\nprintf '%s\\n' \"$@\"\n"
    with serving() as (proxy, _):
        request = element(
            "mine",
            {
                "element-deps": "package-installs\n",
                "package-installs.yaml": "from-noble:\n",
                "install.d/50-says": says,
            },
            archives=model.Archives(mirror="http://archive.invalid/ubuntu"),
            proxies=model.Proxies(http=proxy.replace("//", "//me:secret@")),
        )
        outcome = apply(request, apt=_OF_THE_BASE)
    assert {"APT::Install-Recommends=false", "Acquire::Retries=3"} <= {*outcome.lines}
    assert "var/lib/kept-by-a-hook/apt.conf.d/90of-the-image" in outcome.after
    assert [path for path in outcome.after if "retrofit" in path] == []
    assert outcome.after["etc/apt/apt.conf.d/90of-the-image"] == _OF_THE_BASE


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Return a file with a private certificate for the address, and its key."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2"]
        + ["-subj", "/CN=test", "-addext", f"subjectAltName=IP:{support.ADDRESS}"]
        + ["-keyout", f"{path}.key", "-out", path],
        check=True,
        capture_output=True,
    )
    return path


def test_a_mirror_behind_a_private_authority(certificate: pathlib.Path, element: Write) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    # Other programs than apt trust it, too.
    fetch = "#!/usr/bin/python3\nimport os, urllib.request\n"
    fetch += 'urllib.request.urlopen(os.environ["URL"]).read()\n'
    with serving(context) as (url, _):
        request = element(
            "mine",
            {"install.d/10-fetch": fetch},
            archives=model.Archives(mirror=f"{url}/ubuntu"),
            environment=(("URL", f"{url}/key.gpg"),),
        )
        with pytest.raises(errors.Unavailable, match="certificate"):
            apply(request)
        text = certificate.read_text()
        outcome = apply(dataclasses.replace(request, ca_certificate=text))
    body = text.splitlines()[1]
    assert not [path for path, content in outcome.after.items() if body in content]


def test_a_broken_element_fails_by_name(mirror: str, element: Write) -> None:
    script = "#!/bin/sh\necho before\nls /nowhere\nexit 3\n"
    request = element(
        "broken", {"install.d/42-fail": script}, archives=model.Archives(mirror=mirror)
    )
    with pytest.raises(errors.RecipeError) as raised:
        apply(request)
    assert raised.value.message.startswith(
        "the element broken failed in install.d: 42-fail ended with status 3: ls: "
    )
    assert "before" in raised.value.details


def test_small_changes_need_no_element(mirror: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/file").write_text("copied\n")
    (tmp_path / "fix.sh").write_text("#!/bin/sh\ncp /etc/site/file /etc/by-script\n")
    changes = model.Changes(
        packages=("from-noble",),
        copies=((tmp_path / "site", "/etc/site"),),
        scripts=(tmp_path / "fix.sh",),
        removals=("/etc/host.conf",),
    )
    outcome = apply(
        model.BuildRequest("amphora", archives=model.Archives(mirror=mirror), changes=changes)
    )
    assert "from-noble" in outcome.packages
    assert (outcome.after["etc/site/file"], outcome.after["etc/by-script"]) == ("copied\n",) * 2
    assert "etc/host.conf" in outcome.before
    assert "etc/host.conf" not in outcome.after
    assert [path for path in outcome.after if "image-options" in path] == []


_IN_ROOT = """#!/bin/bash
set -eu
echo {phase} >> $TARGET_ROOT/etc/phases
sudo chroot $TARGET_ROOT test -e /etc/os-release
"""
_PHASES = (
    *("root.d", "extra-data.d", "pre-install.d", "install.d", "post-install.d"),
    *("post-root.d", "pre-finalise.d", "finalise.d", "cleanup.d"),
)


def test_phases_outside_of_an_image_run_in_it(mirror: str, element: Write) -> None:
    files = {f"{phase}/50-a": _IN_ROOT.format(phase=phase) for phase in _PHASES}
    files["post-install.d/60-more"] = "#!/bin/sh\ntouch /etc/not-to-stay /etc/to-stay\n"
    # As operators remove what is not to stay in the image.
    files["cleanup.d/60-less"] = '#!/bin/sh\nrm -f "$TMP_MOUNT_PATH/etc/not-to-stay"\n'
    outcome = apply(element("mine", files, archives=model.Archives(mirror=mirror)))
    assert outcome.after["etc/phases"].split() == list(_PHASES)
    assert "etc/to-stay" in outcome.after
    assert "etc/not-to-stay" not in outcome.after


# What a later phase installs stays; what a script brings back was to be gone.
_REMOVED = """\
from-noble:
- phase: pre-install.d
  uninstall: true
- {}
from-noble-security:
  uninstall: true
"""


def test_what_was_removed_is_written_down(mirror: str, element: Write) -> None:
    files = {
        "package-installs.yaml": _REMOVED,
        "element-deps": "package-installs\n",
        "post-install.d/99-back": "#!/bin/sh\napt-get install -qy from-noble-security\n",
        "finalise.d/99-look": "#!/bin/sh\n"
        "cp /usr/share/octavia-diskimage-retrofit/removed-packages /etc/removed\n",
    }
    outcome = apply(element("mine", files, archives=model.Archives(mirror=mirror)))
    assert outcome.after["etc/removed"].split() == ["from-noble-security"]
    assert {"from-noble", "from-noble-security"} <= outcome.packages.keys()


def test_sources_are_there_for_scripts(
    mirror: str, element: Write, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caches, "of_user", lambda: tmp_path / "cache")
    upstream = tmp_path / "upstream"
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", upstream], check=True)
    (upstream / "setup").write_text("of git\n")
    subprocess.run(["git", "-C", upstream, "add", "setup"], check=True)
    subprocess.run(["git", *author, "-C", upstream, "commit", "-qm", "all"], check=True)
    subprocess.run(
        ["tar", "--create", "--file", tmp_path / "tool.tar", "-C", upstream, "setup"], check=True
    )
    request = element(
        "mine",
        {
            "element-deps": "source-repositories\n",
            "source-repository-mine": f"from-git git /tmp/from-git file://{upstream} $BRANCH\n"
            f"from-tar tar /opt/from-tar {tmp_path}/tool.tar .\n"
            f"from-file file /opt/from-file file://{tmp_path}/tool.tar\n",
            "install.d/50-use": "#!/bin/sh\ncp /tmp/from-git/setup /etc/from-git\n"
            "cat /tmp/from-git/.git/HEAD > /etc/head\n",
        },
        archives=model.Archives(mirror=mirror),
        # The test's archive has no git.
        environment=(("BRANCH", "main"), ("RETROFIT_SKIP_PACKAGES", "git curl")),
    )
    outcome = apply(request)
    assert outcome.after["etc/from-git"] == "of git\n"
    assert len(outcome.after["etc/head"].strip()) == 40
    assert {"opt/from-tar/setup", "opt/from-file"} <= outcome.after.keys()
    assert [path for path in outcome.after if path.startswith("tmp/")] == []
    assert outcome.after["etc/dib-source-repositories"] == (
        "/tmp/from-git\n/opt/from-tar\n/opt/from-file\n"
    )


def test_a_script_that_runs_before_all_others_sees_no_file_of_the_host(
    mirror: str, element: Write, tmp_path: pathlib.Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    tmp_path.chmod(0o755)
    script = f"#!/bin/sh\nid -u\n! cat {secret}\n"
    request = element(
        "curious", {"extra-data.d/10-look": script}, archives=model.Archives(mirror=mirror)
    )
    outcome = apply(request)
    assert any(f"{secret}: No such file" in line for line in outcome.lines)


def test_a_package_that_does_not_exist_is_told(mirror: str, element: Write) -> None:
    request = element(
        "mine",
        {"element-deps": "package-installs\n", "package-installs.yaml": "no-such-package:\n"},
        archives=model.Archives(mirror=mirror),
    )
    with pytest.raises(errors.RecipeError) as raised:
        apply(request)
    assert any("Unable to locate package no-such-package" in one for one in raised.value.details)
