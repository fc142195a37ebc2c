"""Where mirrored images are kept: a directory, or a bucket of an S3 object store."""

from __future__ import annotations

import logging
import os
import pathlib
import shutil
import urllib.parse
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from .. import errors
from ..host import authorities, files

_T = TypeVar("_T")

_CONNECT_TIMEOUT_S = 30
_READ_TIMEOUT_S = 60
# So long what is fetched from a bucket may begin to be fetched.
_URL_VALID_S = 3600


class Store(Protocol):
    """Keeps files under names with slashes."""

    def has(self, key: str) -> bool:
        """Tell whether there is a file of that name."""

    def put(self, key: str, file: pathlib.Path) -> None:
        """Keep a file: all of it at once, or not at all."""

    def url(self, key: str) -> str:
        """Return a URL from which a file can be fetched now."""


def place(target: str) -> str:
    """Return one name of a store, however it is called (see :func:`opened`)."""
    if target.startswith("s3://"):
        return f"{os.environ.get('AWS_ENDPOINT_URL', '')} {target.rstrip('/')}"
    return str(pathlib.Path(target).resolve())


def opened(target: str, *, filled: bool = False) -> Store:
    """Return the store that is called so: ``s3://BUCKET``, ``s3://BUCKET/PREFIX`` or a directory.

    Args:
        target: What it is called.
        filled: Whether it is there already; otherwise a directory is made when it is needed.

    Raises:
        errors.ConfigError: It has no bucket, or the settings of S3 are wrong.
        errors.InputMissing: The directory should be there, and is not.
    """
    if not target.startswith("s3://"):
        if filled and not os.path.isdir(target):
            raise errors.InputMissing(
                f"the mirror {target} is not a directory",
                hint="check --mirror, or fill it first (retrofit mirror)",
            )
        return Directory(pathlib.Path(target))
    bucket, _, prefix = target.removeprefix("s3://").partition("/")
    if not bucket:
        raise errors.ConfigError(f"{target} has no bucket", hint="write s3://BUCKET/PREFIX")
    return Bucket(bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")


class Directory:
    """A directory.

    Args:
        root: The directory, which is made where it is not there.
    """

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root.absolute()

    def has(self, key: str) -> bool:
        """Tell whether there is a file of that name.

        Raises:
            errors.InputMissing: The directory cannot be read.
        """
        try:
            return files.is_file(self._root / key)
        except OSError as error:
            raise errors.InputMissing(
                f"cannot read {self._root / key}: {error.strerror}",
                hint="check the permissions of the mirror",
            ) from error

    def put(self, key: str, file: pathlib.Path) -> None:
        """Keep a file: all of it at once, or not at all.

        Raises:
            errors.OutputError: It cannot be written there.
        """
        target = self._root / key
        part = target.with_name(f".{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as source, part.open("wb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            part.replace(target)
        except OSError as error:
            raise errors.OutputError(f"cannot write {target}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)

    def url(self, key: str) -> str:
        """Return a URL from which a file can be fetched now."""
        return f"file://{self._root / key}"


class Bucket:
    """A bucket of an S3 object store.

    Which store, region and credentials is told by the variables and files of all AWS tools, such
    as ``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` and ``~/.aws/config``
    (https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html).

    Args:
        name: The bucket, which has to be there.
        prefix: What all names in it begin with.
    """

    def __init__(self, name: str, prefix: str) -> None:
        import boto3
        import botocore.config
        import botocore.session

        # Below that level it prints requests with what signs them.
        level = max(logging.INFO, logging.getLogger().level)
        for library in ("boto3", "botocore", "s3transfer"):
            logging.getLogger(library).setLevel(level)
        self._name = name
        self._prefix = prefix
        config = botocore.config.Config(
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            retries={"mode": "standard"},
            # Other stores than AWS's know neither its host names nor its newer checksums.
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

        def client() -> Any:
            settings = botocore.session.get_session()
            # The library's own collection of authorities knows none of an operator's.
            trusted = settings.get_config_variable("ca_bundle") or authorities.bundle()
            session = boto3.Session(botocore_session=settings)
            return session.client("s3", config=config, verify=trusted)

        self._client = self._mapped("reach it", client)

    def has(self, key: str) -> bool:
        """Tell whether there is a file of that name.

        Raises:
            errors.RetrofitError: The store does not answer, or refuses.
        """
        listed = self._mapped(
            "list it",
            lambda: self._client.list_objects_v2(
                Bucket=self._name, Prefix=self._prefix + key, MaxKeys=1
            ),
        )
        return any(found["Key"] == self._prefix + key for found in listed.get("Contents", ()))

    def put(self, key: str, file: pathlib.Path) -> None:
        """Keep a file: all of it at once, or not at all.

        Raises:
            errors.RetrofitError: The store does not answer, or refuses.
        """
        self._mapped(
            f"write {key} to it",
            lambda: self._client.upload_file(str(file), self._name, self._prefix + key),
        )

    def url(self, key: str) -> str:
        """Return a URL from which a file can be fetched now, by whoever has the URL."""
        where = {"Bucket": self._name, "Key": self._prefix + key}
        url: str = self._mapped(
            f"sign a URL of {key}",
            lambda: self._client.generate_presigned_url(
                "get_object", Params=where, ExpiresIn=_URL_VALID_S
            ),
        )
        return url

    def _mapped(self, what: str, action: Callable[[], _T]) -> _T:
        """Run an action; what the library raises becomes an error of ours."""
        import boto3.exceptions
        import botocore.exceptions

        problem = f"bucket {self._name}: cannot {what}"
        try:
            return action()
        except (botocore.exceptions.ClientError, boto3.exceptions.Boto3Error) as error:
            raise _refusal(problem, error) from error
        except (
            botocore.exceptions.NoCredentialsError,
            botocore.exceptions.PartialCredentialsError,
            botocore.exceptions.ProfileNotFound,
            botocore.exceptions.ConfigParseError,
            ValueError,
        ) as error:
            raise errors.ConfigError(
                f"{problem}: {error}",
                hint="set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                "AWS_ENDPOINT_URL, or a profile in ~/.aws",
            ) from error
        except botocore.exceptions.BotoCoreError as error:
            raise errors.Unavailable(
                f"{problem}: {error}", hint="check AWS_ENDPOINT_URL and the network"
            ) from error


def _refusal(problem: str, error: Any) -> errors.RetrofitError:
    """Return the error that stands for a store's refusal."""
    answer = getattr(error, "response", {})
    code = str(answer.get("Error", {}).get("Code", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in ("NoSuchBucket", "404"):
        return errors.InputMissing(
            f"{problem}: the bucket does not exist", hint="create the bucket first"
        )
    if status in (401, 403) or "AccessDenied" in str(error) or "(403)" in str(error):
        return errors.Denied(f"{problem}: {error}", hint="check the credentials of S3")
    return errors.Unavailable(f"{problem}: {error}", hint="see the log of the store")


def safe(key: str) -> str:
    """Return a name in a store, unless it leads out of it.

    Raises:
        errors.ConfigError: It does.
    """
    parts = urllib.parse.unquote(key).split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise errors.ConfigError(f"{key} is not a path in a mirror", hint="check mirror_url")
    return "/".join(parts)
