"""The one way to run programs: output, input, failures, time-outs, environment."""

import logging
import os
import pathlib
import signal
import time

import pytest

from retrofit import errors
from retrofit.host import process


def _gone(pid: int) -> bool:
    """Tell whether a process ended; an unreaped one counts as ended."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def _wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if _gone(pid):
            return True
        time.sleep(0.02)
    return False


def test_output_is_collected_with_its_last_lines():
    completed = process.run(["sh", "-c", "echo one; echo two >&2; printf three"], timeout_s=10)

    assert completed.returncode == 0
    assert completed.stdout == "one\nthree"
    assert sorted(completed.tail) == ["one", "three", "two"]


def test_only_the_last_lines_are_kept_of_a_long_output():
    completed = process.run(["seq", "10000"], timeout_s=30)

    assert completed.stdout.splitlines() == [str(number) for number in range(1, 10001)]
    assert completed.tail[-1] == "10000"
    assert len(completed.tail) <= 20


def test_each_line_is_passed_on():
    lines: list[str] = []

    process.run(["printf", r"a\n\nb"], timeout_s=10, on_line=lines.append)

    assert lines == ["a", "b"]


def test_bytes_that_are_no_text_do_not_end_the_run():
    completed = process.run(["printf", r"\377\376x"], timeout_s=10)

    assert completed.stdout.endswith("x")


def test_failure_names_program_status_and_last_line():
    with pytest.raises(errors.CommandError) as raised:
        process.run(["sh", "-c", "echo first; echo the reason >&2; exit 7"], timeout_s=10)

    assert raised.value.returncode == 7
    assert str(raised.value) == "sh failed with status 7: the reason"
    assert set(raised.value.details) == {"first", "the reason"}


def test_failure_is_returned_where_it_is_no_error():
    assert process.run(["false"], timeout_s=10, check=False).returncode == 1


def test_death_by_a_signal_is_a_failure():
    with pytest.raises(errors.CommandError) as raised:
        process.run(["sh", "-c", "kill -KILL $$"], timeout_s=10)

    assert raised.value.returncode == -signal.SIGKILL


def test_time_out_ends_the_whole_group(tmp_path: pathlib.Path):
    note = tmp_path / "pid"
    begun = time.monotonic()

    with pytest.raises(errors.CommandError, match="did not end within 1 s") as raised:
        process.run(["sh", "-c", f"sleep 60 & echo $! >{note}; echo here; wait"], timeout_s=1)

    assert time.monotonic() - begun < 10
    assert raised.value.returncode is None
    assert raised.value.details == ("here",)
    assert _wait_until_gone(int(note.read_text()))


def test_time_out_holds_for_a_program_that_closed_its_output():
    with pytest.raises(errors.CommandError, match="did not end within"):
        process.run(["sh", "-c", "exec >&- 2>&-; sleep 60"], timeout_s=0.5)


def test_error_in_the_caller_ends_the_program(tmp_path: pathlib.Path):
    note = tmp_path / "pid"

    def interrupt(_: str) -> None:
        raise errors.Interrupted(signal.SIGTERM)

    with pytest.raises(errors.Interrupted):
        process.run(
            ["sh", "-c", f"echo $$ >{note}; echo go; sleep 60"], timeout_s=60, on_line=interrupt
        )

    assert _wait_until_gone(int(note.read_text()))


def test_environment_is_an_allow_list(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", "/charm/lib")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/charm/lib")
    monkeypatch.setenv("OS_PASSWORD", "secret")
    monkeypatch.setenv("TZ", "UTC")

    printed = process.run(["env"], timeout_s=10, extra_environment={"EXTRA": "1"}).stdout
    names = {line.partition("=")[0] for line in printed.splitlines()}

    assert {"PATH", "LANG", "TZ", "EXTRA"} <= names
    assert not {"PYTHONPATH", "LD_LIBRARY_PATH", "OS_PASSWORD"} & names


def test_environment_can_be_given_whole(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "UTC")

    printed = process.run(["env"], timeout_s=10, only_environment={"A": "1"}).stdout

    assert set(printed.splitlines()) == {"A=1"}


def test_large_input_and_output_pass_each_other():
    text = "0123456789abcdef\n" * 100_000

    assert process.run(["cat"], timeout_s=60, text_input=text).stdout == text


def test_output_that_nobody_reads_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "_KEPT", 100_000)
    seen: list[str] = []

    completed = process.run(
        ["sh", "-c", "yes | head -n 100000"], timeout_s=60, on_line=seen.append
    )

    assert len(seen) == 100_000
    assert completed.tail == ("y",) * 20
    assert len(completed.kept) <= 100_000
    with pytest.raises(errors.ImageError, match="sh printed more than 0 MiB"):
        _ = completed.stdout


def test_a_line_without_an_end_is_cut():
    seen: list[str] = []

    completed = process.run(
        ["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x"], timeout_s=60, on_line=seen.append
    )

    assert completed.stdout == "x" * 1_000_000
    assert "".join(seen) == completed.stdout
    assert max(map(len, seen)) <= 128 * 1024


def test_a_password_in_a_long_line_stays_out_of_its_pieces():
    seen: list[str] = []
    words = "http://user:secret@mirror.example/ubuntu " * 10_000

    process.run(["cat"], timeout_s=60, text_input=words, on_line=seen.append)

    assert len(seen) > 1
    assert "secret" not in "".join(seen)
    assert "".join(seen).count("mirror.example") == 10_000


def test_input_that_nobody_reads_is_no_error():
    assert process.run(["true"], timeout_s=10, text_input="x" * 10_000_000).returncode == 0


def test_standard_input_is_empty_without_input():
    assert process.run(["cat"], timeout_s=10).stdout == ""


def test_directory(tmp_path: pathlib.Path):
    assert process.run(["pwd"], timeout_s=10, cwd=tmp_path).stdout.strip() == str(tmp_path)


def test_missing_program_is_named():
    with pytest.raises(errors.ToolMissing, match="the program no-such-program is not installed"):
        process.run(["no-such-program"], timeout_s=1)


def test_file_descriptor_is_inherited():
    reading, writing = os.pipe()
    try:
        process.run(["bash", "-c", f"echo hello >&{writing}"], timeout_s=10, pass_fds=[writing])
        assert os.read(reading, 100) == b"hello\n"
    finally:
        os.close(reading)
        os.close(writing)


def test_helper_is_ended_with_its_children(tmp_path: pathlib.Path):
    note = tmp_path / "pid"
    helper = process.start(["sh", "-c", f"sleep 60 & echo $! >{note}; wait"])
    deadline = time.monotonic() + 5
    while not (note.exists() and note.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    child = int(note.read_text())

    process.stop(helper)

    assert helper.returncode is not None
    assert _wait_until_gone(child)


def test_confidential_output_reaches_the_caller_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []

    completed = process.run(
        ["sh", "-c", "cat; echo open >&2"],
        timeout_s=10,
        text_input="secret\n",
        on_line=lines.append,
        confidential=True,
    )

    assert completed.stdout == "secret\n"
    assert completed.tail == ("open",)
    assert lines == ["open"]
    assert "secret" not in caplog.text


def test_credentials_in_urls_stay_out_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines: list[str] = []
    said = "no https://user:pa@ss@one.example/a@b, mail me@one.example\n"

    completed = process.run(["cat"], timeout_s=10, text_input=said, on_line=lines.append)

    assert lines == ["no https://one.example/a@b, mail me@one.example"]
    assert completed.tail == tuple(lines)
    assert "pa@ss" not in caplog.text
