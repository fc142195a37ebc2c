"""OpenPGP signatures around documents, checked by gpgv."""

from __future__ import annotations

import datetime
import pathlib
import tempfile

from .. import errors
from ..host import process

_TIMEOUT_S = 60.0
_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_END = b"-----END PGP SIGNATURE-----"
_STATUS = "[GNUPG:] "


def content(document: bytes, keyring: pathlib.Path, name: str) -> bytes:
    """Return what is signed in a document.

    It is what gpgv takes for signed, so that nothing around it can pass for that.

    Args:
        document: A document with its signature around it, as ``gpg --clearsign`` makes it.
        keyring: Public keys that are trusted, in OpenPGP's binary form.
        name: What to call the document in errors.

    Raises:
        errors.Denied: It is not signed, not by one of these keys, changed, or its time is over.
        errors.InputMissing: The keyring cannot be read.
    """
    _check_keyring(keyring)
    if document.lstrip().startswith(_BEGIN) and _END not in document:
        raise errors.Denied(f"{name} is truncated: its signature is incomplete", hint=_RENEW)
    with tempfile.TemporaryDirectory(prefix="retrofit-signature-") as directory:
        place = pathlib.Path(directory)
        signed, verified = place / "signed", place / "content"
        signed.write_bytes(document)
        said = process.run(
            [
                *("gpgv", "--homedir", place, "--keyring", keyring.absolute()),
                *("--status-fd", "1", "--output", verified, signed),
            ],
            timeout_s=_TIMEOUT_S,
            check=False,
        ).stdout
        _judge(said, keyring, name)
        return verified.read_bytes()


_RENEW = "update the mirror, or use another mirror"


def _check_keyring(keyring: pathlib.Path) -> None:
    try:
        with keyring.open("rb") as file:
            armoured = file.read(5) == b"-----"
    except OSError as error:
        raise errors.InputMissing(
            f"cannot read the keyring {keyring}: {error.strerror}",
            hint="for Ubuntu, install ubuntu-cloudimage-keyring, or set another (--keyring)",
        ) from error
    if armoured:
        raise errors.ConfigError(
            f"the keyring {keyring} is in text form", hint="convert it with gpg --dearmor"
        )


def _judge(said: str, keyring: pathlib.Path, name: str) -> None:
    """Refuse a document unless gpgv says that it is well signed.

    Args:
        said: What gpgv wrote (GnuPG's ``doc/DETAILS``, section about --status-fd).
        keyring: Public keys that are trusted.
        name: What to call the document.
    """
    status = [line.removeprefix(_STATUS).split() for line in said.splitlines() if _STATUS in line]
    by_word = {words[0]: words[1:] for words in status}
    if "BADSIG" in by_word:
        raise errors.Denied(
            f"{name} does not match its signature: it was changed or damaged",
            hint=_RENEW,
        )
    if "GOODSIG" in by_word and "VALIDSIG" in by_word:
        return
    if "EXPSIG" in by_word:
        until = datetime.datetime.fromtimestamp(int(by_word["VALIDSIG"][3]), datetime.timezone.utc)
        raise errors.Denied(
            f"the signature of {name} expired on {until:%Y-%m-%d}",
            hint=f"{_RENEW}; or check this machine's clock",
        )
    if "EXPKEYSIG" in by_word:
        raise errors.Denied(
            f"the key that signed {name} has expired: {by_word['EXPKEYSIG'][0]}",
            hint="install the signer's current keyring, or check this machine's clock",
        )
    if "REVKEYSIG" in by_word:
        raise errors.Denied(
            f"the key that signed {name} was revoked: {by_word['REVKEYSIG'][0]}", hint=_RENEW
        )
    if "NO_PUBKEY" in by_word:
        raise errors.Denied(
            f"{name} is signed with key {by_word['NO_PUBKEY'][0]}, which is not in {keyring}",
            hint="set a keyring with this key (--keyring) if you trust the signer",
        )
    if "ERRSIG" in by_word:
        raise errors.Denied(
            f"the signature of {name} cannot be checked with {keyring}",
            hint="check this machine's clock, and whether the file is a keyring",
        )
    raise errors.Denied(f"{name} is not signed", hint="use a signed index (*.sjson)")
