"""``diskimage-create``: the options of Octavia's script of that name, for ``retrofit create``.

Its contract is docs/reference/diskimage-create.md. Each option and variable does what it does in
the script, or is refused by its name: none is ignored.
"""

from __future__ import annotations

import logging
import os
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import click

from .. import __version__, errors, model
from ..definitions import creation
from ..host import source_date
from ..host.sandbox import workshop
from ..model import architectures
from ..planning import run_request
from ..runs import one, results
from . import execution, reporting, root_password, script_bases, wrong

_LOG = logging.getLogger(__name__)

_NAME = "diskimage-create"
_OUTPUT = "amphora-x64-haproxy.qcow2"
_CACHE = pathlib.Path("~/.cache/image-create")
# By the words of the script, Debian's names of architectures.
_ARCHITECTURES = {
    "amd64": "amd64",
    "armhf": "armhf",
    "arm64": "arm64",
    "aarch64": "arm64",
    "ppc64le": "ppc64el",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
_AGENT_FROM = "DIB_INSTALLTYPE_amphora_agent"
_AGENT_LOCATION = "DIB_REPOLOCATION_amphora_agent"
_AGENT_REF = "DIB_REPOREF_amphora_agent"
_CONSTRAINTS = "DIB_REPOLOCATION_upper_constraints"
_JOURNAL = "DIB_JOURNAL_SIZE"
_BRANCH = "master"
_REPOSITORIES = "https://opendev.org/openstack"
_LIBRARY = "octavia-lib comes from the index, in the version of the upper constraints"
# Variables of the script that nothing here can do, with the reason.
REFUSED: Mapping[str, str] = {
    "AMP_element_sequence": "the recipe has the sequence of elements; see DIB_LOCAL_ELEMENTS",
    "DIB_BLOCK_DEVICE_CONFIG": "disks have a BIOS, an EFI and a root partition",
    "DIB_CLOUD_IMAGES": "nothing begins with a cloud image; see retrofit image",
    "DIB_ELEMENTS": "the recipe has the sequence of elements; see DIB_LOCAL_ELEMENTS",
    "DIB_LOCAL_IMAGE": "nothing begins with a cloud image; see retrofit image",
    "DIB_REPOLOCATION_octavia_lib": _LIBRARY,
    "DIB_REPOREF_octavia_lib": _LIBRARY,
    "DIB_REPO_PATH": "diskimage-builder is a library of this program",
}
# Variables of the script that are read here, and are not passed on as they are.
READ = (
    "AMP_BACKEND",
    "AMP_DISABLE_TMP_FS",
    "AMP_ROOTPW",
    "BASE_OS_MIRROR",
    "CLOUD_INIT_DATASOURCES",
    *script_bases.KEYRINGS,
    script_bases.MIRROR,
    _AGENT_FROM,
    _AGENT_LOCATION,
    _AGENT_REF,
    _CONSTRAINTS,
    _JOURNAL,
    "DIB_LOCAL_ELEMENTS",
    "DIB_LOCAL_ELEMENTS_PATH",
    "FS_TYPE",
    "OCTAVIA_REPO_PATH",
    "QEMU_IMG_OPTIONS",
    "USE_PYTHON3",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
# Of those that are passed on: what the script sets itself, whatever it was before.
_OVERWRITTEN = ("DIB_CLOUD_INIT_DATASOURCES", "DIB_PASSWORD", "DIB_RELEASE", "DIB_UBUNTU_KERNEL")
_USE_SSH = "DIB_OCTAVIA_AMP_USE_SSH"


def _path(*, file: bool) -> click.Path:
    return click.Path(dir_okay=not file, file_okay=file, path_type=pathlib.Path)


def _preset(flag: str, name: str, variable: str, **settings: Any) -> Callable[[Any], Any]:
    """Return an option that a variable sets, too, as those of the script do."""
    return click.option(flag, name, envvar=variable, **settings)


@click.command(context_settings={"help_option_names": ["-h"]})
@_preset("-a", "architecture", "AMP_ARCH", metavar="ARCH", help="Architecture. [this machine's]")
@click.option("-b", "backend", metavar="haproxy", help="Backend.")
@_preset("-c", "cache", "AMP_CACHEDIR", type=_path(file=False), help=f"Cache. [{_CACHE}]")
@_preset("-d", "release", "AMP_DIB_RELEASE", metavar="SERIES", help="Series. [noble]")
@_preset(
    "-e",
    "security",
    "AMP_ENABLE_FULL_MAC_SECURITY",
    is_flag=True,
    help="Enforcing SELinux: only Red Hat.",
)
@click.option("-f", "no_tmpfs", is_flag=True, help="No tmpfs: a build uses none in any case.")
@click.option("-g", "branch", metavar="BRANCH", help="Agent from this branch of its repository.")
@_preset("-i", "base", "AMP_BASEOS", metavar="NAME", help="Base system. [ubuntu]")
@_preset("-k", "kernel", "AMP_KERNEL", metavar="PACKAGE", help="Package of the kernel.")
@click.option("-l", "log_file", type=_path(file=True), help="Log file; nothing else is printed.")
@_preset("-m", "pinning", "AMP_ENABLE_CPUPINNING", is_flag=True, help="Pin processors.")
@_preset("-n", "no_sshd", "AMP_DISABLE_SSHD", is_flag=True, help="No SSH server.")
@_preset("-o", "output", "AMP_OUTPUTFILENAME", type=_path(file=True), help=f"File. [{_OUTPUT}]")
@_preset(
    "-p", "packages", "AMP_PACKAGE_INSTALL", is_flag=True, help="Agent from packages: the default."
)
@click.option("-r", "password", metavar="FILE|-|env:NAME", help="Where the root password is.")
@_preset("-s", "size", "AMP_IMAGESIZE", default="2", metavar="GB", help="Disk size. [2]")
@_preset("-t", "types", "AMP_IMAGETYPE", default="qcow2", metavar="TYPE,…", help="Types. [qcow2]")
@_preset("-w", "work", "AMP_WORKING_DIR", type=_path(file=False), help="Parent of the work dir.")
@click.option("-x", "trace", is_flag=True, help="Trace the scripts, and print the full log.")
@_preset("-y", "fips", "AMP_ENABLE_FIPS", is_flag=True, help="FIPS 140-2: only Red Hat.")
@click.option("--force", is_flag=True, help="Overwrite files.")
@click.version_option(__version__, "-v", message="%(version)s")
def create(
    *,
    log_file: pathlib.Path | None,
    work: pathlib.Path | None,
    trace: bool,
    force: bool,
    **given: Any,
) -> None:
    """Build an amphora image from a package mirror, as Octavia's diskimage-create.sh does."""
    execution.start_logging(debug=trace, file=log_file)
    if work is not None:
        _make(work)
    request = _request(**given, trace=trace, work_dir=work, force=force)
    if log_file is not None:
        one.run(request, workshop.Silent())
        return
    with reporting.reporter() as reporter:
        click.echo(results.as_lines(one.run(request, reporter)))


def main() -> None:
    """Run the command line."""
    execution.execute(create, name=_NAME, usage=wrong.Use)


def _request(
    *,
    architecture: str | None,
    backend: str | None,
    cache: pathlib.Path | None,
    release: str | None,
    security: bool,
    no_tmpfs: bool,
    branch: str | None,
    base: str | None,
    kernel: str | None,
    pinning: bool,
    no_sshd: bool,
    output: pathlib.Path | None,
    packages: bool,
    password: str | None,
    size: str,
    types: str,
    trace: bool,
    fips: bool,
    **further: object,
) -> run_request.RunRequest:
    """Return the request for what was asked for."""
    # It asks for what is done in any case.
    del no_tmpfs
    _refuse_variables()
    _check_backend(backend)
    system = script_bases.read(base, release)
    agent, constraints = _agent(branch, packages=packages)
    if fips and not system.of_red_hat:
        raise wrong.Use("-y is not supported: FIPS 140-2 mode is for images of the Red Hat family")
    if security and not system.of_red_hat:
        _LOG.warning("-e changes nothing: it is for images of the Red Hat family")
    if not re.fullmatch("[0-9]+", size):
        raise wrong.Value(f"invalid image size {size!r}: it is not a whole number of GB")
    outputs = creation.named(_output(output), _formats(types))
    elements, environment = _apply(pinning=pinning, no_sshd=no_sshd, password=password)
    elements += ["amphora-selinux"] * (security and system.of_red_hat) + ["amphora-fips"] * fips
    if trace:
        environment["DIB_DEBUG_TRACE"] = "1"
    return creation.request(
        creation.Creation(
            series=system.series,
            architecture=_architecture(architecture),
            mirror=system.mirror,
            minimal=True,
            kernel=kernel or "",
            keyring=system.keyring,
            disk_size=system.size(int(size)),
            tuning=_tuning(),
            qemu_img_options=os.environ.get("QEMU_IMG_OPTIONS", ""),
            cache=_make((cache or _CACHE).expanduser()).resolve(),
            source_date=source_date.of_environment(),
        ),
        outputs,
        agent=agent,
        agent_constraints=constraints,
        elements=elements,
        elements_paths=_elements_paths(),
        environment=environment,
        http_proxy=os.environ.get("http_proxy", ""),
        https_proxy=os.environ.get("https_proxy", ""),
        no_proxy=os.environ.get("no_proxy", ""),
        **further,
    )


def _refuse_variables() -> None:
    """Refuse variables that would have an effect in the script, and can have none here."""
    for name, reason in REFUSED.items():
        if os.environ.get(name):
            raise wrong.Value(f"the variable {name} is not supported: {reason}")
    if os.environ.get(_AGENT_FROM, "package") not in ("package", "source"):
        raise wrong.Value(f"the variable {_AGENT_FROM} can only be package or source")
    if os.environ.get("USE_PYTHON3") == "False":
        raise wrong.Value("the variable USE_PYTHON3 cannot be False: elements run with Python 3")
    if os.environ.get("BASE_OS_MIRROR"):
        _LOG.warning("the variable BASE_OS_MIRROR has no effect: set DIB_DISTRIBUTION_MIRROR")


def _tuning() -> str:
    """Return the options of mke2fs: the size of the journal in MiB, if it is set."""
    kind = os.environ.get("FS_TYPE", "ext4")
    if kind != "ext4":
        raise wrong.Value(f"unsupported FS_TYPE {kind!r}: the only file system is ext4")
    size = os.environ.get(_JOURNAL, "")
    if size and not re.fullmatch("[0-9]+", size):
        raise wrong.Value(f"invalid {_JOURNAL} {size!r}: it is not a whole number of MiB")
    return f"-J size={size}" if size else ""


def _agent(branch: str | None, *, packages: bool) -> tuple[str, str]:
    """Return the source of the agent, and its upper constraints; both empty for packages."""
    location, ref, constraints, kind = map(
        os.environ.get, (_AGENT_LOCATION, _AGENT_REF, _CONSTRAINTS, _AGENT_FROM)
    )
    if kind != "source" and not (location or ref or branch):
        if constraints:
            raise wrong.Value(f"{_CONSTRAINTS} is for an agent from a source", hint="set -g")
        return "", ""
    if packages or kind == "package":
        raise wrong.Value("the agent cannot come from packages and from a source")
    repository = location or f"{_REPOSITORIES}/octavia"
    if re.match(r"[\w.-]+@[\w.-]+:", repository):
        raise wrong.Value(
            f"{_AGENT_LOCATION} is neither a URL nor a directory: {repository}",
            hint="write ssh://USER@HOST/PATH",
        )
    where = repository if "://" in repository else pathlib.Path(repository).absolute().as_uri()
    usual = f"{_REPOSITORIES}/requirements/raw/branch/{branch or _BRANCH}/upper-constraints.txt"
    return f"git+{where}@{ref or branch or _BRANCH}", constraints or usual


def _check_backend(backend: str | None) -> None:
    if backend not in (None, "haproxy"):
        raise wrong.Value(f"unsupported backend type {backend!r}: the only one is haproxy")
    element = os.environ.get("AMP_BACKEND") or "haproxy-octavia"
    if element != "haproxy-octavia":
        raise wrong.Value(f"unsupported AMP_BACKEND {element!r}: the only one is haproxy-octavia")


def _architecture(word: str | None) -> str:
    if word == "i386":
        raise wrong.Value(
            "unsupported architecture 'i386': Octavia builds no images for it any more"
        )
    if word is not None and word not in _ARCHITECTURES:
        raise wrong.Value(
            f"unsupported architecture {word!r}", hint=f"known: {', '.join(_ARCHITECTURES)}"
        )
    return architectures.kernel_architecture(_ARCHITECTURES[word]) if word else ""


def _formats(types: str) -> list[model.FileFormat]:
    formats = []
    for word in dict.fromkeys(types.split(",")):
        try:
            formats.append(model.FileFormat(word))
        except ValueError:
            raise wrong.Value(
                f"unsupported image type {word!r}", hint=f"known: {', '.join(model.FileFormat)}"
            ) from None
    return formats


def _output(output: pathlib.Path | None) -> pathlib.Path:
    path = (output or pathlib.Path(_OUTPUT)).absolute()
    if not path.parent.is_dir():
        raise wrong.Value(f"the directory {path.parent} does not exist")
    return path


def _elements_paths() -> list[pathlib.Path]:
    words = os.environ.get("DIB_LOCAL_ELEMENTS_PATH", "").split(":")
    paths = [pathlib.Path(word) for word in words if word]
    repository = os.environ.get("OCTAVIA_REPO_PATH")
    if repository:
        elements = pathlib.Path(repository, "elements")
        if not elements.is_dir():
            raise wrong.Use(f"OCTAVIA_REPO_PATH is wrong: there is no directory {elements}")
        paths.append(elements)
    return paths


def _apply(
    *, pinning: bool, no_sshd: bool, password: str | None
) -> tuple[list[str], dict[str, str]]:
    """Return the elements beside the recipe's, and the variables for all of them."""
    held_back = {*READ, *REFUSED, *_OVERWRITTEN}
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("DIB_") and name not in held_back
    }
    sources = os.environ.get("CLOUD_INIT_DATASOURCES")
    if sources:
        environment["DIB_CLOUD_INIT_DATASOURCES"] = sources
    elements = []
    secret = _root_password(password)
    if secret:
        elements.append("root-password")
        environment["RETROFIT_ROOT_PASSWORD"] = secret
    if pinning:
        elements.append("cpu-pinning-tuned")
    if no_sshd:
        if environment.setdefault(_USE_SSH, "False") != "False":
            raise wrong.Value(f"-n contradicts the variable {_USE_SSH}, which is not False")
        elements.append("remove-sshd")
    elements += os.environ.get("DIB_LOCAL_ELEMENTS", "").split()
    return elements, environment


def _root_password(source: str | None) -> str:
    preset = os.environ.get("AMP_ROOTPW")
    if source is None and not preset:
        return ""
    _LOG.warning("the image gets a root password: it is not for production")
    return root_password.read(source) if source else root_password.hashed(preset or "")


def _make(directory: pathlib.Path) -> pathlib.Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.OutputError(
            f"cannot make the directory {directory}: {error.strerror}"
        ) from error
    return directory
