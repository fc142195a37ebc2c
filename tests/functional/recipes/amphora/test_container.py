"""The file tree of an image from scratch, run as a container: haproxy and the agent work in it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import socket
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from tests.support.cli import command, podman

from retrofit.recipes.amphora import checks
from retrofit.recipes.amphora.trial import agent, controller

pytestmark = pytest.mark.slow

_IMAGE = "localhost/retrofit-test-amphora"
_TIMEOUT_S = 3600.0
_ANSWER_TIMEOUT_S = 120.0
_TEXT = "from the container\n"
_Answer = TypeVar("_Answer")


@pytest.fixture
def image(open_directory: pathlib.Path) -> Iterator[str]:
    """An image of podman, imported from the tar that the command writes."""
    work, files = open_directory / "work", open_directory / "files"
    for one in (work, files):
        one.mkdir()
    places = ["--work-dir", work, "--cache-dir", open_directory / "cache"]
    with command.started(
        ["create", "amphora.tar", "--format", "tar", "--series", "bookworm", *places],
        cwd=files,
        work=work,
    ) as running:
        outcome = running.end(timeout_s=_TIMEOUT_S)
    assert outcome.code == 0, outcome.stderr
    podman.output("import", "--quiet", files / "amphora.tar", _IMAGE)
    yield _IMAGE
    podman.output("rmi", "--force", _IMAGE)


@contextlib.contextmanager
def _container(image: str, *words: str, options: tuple[str, ...] = ()) -> Iterator[None]:
    """Run a program in a container, with the network of the test."""
    name = f"retrofit-test-{uuid.uuid4().hex[:8]}"
    run = ["run", "--detach", "--rm", "--network=host", "--name", name, *podman.LIMITS, *options]
    podman.output(*run, image, *words)
    try:
        yield
    finally:
        logs = podman.call("logs", name)
        print(logs.stdout, logs.stderr)
        podman.call("rm", "--force", name)


def _awaited(ask: Callable[[], _Answer]) -> _Answer:
    """Return an answer of a program that may still start."""
    deadline = time.monotonic() + _ANSWER_TIMEOUT_S
    while True:
        try:
            return ask()
        except (OSError, agent.AgentError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _haproxy(image: str, directory: pathlib.Path) -> None:
    """Have haproxy serve a request."""
    port = _free_port()
    configuration = directory / "haproxy.cfg"
    configuration.write_text(
        "defaults\n mode http\n timeout client 9s\n timeout server 9s\n timeout connect 9s\n"
        f"frontend test\n bind 127.0.0.1:{port}\n"
        f' http-request return status 200 content-type text/plain string "{_TEXT.strip()}\\n"\n'
    )
    mounted = ("--volume", f"{configuration}:/haproxy.cfg:ro")

    def get() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=9) as answer:
            text: str = answer.read().decode()
            return text

    with _container(image, "/usr/sbin/haproxy", "-db", "-f", "/haproxy.cfg", options=mounted):
        assert _awaited(get) == _TEXT


def _on_loopback(text: str, port: int) -> str:
    """Return a file of an amphora for an agent that has no machine of its own."""
    text = text.replace(f"bind_port = {checks.AGENT_PORT}\n", f"bind_port = {port}\n")
    text = text.replace("bind_host = ::\n", "bind_host = 127.0.0.1\n")
    return re.sub("ip_port_list = .*", "ip_port_list = 127.0.0.1:9", text)


def _agent(image: str, directory: pathlib.Path) -> None:
    """Have the agent answer a controller that shows a certificate."""
    owner = controller.new(directory)
    identity, port = str(uuid.uuid4()), _free_port()
    server = owner.server(identity, controller.Topology.SINGLE, vendor_data="")
    mounted: list[str] = []
    for path, text in server.files.items():
        file = directory / os.path.basename(path)
        file.write_text(_on_loopback(text, port))
        mounted += ["--volume", f"{file}:{path}:ro"]
    asking = agent.Agent(identity, "127.0.0.1", port, owner.server_ca, owner.client)

    with _container(
        image,
        *("/usr/bin/amphora-agent", "--config-file", "/etc/octavia/amphora-agent.conf"),
        options=tuple(mounted),
    ):
        assert _awaited(asking.version) == {"api_version": "1.0"}
        assert asking.info()["haproxy_version"]


def test_haproxy_and_the_agent_answer(image: str, tmp_path: pathlib.Path) -> None:
    _haproxy(image, tmp_path)
    _agent(image, tmp_path)
