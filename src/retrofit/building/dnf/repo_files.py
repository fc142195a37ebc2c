"""What dnf's repository files become with another mirror: text in, text out.

The format is that of dnf.conf(5): sections with options, which may go on in indented lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from ... import errors

_SECRET = re.compile(r"(?:proxy_)?(?:username|password)|sslclient(?:cert|key)")
_SECTION = re.compile(r"\[(?P<name>[^\]\n]+)\]\s*")
_OPTION = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
# Where a repository is, in the ways of which only one counts.
_PLACES = ("baseurl", "metalink", "mirrorlist")


def is_complete(text: str) -> bool:
    """Tell whether a text is complete repositories, and no URL."""
    first = next((line for line in map(str.strip, text.splitlines()) if _counts(line)), "")
    return _SECTION.fullmatch(first) is not None


def read(text: str) -> dict[str, dict[str, str]]:
    """Return the options of each repository, by its name; lines that are none are passed over."""
    found: dict[str, dict[str, str]] = {}
    for name, option, lines in _pieces(text):
        options = found.setdefault(name, {}) if name else {}
        if option:
            first = _OPTION.fullmatch(lines[0].strip())
            value = first["value"] if first is not None else ""
            options[option] = "\n".join([value, *(line.strip() for line in lines[1:])]).strip()
    return found


def check(text: str) -> None:
    """Refuse complete repositories with what an image must not keep.

    Raises:
        errors.ConfigError: A login or a key stands in an option of its own.
    """
    for name, options in read(text).items():
        for option in options:
            if _SECRET.fullmatch(option):
                raise errors.ConfigError(
                    f"the repository {name!r} has the option {option}, which would stay in the"
                    " image",
                    hint="give a login in the URL: https://USER:PASSWORD@HOST/…",
                )


def redirect(text: str, urls: Mapping[str, str]) -> str:
    """Return the text with the repositories that are named at other URLs."""

    def change(name: str, option: str, lines: list[str]) -> list[str]:
        if name not in urls or (option and option not in _PLACES):
            return lines
        return [] if option else [*lines, f"baseurl={urls[name]}"]

    return _changed(text, change)


def disable(text: str) -> str:
    """Return the text with all repositories off."""

    def change(_name: str, option: str, lines: list[str]) -> list[str]:
        if option == "enabled":
            return []
        return lines if option else [*lines, "enabled=0"]

    return _changed(text, change)


def without_secrets(text: str) -> str:
    """Return the text without logins and keys in options of their own."""

    def change(_name: str, option: str, lines: list[str]) -> list[str]:
        return [] if _SECRET.fullmatch(option) else lines

    return _changed(text, change)


def _changed(text: str, change: Callable[[str, str, list[str]], list[str]]) -> str:
    """Return the text after a change to what belongs to sections."""
    kept: list[str] = []
    for name, option, lines in _pieces(text):
        if not name:
            kept += lines
        elif option or _SECTION.fullmatch(lines[0].strip()):
            kept += change(name, option, lines)
        else:
            kept += lines
    return "".join(f"{line}\n" for line in kept)


def _pieces(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each header, option and other line of a text, with the section that it is in.

    An option comes with the lines in which it goes on.
    """
    section = ""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        header = _SECTION.fullmatch(line.strip())
        if header is not None and not line[:1].isspace():
            section = header["name"]
            yield section, "", [line]
            continue
        option = _OPTION.fullmatch(line)
        if option is None:
            yield section, "", [line]
            continue
        together = [line]
        while at < len(lines) and lines[at][:1].isspace() and _counts(lines[at].strip()):
            together.append(lines[at])
            at += 1
        yield section, option["name"], together


def _counts(line: str) -> bool:
    return bool(line) and not line.startswith(("#", ";"))
