"""Programs that stand in for the image's own while elements run.

Some work that each package asks for when it is configured is the same work again, or fills one
processor only. Its stand-in notes it down, and :func:`catch_up` does it once for all packages.
"""

from __future__ import annotations

import hashlib
import logging
import pathlib
import time
from collections.abc import Callable

from ... import errors
from ...host.sandbox import cells

_LOG = logging.getLogger(__name__)

# Where a cell shows the stand-ins: it comes first on the PATH of scripts, and on that of dpkg,
# which apt sets by itself.
DIRECTORY = "/tmp/retrofit-programs"
# In the build's own /tmp, so that nothing of it can stay in the image.
_PYTHON_PACKAGES = "/tmp/retrofit-py3compile"
_INITIAL_DISKS = "/tmp/retrofit-update-initramfs"
_INITRAMFS_SETTINGS = "/tmp/retrofit-initramfs-tools"

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
# Packages with modules in a directory of their own name it and may exclude some: they are few.
_PY3COMPILE = f"""#!/bin/sh
if [ $# = 2 ] && [ "$1" = -p ]; then
    echo "$2" >> {_PYTHON_PACKAGES}
else
    exec /usr/bin/py3compile "$@"
fi
"""
# Only what concerns kernels whose disks exist can wait: the hooks of a kernel that comes or goes
# count on what they asked for.
_UPDATE_INITRAMFS = f"""#!/bin/sh
case "$*" in
    -u | "-u -k all" | "-k all -u") echo "$*" >> {_INITIAL_DISKS} ;;
    *) exec /usr/sbin/update-initramfs "$@" ;;
esac
"""
# An image starts on other machines: MODULES=dep would have only what this one's root file system
# needs, which is an overlay.
_MKINITRAMFS = rf"""#!/bin/sh
dep='^[[:space:]]*MODULES=[^[:alnum:]]\{{0,1\}}dep\>.*$'
if grep -qs "$dep" /etc/initramfs-tools/initramfs.conf /etc/initramfs-tools/conf.d/*; then
    rm -rf {_INITRAMFS_SETTINGS}
    cp -a /etc/initramfs-tools {_INITRAMFS_SETTINGS}
    find {_INITRAMFS_SETTINGS} -maxdepth 2 -type f \
        \( -name initramfs.conf -o -path '*/conf.d/*' \) -exec sed -i "s/$dep/MODULES=most/" {{}} +
    set -- -d {_INITRAMFS_SETTINGS} "$@"
fi
exec /usr/sbin/mkinitramfs "$@"
"""
_PROGRAMS = {
    "sudo": _SUDO,
    "py3compile": _PY3COMPILE,
    "update-initramfs": _UPDATE_INITRAMFS,
    "mkinitramfs": _MKINITRAMFS,
}

# Given files, py3compile heeds what packages exclude just as it does given their package. Those
# of packages that were removed again are not listed.
_CATCH_UP = rf"""
if [ -e {_PYTHON_PACKAGES} ] && [ -x /usr/bin/py3compile ]; then
    sort -u {_PYTHON_PACKAGES} | xargs dpkg-query --listfiles 2> /dev/null |
        grep -E '^/usr/lib/python3/(dist|site)-packages/.*\.py$' |
        xargs -r -d '\n' -n 1000 -P "$(nproc)" /usr/bin/py3compile || exit
fi
rm -f {_PYTHON_PACKAGES}
if [ -e {_INITIAL_DISKS} ] && [ -x /usr/sbin/update-initramfs ]; then
    which="-u"
    ! grep -q all {_INITIAL_DISKS} || which="-u -k all"
    /usr/sbin/update-initramfs $which || exit
fi
rm -f {_INITIAL_DISKS}
"""
_TIMEOUT_S = 1800.0


def write(into: pathlib.Path) -> None:
    """Write the stand-ins into a new directory, which a cell is to show as :data:`DIRECTORY`."""
    into.mkdir()
    for name, text in _PROGRAMS.items():
        (into / name).write_text(text, encoding="ascii")
        (into / name).chmod(0o755)


def digest() -> str:
    """Return the hash of all that happens here in place of what packages ask for."""
    return hashlib.sha256(repr((_PROGRAMS, _CATCH_UP)).encode()).hexdigest()


def catch_up(cell: cells.Cell, on_line: Callable[[str], None] | None) -> None:
    """Do what stand-ins noted down since the last time; nothing, where that is nothing.

    Args:
        cell: Where the packages were installed, with the same ``/tmp``.
        on_line: Called with each line that is printed.

    Raises:
        errors.RecipeError: Modules of a package do not compile, or an initial disk cannot be made.
    """
    started = time.monotonic()
    try:
        cell.run(["/bin/sh", "-c", _CATCH_UP], timeout_s=_TIMEOUT_S, on_line=on_line)
    except errors.CommandError as error:
        last = f": {error.details[-1]}" if error.details else ""
        raise errors.RecipeError(
            f"a deferred step of package installation failed{last}",
            hint="run again with --debug to see the full output",
            details=error.details,
        ) from error
    _LOG.info("did what packages put off in %.1f s", time.monotonic() - started)
