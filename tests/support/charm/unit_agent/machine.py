"""The unit's machine: hook tools and the charm's files in it, and programs that run in it."""

from __future__ import annotations

import json
import logging
import pathlib
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence

from tests.support.charm import container as container_module

from . import charm, hook_tool, server, state

_LOG = logging.getLogger(__name__)
_JUJU_VERSION = "3.6.9"
_MODEL = "retrofit"
_JUJU_EXEC = "/usr/bin/juju-exec"
_OPERATION_TIMEOUT_S = 3600


class Machine:
    """A container with a unit in it.

    Args:
        container: The container.
        unit: Name of the unit.
        logs: Directory that receives a log of each operation.
    """

    def __init__(
        self, container: container_module.Container, unit: str, logs: pathlib.Path
    ) -> None:
        self.container = container
        self.tag = f"unit-{unit.replace('/', '-')}"
        self.directory = f"{hook_tool.AGENTS}/{self.tag}/charm"
        self.socket = f"{hook_tool.AGENTS}/{self.tag}/{hook_tool.SOCKET}"
        self._tools = f"/var/lib/juju/tools/{self.tag}"
        self._logs = logs

    def address(self) -> str:
        """Return the address of its network card."""
        shown = self.container.run(["ip", "-json", "-4", "address", "show", "eth0"]).stdout
        return str(json.loads(shown)[0]["addr_info"][0]["local"])

    def install_tools(self, names: Iterable[str]) -> None:
        """Put the hook tools where Juju puts them."""
        client = f"{self._tools}/hook-tool"
        program = pathlib.Path(hook_tool.__file__).read_text()
        # All units of a machine share the one that is used outside of hooks.
        for path in (client, _JUJU_EXEC):
            self.container.write(path, program, mode=0o755)
        links = [f"{self._tools}/{name}" for name in names]
        script = 'client=$1; shift; for link; do ln -sf "$client" "$link"; done'
        self.container.run(["sh", "-c", script, "link", client, *links])

    def unpack(self, packed: charm.PackedCharm) -> None:
        """Put the charm's files where Juju puts them, in place of those of a previous revision."""
        with tempfile.TemporaryDirectory() as directory:
            archive = pathlib.Path(directory) / "charm.tar"
            packed.to_tar(archive)
            self.container.run(["rm", "-rf", self.directory])
            self.container.unpack(archive, self.directory)

    def has_charm(self) -> bool:
        """Say whether a charm is unpacked."""
        return self.container.exists(self.directory)

    def clear(self) -> None:
        """Remove what the other methods put here, but for what other units use."""
        self.container.run(["rm", "-rf", self.directory, self._tools])

    def execute(
        self,
        context: state.Context,
        argv: Sequence[str],
        *,
        name: str,
        environment: Mapping[str, str],
    ) -> server.Answer:
        """Run a program with hook tools, and keep its log.

        Args:
            context: The operation of which it is part.
            argv: The program and its arguments.
            name: What to call its log.
            environment: Variables beside those that Juju sets for all operations.
        """
        number = len(list(self._logs.iterdir())) + 1
        log = self._logs / f"{number:03d}-{name.replace('/', '-')}.log"
        started = time.monotonic()
        with log.open("w") as stream:

            def line(text: str) -> None:
                stream.write(text + "\n")
                stream.flush()

            completed = self.container.run(
                argv,
                timeout_s=_OPERATION_TIMEOUT_S,
                environment=self._environment(context) | dict(environment),
                cwd=self.directory,
                on_line=line,
                check=False,
            )
            for level, message in context.log:
                line(f"juju-log {level}: {message}")
        status = context.unit.status
        _LOG.info(
            "%s %s: exit %d after %.1f s, %s: %s",
            context.unit.name,
            name,
            completed.returncode,
            time.monotonic() - started,
            status.status,
            status.message,
        )
        return server.Answer(stdout=completed.stdout, code=completed.returncode)

    def _environment(self, context: state.Context) -> dict[str, str]:
        """Return what Juju sets for every operation."""
        variables = {
            "APT_LISTCHANGES_FRONTEND": "none",
            "CHARM_DIR": self.directory,
            "CLOUD_API_VERSION": "5.0",
            "DEBIAN_FRONTEND": "noninteractive",
            "JUJU_AGENT_SOCKET_ADDRESS": self.socket,
            "JUJU_AGENT_SOCKET_NETWORK": "unix",
            "JUJU_API_ADDRESSES": "127.0.0.1:17070",
            "JUJU_AVAILABILITY_ZONE": "",
            "JUJU_CHARM_DIR": self.directory,
            "JUJU_CHARM_FTP_PROXY": "",
            "JUJU_CHARM_HTTPS_PROXY": "",
            "JUJU_CHARM_HTTP_PROXY": "",
            "JUJU_CHARM_NO_PROXY": "127.0.0.1,localhost,::1",
            "JUJU_CONTEXT_ID": context.id,
            "JUJU_MACHINE_ID": "0/lxd/0",
            "JUJU_MODEL_NAME": _MODEL,
            "JUJU_MODEL_UUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, _MODEL)),
            "JUJU_PRINCIPAL_UNIT": context.unit.principal,
            "JUJU_UNIT_NAME": context.unit.name,
            "JUJU_VERSION": _JUJU_VERSION,
            "LANG": "C.UTF-8",
            "PATH": f"{self._tools}:/usr/local/sbin:/usr/local/bin:"
            "/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin",
            "TERM": "tmux-256color",
        }
        if context.relation is not None:
            relation = context.working.relations[context.relation]
            variables |= {
                "JUJU_RELATION": relation.endpoint,
                "JUJU_RELATION_ID": relation.name,
                "JUJU_REMOTE_APP": relation.remote_application,
                "JUJU_REMOTE_UNIT": context.remote_unit,
            }
        return variables
