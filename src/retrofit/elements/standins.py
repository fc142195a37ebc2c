"""Programs that stand in for the image's own while elements run."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from ..sandbox import cell as cells

# Root of a cell needs no sudo, and could not use it: a cell grants no program more rights.
_SUDO = """#!/bin/sh
while :; do
    case "$1" in
        -u | -g) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
exec env "$@"
"""
# Each Python package compiles its modules when it is configured, one process after the other;
# compiling all at the end with every processor takes a fourth of that.
_PY3COMPILE = "#!/bin/sh\nprintf '%s\\n' \"$*\" >> /tmp/py3compile\n"
_PROGRAMS = {"sudo": _SUDO, "py3compile": _PY3COMPILE}

# Packages with modules in a directory of their own name it. A file that does not compile, such as
# a template, is none of the build's business; the package's own call ignores it, too.
_COMPILE = """
[ -e /tmp/py3compile ] || exit 0
python3 -m compileall -q -j 0 /usr/lib/python3/dist-packages > /dev/null
grep -E '^-p [^ ]+ /' /tmp/py3compile | sort -u | while read -r line; do
    /usr/bin/py3compile $line
done
rm /tmp/py3compile
"""
_COMPILE_TIMEOUT_S = 900.0


def write(into: pathlib.Path) -> None:
    """Write the stand-ins into a new directory, which is to come first on PATH."""
    into.mkdir()
    for name, text in _PROGRAMS.items():
        (into / name).write_text(text, encoding="ascii")
        (into / name).chmod(0o755)


def compile_python(cell: cells.Cell, on_line: Callable[[str], None] | None) -> None:
    """Compile the Python modules of packages that were installed.

    Args:
        cell: Where the packages were installed, with the same ``/tmp``.
        on_line: Called with each line that is printed.
    """
    cell.run(["/bin/sh", "-c", _COMPILE], timeout_s=_COMPILE_TIMEOUT_S, on_line=on_line)
