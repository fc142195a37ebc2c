"""Says with the charm's options and actions what the engine says with those of its command line.

A unit test holds this table against every message of the engine that names a flag, a command or
a variable.
"""

from __future__ import annotations

import re

_WORDS = (
    # The cloud, which the charm is given by relations.
    (
        r"check user, password, project and domains",
        "check the user that keystone gave on identity-credentials",
    ),
    (
        r"name an entry of clouds\.yaml \(--os-cloud\), or set the OS_\* variables",
        "check the relation identity-credentials",
    ),
    (r" ?of the OS_\* variables", ""),
    (
        r"set OS_PROJECT_NAME, or project_name in clouds\.yaml",
        "check the project that keystone gave on identity-credentials",
    ),
    (
        r"set the certificate of this authority \(OS_CACERT or cacert in clouds\.yaml\)",
        "relate certificates to this authority, or add it to the machine's certificate store",
    ),
    (
        r"OS_CACERT or cacert in clouds\.yaml",
        "relation certificates, or the machine's certificate store",
    ),
    (r"check cacert", "check the relation certificates"),
    (r"use one of its: ", "set the option region to one of: "),
    (r"regions with one: ", "set the option region to one of: "),
    (
        r"(has no internal endpoint); it has: .*",
        r"\1; set the option use-internal-endpoints=false",
    ),
    (r"(has no public endpoint); it has: .*", r"\1; set the option use-internal-endpoints=true"),
    # Commands.
    (r"retrofit image --force", "run the action retrofit-image with force=true"),
    (r"retrofit verify glance:(\S+?)(?=[),;\s]|$)", r"action verify-image with image=\1"),
    (r"retrofit status", "action show-image"),
    (r"retrofit plan", "action plan"),
    (r"retrofit prune", "action prune-images"),
    (r"retrofit rollback", "action rollback-image"),
    (r"retrofit manage --images \S+", "give it to the option image-files"),
    # What image files are imported with, which the charm sets itself.
    (r", and the options --stuck-retry and --import-timeout", ""),
    (r", or give it more with --import-timeout", ""),
    (r", which --verify-checksum needs", ""),
    (r"; --retire-expired retires its images", ""),
    (r"check --mirror, or fill it first \(retrofit mirror\)", "check the option image-mirror"),
    (r" \(retrofit mirror\)", ""),
    (r"check --images", "check the option image-files"),
    (
        r"use retrofit create with --mirror and --keyring, or a cloud image",
        "run the action retrofit-image with a cloud image as source-image",
    ),
    # Flags that are options.
    (r" \(--source-project\)", ""),
    (r" \(--snapshot\)", ""),
    (r"--os-region-name", "option region"),
    (r"--amp-image-tag", "option amp-image-tag"),
    (r"--depth (\w+)", r"the option proof-depth=\1"),
    (r"(with|of) --debug\b", r"\1 the option debug=true"),
    (r"--mirror", "the option ubuntu-mirror"),
    (r"--series", "the option retrofit-series"),
    (r"--architecture", "the option retrofit-arch"),
    # Flags that are keys of definitions.
    (r"--(cache-dir|checksum|keyring|work-dir)", r"key \1 of image-definitions"),
    (r"--elements-path", "key elements-paths of image-definitions"),
    # What the charm sets itself.
    (r"to keep the evidence next time, use --evidence DIR", "see the journal of the unit"),
    (r"set another directory with --evidence", "check the machine's disk"),
    (r"use --force to overwrite it", "remove it"),
)


def for_charm(text: str) -> str:
    """Return a message of the engine in the words of a charm's user."""
    for pattern, words in _WORDS:
        text = re.sub(pattern, words, text)
    return text
