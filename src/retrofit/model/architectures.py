"""Names of processor architectures: Debian's and the kernel's."""

from __future__ import annotations

# Glance follows the kernel's names, Debian has its own.
_KERNEL_ARCHITECTURES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armhf": "armv7l",
    "i386": "i686",
    "ppc64el": "ppc64le",
}
# Those of systems.
DEBIAN = (*_KERNEL_ARCHITECTURES, "riscv64")
# Those that images can be made for.
OF_IMAGES = tuple(name for name in DEBIAN if name != "i386")
# Why none can be made for others. zipl starts a machine from lists of blocks.
NO_IMAGES = {"s390x": "their boot loader uses block addresses, and a build moves every block"}
_DEBIAN_ARCHITECTURES = {kernel: debian for debian, kernel in _KERNEL_ARCHITECTURES.items()}


def kernel_architecture(debian: str) -> str:
    """Return Glance's name of a Debian architecture: ``x86_64`` for ``amd64``."""
    return _KERNEL_ARCHITECTURES.get(debian, debian)


def debian_architecture(kernel: str) -> str:
    """Return Debian's name of an architecture, under either of its names."""
    return _DEBIAN_ARCHITECTURES.get(kernel, kernel)
