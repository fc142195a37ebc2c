"""The element that stands for small changes of a request: packages, files, scripts, removals."""

from __future__ import annotations

import pathlib
import re
import shlex
import tarfile

import yaml

from ... import errors, model

NAME = "image-options"
_FILES = "image-options-files"
# Where scripts find the files of elements.
_HOOKS = "/tmp/in_target.d"
_COPY = """#!/bin/bash
set -eu
if {unless}; then
    echo {target} is something else in the image >&2
    exit 1
fi
mkdir --parents {parent}
tar --extract --touch --preserve-permissions --directory {parent} --file {archive}
"""
_REMOVE = """#!/bin/bash
set -eu
for path in {paths}; do
    if [ ! -e "$path" ] && [ ! -L "$path" ]; then
        echo "$path is not in the image" >&2
        exit 1
    fi
    rm --recursive --force --one-file-system "$path"
done
"""


def names(changes: model.Changes) -> tuple[str, ...]:
    """Return the name of the element, if there is anything for it to do."""
    return (NAME,) if changes != model.Changes() else ()


def write(changes: model.Changes, into: pathlib.Path) -> None:
    """Write the element into a directory of elements, if there is anything for it to do.

    Raises:
        errors.InputMissing: A file of this machine cannot be read.
        errors.ConfigError: A script names no interpreter.
    """
    if not names(changes):
        return
    element = into / NAME
    element.mkdir(parents=True)
    (element / "element-deps").write_text("package-installs\n", encoding="ascii")
    packages: dict[str, None] = dict.fromkeys(changes.packages)
    (element / "package-installs.yaml").write_text(yaml.safe_dump(packages), encoding="utf-8")
    for number, (source, target) in enumerate(changes.copies):
        _write_copy(element, number, source, target)
    for number, script in enumerate(changes.scripts):
        text = _read(script)
        if not text.startswith(b"#!"):
            raise errors.ConfigError(
                f"the script {script} names no interpreter",
                hint="begin its first line with #!, such as #!/bin/bash",
            )
        name = re.sub("[^0-9A-Za-z_-]", "-", script.name)
        _script(element, f"post-install.d/9910-{number:02}-{name}", text)
    if changes.removals:
        text = _REMOVE.format(paths=shlex.join(changes.removals)).encode()
        _script(element, "finalise.d/9990-remove", text)


def _write_copy(element: pathlib.Path, number: int, source: pathlib.Path, target: str) -> None:
    """Pack a file or directory, and write the script that unpacks it."""
    path = pathlib.PurePosixPath(target)
    directory = element / _FILES
    directory.mkdir(exist_ok=True)

    def of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        # The same files make the same archive, wherever they are kept.
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    try:
        with tarfile.open(directory / f"{number}.tar", "w") as archive:
            archive.add(source, path.name, filter=of_root)
    except OSError as error:
        raise errors.InputMissing(f"cannot read {error.filename}: {error.strerror}") from error
    quoted = shlex.quote(target)
    text = _COPY.format(
        target=quoted,
        parent=shlex.quote(str(path.parent)),
        unless=f"[ -e {quoted} ] && [ ! -d {quoted} ]" if source.is_dir() else f"[ -d {quoted} ]",
        archive=f"{_HOOKS}/{_FILES}/{number}.tar",
    )
    _script(element, f"post-install.d/9900-{number:02}-copy", text.encode())


def _script(element: pathlib.Path, name: str, text: bytes) -> None:
    file = element / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text)
    file.chmod(0o755)


def _read(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.InputMissing(f"cannot read {path}: {error.strerror}") from error
