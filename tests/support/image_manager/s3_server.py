"""A real S3 server on loopback: OpenStack Swift from PyPI with its ``s3api``.

``with s3_server.running() as s3:`` starts the servers of a Swift with one disk, in a second or
two, and makes a bucket; they end with the context or with the process that entered it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.config

from .. import artefacts
from ..cloud import cloud_template

BUCKET = "images"
# Loopback only, and gone with the test: these protect nothing.
_USER, _PASSWORD = "test:tester", "testing"
_START_TIMEOUT_S = 60.0
_STORES = ("account", "container", "object")

_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {directory}
devices = {directory}/devices
mount_check = false
"""
_STORE = """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """
[pipeline:main]
pipeline = catch_errors healthcheck cache s3api tempauth slo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
# Nobody listens there: without a cache it asks the stores.
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""
_HASH = """
[swift-hash]
swift_hash_path_suffix = test
[storage-policy:0]
name = only
default = yes
"""


@dataclasses.dataclass(frozen=True)
class Server:
    """An S3 server that runs.

    Attributes:
        url: Its endpoint.
    """

    url: str

    def environment(self, **changes: str) -> dict[str, str]:
        """Return the variables by which AWS tools find it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": _USER,
            "AWS_SECRET_ACCESS_KEY": _PASSWORD,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            # Nobody's own settings.
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        } | changes

    def client(self) -> Any:
        """Return a client of S3 with the user's rights."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=_USER,
            aws_secret_access_key=_PASSWORD,
            region_name="us-east-1",
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Run an S3 server with an empty bucket."""
    with tempfile.TemporaryDirectory(prefix="retrofit-s3-") as name:
        directory = pathlib.Path(name)
        python = artefacts.programs("s3") / "bin" / "python"
        ports = {kind: cloud_template.free_port() for kind in (*_STORES, "proxy")}
        _configure(directory, ports, python)
        script = pathlib.Path(__file__).with_name("s3_process.py")
        files = [directory / f"{kind}.conf" for kind in ports]
        with (directory / "swift.log").open("wb") as log:
            process = subprocess.Popen(
                [python, script, str(os.getpid()), *files],
                env={"PATH": "/usr/bin:/bin", "HOME": name, "PYTHONWARNINGS": "ignore"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                server = Server(f"http://127.0.0.1:{ports['proxy']}")
                _await(process, server.url, directory / "swift.log")
                server.client().create_bucket(Bucket=BUCKET)
                yield server
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()


def _configure(directory: pathlib.Path, ports: dict[str, int], python: pathlib.Path) -> None:
    """Write the configuration of the servers, and the rings that say which disk keeps what."""
    (directory / "devices" / "disk").mkdir(parents=True)
    (directory / "swift.conf").write_text(_HASH)
    for kind, port in ports.items():
        common = _COMMON.format(port=port, directory=directory)
        own = _PROXY if kind == "proxy" else _STORE.format(kind=kind)
        (directory / f"{kind}.conf").write_text(common + own)
    script = "\n".join(
        (
            "from swift.common.ring import RingBuilder",
            f"for kind, port in {[(kind, ports[kind]) for kind in _STORES]!r}:",
            "    builder = RingBuilder(1, 1, 1)",
            "    builder.add_dev(dict(region=1, zone=1, weight=1, ip='127.0.0.1', port=port,",
            "        device='disk', meta='', replication_ip='127.0.0.1', replication_port=port))",
            "    builder.rebalance()",
            f"    builder.get_ring().save({str(directory)!r} + f'/{{kind}}.ring.gz')",
        )
    )
    subprocess.run([python, "-W", "ignore", "-c", script], check=True, stdin=subprocess.DEVNULL)


def _await(process: subprocess.Popen[bytes], url: str, log: pathlib.Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/healthcheck", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Swift did not start:\n{log.read_text()[-4000:]}")
