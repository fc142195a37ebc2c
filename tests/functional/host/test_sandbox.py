"""What the workshop and its cells let through, tried from inside, for root."""

from __future__ import annotations

import dataclasses
import http.server
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.host import name_server

from retrofit import errors, model
from retrofit.host import process, progress
from retrofit.host.sandbox import cells, workshop

_TIMEOUT_S = 30.0


class _Quiet:
    """Keeps what was reported."""

    def __init__(self) -> None:
        self.records: list[model.StepRecord] = []
        self.texts: list[str] = []

    def step_started(self, name: str) -> None:
        pass

    def step_ended(self, record: model.StepRecord) -> None:
        self.records.append(record)

    def advanced(self, done: int, total: int) -> None:
        pass

    def doing(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def work() -> Iterator[pathlib.Path]:
    with workshop.work_directory(None) as directory:
        yield directory


def _cell(work: pathlib.Path) -> cells.Cell:
    """A cell with the host's programs, read-only, and a root file system of its own."""
    root = work / "root"
    for name in ("usr", "etc", "var/tmp", "tmp", "run", "dev", "proc", "root"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"usr/{name}")
    return cells.Cell(root=root, work=work, binds=(cells.Bind(pathlib.Path("/usr"), "/usr"),))


def _in_cell(work: pathlib.Path, script: str) -> str:
    """Return what a shell script prints in a cell; failures of its commands are its own."""

    def function(_: progress.Reporter) -> str:
        return _cell(work).run(["/bin/sh", "-c", script], timeout_s=_TIMEOUT_S).stdout

    return workshop.run(work, function, _Quiet())


def _in_workshop(work: pathlib.Path, function: Callable[[], str]) -> str:
    return workshop.run(work, lambda _: function(), _Quiet())


def test_root_of_the_workshop_owns_every_id(work: pathlib.Path) -> None:
    def function() -> str:
        file = work / "file"
        file.touch()
        os.chown(file, 65533, 1234)
        status = file.stat()
        return f"{os.geteuid()} {status.st_uid} {status.st_gid}"

    assert _in_workshop(work, function) == "0 65533 1234"
    assert (work / "file").stat().st_uid not in (0, 65533)


def test_programs_change_nothing_in_a_cell_that_is_only_read(work: pathlib.Path) -> None:
    def function(_: progress.Reporter) -> str:
        only_read = dataclasses.replace(_cell(work), writable=False)
        script = "touch /etc/new; rm -r /root; touch /tmp/own && echo done"
        return only_read.run(["/bin/sh", "-c", script], timeout_s=_TIMEOUT_S).stdout

    assert workshop.run(work, function, _Quiet()) == "done\n"
    assert (work / "root/root").is_dir()
    assert not list((work / "root/etc").iterdir())
    assert not list((work / "root/tmp").iterdir())


def test_a_file_that_only_root_may_read_is_out_of_reach(
    work: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)

    assert not workshop.reachable(secret)
    with pytest.raises(errors.RetrofitError, match="PermissionError"):
        _in_workshop(work, secret.read_text)


def test_a_cell_is_root_without_the_rights_that_reach_out(work: pathlib.Path) -> None:
    printed = _in_cell(
        work,
        """
        id -u; ls /; ls /dev
        mount -t tmpfs none /tmp 2>/dev/null && echo mounted
        ip link set lo down 2>/dev/null && echo network changed
        mknod /tmp/device b 7 0 2>/dev/null && echo device made
        echo b > /proc/sysrq-trigger 2>/dev/null && echo sysrq written
        grep -q "[p]ython" /proc/[0-9]*/cmdline && echo sees the engine
        true
        """,
    ).split()

    assert printed[0] == "0"
    assert "work" not in printed and "home" not in printed
    assert {"null", "random", "zero"} <= set(printed)
    assert not {"fuse", "kvm", "vda", "sda", "loop0"} & set(printed)
    for broken in ("mounted", "changed", "made", "written", "engine"):
        assert broken not in printed


def test_a_cell_reaches_neither_the_host_nor_its_metadata(work: pathlib.Path) -> None:
    served: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.server_port
        fetch = "curl --silent --show-error --max-time 5 http://{}/ 2>&1; echo status $?;"
        try:
            printed = _in_cell(
                work,
                fetch.format(f"127.0.0.1:{port}")
                + fetch.format(f"10.0.2.2:{port}")
                + fetch.format("169.254.169.254"),
            )
        finally:
            server.shutdown()
            thread.join()

    assert served == []
    assert printed.count("status 0") == 0
    assert printed.count("status") == 3


def test_names_are_known_where_the_hosts_name_server_is_at_its_loopback(
    open_directory: pathlib.Path,
) -> None:
    # As with systemd-resolved on every Ubuntu; the settings are those of a mount namespace only.
    settings = open_directory / "resolv.conf"
    settings.write_text("nameserver 127.77.0.53\noptions edns0\nsearch inside.test\n")
    script = """
        import pathlib, socket
        from retrofit.host.sandbox import workshop

        def ask(_):
            [(*_, (first, _))] = socket.getaddrinfo("mirror", 80, type=socket.SOCK_STREAM)
            return first, pathlib.Path("/etc/resolv.conf").read_text()

        with workshop.work_directory(None) as work:
            print(workshop.run(work, ask, workshop.Silent()))
    """
    mounted = f'mount --bind {settings} /etc/resolv.conf && exec "$0" -c "$1"'
    with name_server.serving("127.77.0.53", bytes((192, 0, 2, 7))) as server:
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", mounted, sys.executable, textwrap.dedent(script)],
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    told = "nameserver 10.0.2.3\nsearch inside.test\n"
    assert done.stdout.strip() == repr(("192.0.2.7", told))
    assert set(server.names) == {"mirror.inside.test"}
    assert "10.0.2.3" not in pathlib.Path("/etc/resolv.conf").read_text()


def test_a_failing_function_brings_its_error_out(work: pathlib.Path) -> None:
    def function() -> str:
        raise errors.ImageError("no image", hint="take another", details=("a", "b"))

    with pytest.raises(errors.ImageError) as caught:
        _in_workshop(work, function)

    assert (caught.value.hint, caught.value.details) == ("take another", ("a", "b"))


def test_a_cell_ends_with_its_time(work: pathlib.Path) -> None:
    def function() -> str:
        return _cell(work).run(["/bin/sleep", "100"], timeout_s=1).stdout

    started = time.monotonic()
    with pytest.raises(errors.CommandError, match="did not end within 1 s"):
        _in_workshop(work, function)

    assert time.monotonic() - started < 20


def test_a_process_bomb_and_a_large_file_are_stopped(work: pathlib.Path) -> None:
    printed = _in_cell(
        work,
        "grep -E 'processes|data size' /proc/self/limits; truncate -s 9G /tmp/a || echo refused",
    )

    assert [line.split()[-3] for line in printed.splitlines()[:2]] == [str(4 * model.GIB), "4096"]
    assert "refused" in printed


def test_steps_are_measured() -> None:
    reporter = _Quiet()

    def function(inner: progress.Reporter) -> None:
        with progress.step(inner, "write"):
            process.run(
                ["dd", "if=/dev/zero", f"of={work}/zeros", "bs=1M", "count=64"], timeout_s=30
            )
            time.sleep(1)

    # On a file system that other tests do not fill and empty meanwhile.
    with workshop.work_directory(pathlib.Path("/dev/shm")) as work:
        workshop.run(work, function, reporter)

    [record] = reporter.records
    assert record.name == "write"
    assert record.wall_s >= 1
    assert 0 < record.cpu_s < record.wall_s
    assert record.peak_disk >= 32 * model.MIB
    assert record.peak_memory > model.MIB


def test_what_a_cell_costs_is_counted(work: pathlib.Path) -> None:
    reporter = _Quiet()

    def function(inner: progress.Reporter) -> None:
        with progress.step(inner, "count"):
            inner.doing("one of one")
            count = "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done"
            _cell(work).run(["/bin/sh", "-c", f"sh -c '{count}'"], timeout_s=_TIMEOUT_S)

    workshop.run(work, function, reporter)

    [record] = reporter.records
    assert record.cpu_s > 0.2
    assert reporter.texts == ["one of one"]


def test_nothing_outlives_a_killed_engine(open_directory: pathlib.Path) -> None:
    # A name that no other process of the machine has among its arguments.
    marker = f"{os.getpid()}.25"
    script = open_directory / "engine.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import pathlib
            from retrofit.host import process
            from retrofit.host.sandbox import workshop
            from tests.functional.host.test_sandbox import _Quiet, _cell

            def function(_):
                print("inside", flush=True)
                _cell(work).run(["/bin/sleep", "{marker}"], timeout_s=1000)

            with workshop.work_directory(pathlib.Path({str(open_directory)!r})) as work:
                workshop.run(work, function, _Quiet())
            """
        )
    )
    engine = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert engine.stdout is not None
    with engine, engine.stdout:
        assert engine.stdout.readline() == b"inside\n"
        _wait_until(lambda: _running(marker))
        children = pathlib.Path(f"/proc/{engine.pid}/task/{engine.pid}/children")
        helpers = [pathlib.Path("/proc", pid, "cmdline") for pid in children.read_text().split()]
        assert any("slirp4netns" in helper.read_text() for helper in helpers)
        engine.send_signal(signal.SIGKILL)

    _wait_until(lambda: not _running(marker))
    _wait_until(lambda: not any(helper.exists() and helper.read_text() for helper in helpers))
    [left] = open_directory.glob("retrofit-work-*")
    with workshop.work_directory(open_directory) as work:
        assert [entry for entry in open_directory.iterdir() if entry.is_dir()] == [work]
        assert work != left


def test_a_work_directory_that_another_build_takes_for_a_leftover_is_made_again(
    open_directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = tempfile.mkdtemp
    made: list[pathlib.Path] = []

    def made_while_another_begins(**options: Any) -> str:
        monkeypatch.setattr(tempfile, "mkdtemp", make)
        made.append(pathlib.Path(make(**options)))
        with workshop.work_directory(open_directory):
            assert not made[0].exists()
        return str(made[0])

    monkeypatch.setattr(tempfile, "mkdtemp", made_while_another_begins)
    with workshop.work_directory(open_directory) as work:
        assert work.is_dir()
        assert made and work != made[0]


def _running(argument: str) -> bool:
    for arguments in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument in arguments.read_text().split("\0"):
                return True
        except OSError:
            continue
    return False


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_variables_reach_a_cells_programs_and_nothing_outside(work: pathlib.Path) -> None:
    variables = {
        "PATH": "/tmp/programs:/usr/bin",
        "LD_PRELOAD": "/nowhere.so",
        "BASH_FUNC_greet%%": '() { echo "hello $1"; }',
    }

    def function(_: progress.Reporter) -> str:
        in_cell = dataclasses.replace(_cell(work), environment=variables)
        script = 'greet you; echo "$PATH $LD_PRELOAD"'
        # The linker complains of what it cannot load, once for each program it is said to.
        completed = in_cell.run(["/bin/bash", "-c", script], timeout_s=_TIMEOUT_S)
        complaints = [line for line in completed.tail if "LD_PRELOAD" in line]
        return f"{completed.stdout}{len(complaints)}"

    printed = workshop.run(work, function, _Quiet()).splitlines()

    assert printed == ["hello you", "/tmp/programs:/usr/bin /nowhere.so", "1"]
