#!/usr/bin/env python3
"""A hook tool inside the machine: passes its command line to the agent, prints its answer.

Installed once and linked under every tool's name. Files that the command line names are read
here, because the agent is elsewhere.
"""

import json
import os
import pathlib
import re
import socket
import sys

AGENTS = pathlib.Path("/var/lib/juju/agents")
SOCKET = "agent.socket"


def main() -> int:
    """Ask the agent, and end as it says."""
    tool, argv = pathlib.PurePath(sys.argv[0]).name, sys.argv[1:]
    address = os.environ.get("JUJU_AGENT_SOCKET_ADDRESS") or _outside_of_hooks(argv)
    files = {}
    for number, word in enumerate(argv):
        path = argv[number + 1] if word == "--file" and argv[number + 1 :] else ""
        match = re.match(r"(?:--file=|[^=]+#file=)(.+)", word, re.DOTALL)
        path = match[1] if match else path
        if path:
            files[path] = sys.stdin.read() if path == "-" else pathlib.Path(path).read_text()
    request = {
        "tool": tool,
        "argv": argv,
        "files": files,
        "context": os.environ.get("JUJU_CONTEXT_ID", ""),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
    sys.stdout.write(answer["stdout"])
    sys.stderr.write(answer["stderr"])
    return int(answer["code"])


def _outside_of_hooks(argv: list[str]) -> str:
    """Return the socket of the unit that is named, or of another one, which knows it is not."""
    named = [AGENTS / f"unit-{word.replace('/', '-')}" / SOCKET for word in argv]
    return str(next(path for path in (*named, *AGENTS.glob(f"*/{SOCKET}")) if path.exists()))


if __name__ == "__main__":
    sys.exit(main())
