"""Which architecture a program or kernel is for, by its first bytes."""

from __future__ import annotations

import struct
import zlib

# How much of a file is needed.
HEAD_SIZE = 64 * 1024

# ELF specification: class, byte order and machine; the architectures are Debian's names.
_ELF = b"\x7fELF"
_ELF_ARCHITECTURES = {
    (1, 1, 3): "i386",
    (1, 1, 40): "armhf",
    (2, 1, 21): "ppc64el",
    (2, 1, 62): "amd64",
    (2, 1, 183): "arm64",
    (2, 1, 243): "riscv64",
    (2, 2, 22): "s390x",
}
# PE specification, "Machine Types".
_PE_ARCHITECTURES = {
    0x14C: "i386",
    0x1C2: "armhf",
    0x5064: "riscv64",
    0x8664: "amd64",
    0xAA64: "arm64",
}
_PE_AT = 0x3C
_GZIP = b"\x1f\x8b"
# The kernel's Documentation/arch/x86/boot.rst: magic, offset of the version string, load flags.
_X86_MAGIC, _X86_MAGIC_AT, _X86_VERSION_AT, _X86_FLAGS_AT = b"HdrS", 0x202, 0x20E, 0x236
# The kernel's Documentation/arch/arm64/booting.rst.
_ARM64_MAGIC, _ARM64_MAGIC_AT = b"ARM\x64", 0x38


def of_program(head: bytes) -> str:
    """Return Debian's name of the architecture of an ELF file; empty if it is no such file."""
    if len(head) < 20 or not head.startswith(_ELF):
        return ""
    order = "<" if head[5] == 1 else ">"
    (machine,) = struct.unpack_from(f"{order}H", head, 18)
    return _ELF_ARCHITECTURES.get((head[4], head[5], machine), f"ELF machine {machine}")


def of_kernel(head: bytes) -> str:
    """Return Debian's name of the architecture of a kernel; empty if it does not say."""
    if head.startswith(_GZIP):
        # Both kinds of wrapping are recognized by 16 + the largest window.
        try:
            head = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, HEAD_SIZE)
        except zlib.error:
            return ""
    if head[_X86_MAGIC_AT:][:4] == _X86_MAGIC:
        (flags,) = struct.unpack_from("<H", head, _X86_FLAGS_AT)
        return "amd64" if flags & 1 else "i386"
    if head[_ARM64_MAGIC_AT:][:4] == _ARM64_MAGIC:
        return "arm64"
    return of_program(head) or of_efi_program(head)


def of_efi_program(head: bytes) -> str:
    """Return Debian's name of the architecture of an EFI program; empty if it is no such file."""
    if not head.startswith(b"MZ") or len(head) < _PE_AT + 4:
        return ""
    (at,) = struct.unpack_from("<I", head, _PE_AT)
    if head[at : at + 4] != b"PE\0\0" or len(head) < at + 6:
        return ""
    (machine,) = struct.unpack_from("<H", head, at + 4)
    return _PE_ARCHITECTURES.get(machine, f"PE machine {machine:#x}")


def version_of_kernel(head: bytes) -> str:
    """Return the version that an x86 kernel says it has; empty for others."""
    if head[_X86_MAGIC_AT:][:4] != _X86_MAGIC:
        return ""
    (offset,) = struct.unpack_from("<H", head, _X86_VERSION_AT)
    text, _, _ = head[offset + 0x200 :][:256].partition(b"\0")
    return text.decode("ascii", errors="replace").partition(" ")[0]
