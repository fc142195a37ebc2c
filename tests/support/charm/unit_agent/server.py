"""Answers hook tools on a Unix socket."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping


@dataclasses.dataclass(frozen=True)
class Request:
    """A hook tool that was called.

    Attributes:
        tool: Its name.
        argv: What followed its name.
        files: Content of the files named there; ``-`` is standard input.
        context: The operation from which it was called; empty outside of any.
    """

    tool: str
    argv: tuple[str, ...]
    files: Mapping[str, str]
    context: str


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a hook tool prints and how it ends."""

    stdout: str = ""
    stderr: str = ""
    code: int = 0


@contextlib.contextmanager
def serving(path: pathlib.Path, answer: Callable[[Request], Answer]) -> Iterator[None]:
    """Answer requests, each in a thread of its own, until the end of the block."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline()
            if not line:
                return
            words = json.loads(line)
            request = Request(
                words["tool"], tuple(words["argv"]), words["files"], words["context"]
            )
            answered = json.dumps(dataclasses.asdict(answer(request)))
            # Whoever waited for its turn may have gone with its machine.
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(answered.encode() + b"\n")

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        path.chmod(0o600)
        thread = threading.Thread(target=server.serve_forever, name="hook tools")
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            path.unlink()
