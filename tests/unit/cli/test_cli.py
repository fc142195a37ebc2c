"""The command line: options into requests, results and errors out."""

import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
from click import testing
from tests.support.provenance import records
from tests.support.publishing import publishing

from retrofit import cloud, errors, model
from retrofit.base_images import files, glance, selection
from retrofit.cli import execution, main, snap
from retrofit.host import progress
from retrofit.model import findings, reasons
from retrofit.model.documents import plan_document, run_document
from retrofit.planning import plan, plan_files, planner, run_request
from retrofit.proof import proof_request
from retrofit.publishing import (
    file_target,
    glance_target,
    promotion,
    prune,
    publish,
    retention,
    survey,
)
from retrofit.runs import one

_STEP = model.StepRecord("unpack", wall_s=1.25, cpu_s=1.0, peak_memory=2, peak_disk=3)
_RETIRED = prune.Pruning(
    (
        retention.Step(retention.Action.DELETE, records.image({}, id="d1"), "it is hidden"),
        retention.Step(retention.Action.KEEP, records.image({}, id="k1"), "server 4f uses it"),
    )
)
_SHADOWING = survey.ShadowingImage(
    id="r1",
    name="theirs",
    owner="p2",
    visibility="public",
    created_at=datetime.datetime(2026, 8, 2, tzinfo=datetime.UTC),
    amp_image_owner_id="p1",
)
_BASE = model.BaseImage(id="b1", name="base", version_name="20260801")
_UNTRUSTED = selection.UntrustedImage("f0", "noble", "theirs", "shared")
_PLANNED = planner.Planned(
    plan.decide(
        plan.Wanted(_BASE, {}, "octavia-amphora", findings.Depth.BOOT), records.own([]), []
    ),
    (_UNTRUSTED,),
)


class FakeRun:
    """Stands for the engine: keeps what it was asked for, and ends as it is told."""

    def __init__(self) -> None:
        self.request: run_request.RunRequest | None = None
        self.pin: plan_document.Image | None = None
        self.error: BaseException | None = None
        self.tagged = False
        self.up_to_date = False
        self.published: publish.Published | None = None
        self.proof: findings.Proof | None = None

    def __call__(
        self,
        request: run_request.RunRequest,
        reporter: progress.Reporter,
        *,
        pin: plan_document.Image | None = None,
        on_plan: Callable[[planner.Planned], None] | None = None,
    ) -> one.RunResult:
        self.request = request
        self.pin = pin
        if on_plan is not None:
            on_plan(_PLANNED)
        reporter.step_started("unpack")
        reporter.advanced(1, 2)
        if self.error is not None:
            raise self.error
        reporter.step_ended(_STEP)
        made = model.BuildResult(
            image=pathlib.Path(getattr(request.target, "path", "published")),
            image_format=request.build.image_format,
            virtual_size=4 * model.GIB,
            size=300 * model.MIB,
            sha256="aa",
            sha512="bb",
            release=model.Release("debian", "12", "bookworm", "amd64"),
            packages=(model.Package("haproxy", "2.6", "amd64"),),
        )
        base = _BASE if self.published else None
        if self.up_to_date:
            return one.RunResult(
                run_document.Outcome.UP_TO_DATE,
                untrusted=(_UNTRUSTED,),
                published=self.published,
                message="same",
                hint="force it",
                shadowing=(_SHADOWING,),
                retired=_RETIRED,
            )
        return one.RunResult(
            run_document.Outcome.TAGGED if self.tagged else run_document.Outcome.PUBLISHED,
            build=None if self.tagged else made,
            base=base,
            untrusted=(),
            published=self.published,
            proof=self.proof,
            shadowing=(_SHADOWING,) if self.published else (),
            retired=_RETIRED,
            steps=(_STEP,),
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    fake = FakeRun()
    monkeypatch.setattr(one, "run", fake)
    return fake


@pytest.fixture
def publication() -> publish.Published:
    return publish.Published(
        id="i1",
        name="amphora-haproxy",
        size=300 * model.MIB,
        content_hash="sha512:bb",
        tags=("octavia-amphora",),
        created_at=datetime.datetime(2026, 8, 1, tzinfo=datetime.UTC),
    )


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """Put back what a command changes in its process."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)


def _execute(
    *arguments: str, command: click.Command = main.retrofit, name: str = "retrofit"
) -> int:
    """Run a command line in this process, and return its exit code."""
    with pytest.raises(SystemExit) as left:
        execution.execute(command, name=name, arguments=list(arguments))
    assert isinstance(left.value.code, int)
    return left.value.code


def _snap(*arguments: str) -> int:
    return _execute(*arguments, command=snap.retrofit, name="octavia-diskimage-retrofit")


class TestImage:
    def test_small_changes_and_checks_arrive(self, engine: FakeRun, tmp_path: pathlib.Path):
        check, script = tmp_path / "check.sh", tmp_path / "fix.sh"
        check.write_text("#!/bin/sh\ntrue\n")

        code = _execute(
            *("image", "in.img", "out.raw", "--depth", "rest", "--check", str(check)),
            *("--package", "tree", "--run", str(script), "--remove", "/etc/motd"),
            *("--copy", "mine:/etc/mine", "--keep-failed"),
        )

        assert code == 0
        assert engine.request is not None
        assert [each.name for each in engine.request.proof.own] == ["check.sh"]
        assert engine.request.build.changes == model.Changes(
            packages=("tree",),
            copies=((pathlib.Path("mine"), "/etc/mine"),),
            scripts=(script,),
            removals=("/etc/motd",),
        )
        assert engine.request.keep_failed

    def test_options_arrive(self, engine: FakeRun):
        code = _execute(
            *("image", "in.img", "out.raw", "--format", "raw", "--compression", "zlib"),
            *("--series", "noble", "--elements-path", "mine"),
            *("--element", "one", "--element", "two"),
            *("--env", "A=1=2", "--env", "B=", "--mirror", "http://mirror/ubuntu"),
            *("--uca-pocket", "caracal", "--uca-mirror", "http://uca", "--ppa", "ppa:a/b"),
            *("--http-proxy", "http://p:1", "--https-proxy", "http://p:2", "--no-proxy", "x"),
            *("--rebuild-on", "base,packages"),
            *("--root-size", "8G", "--work-dir", "/srv", "--force", "--recipe", "amphora"),
            *("--depth", "traffic", "--flavor-disk", "4G", "--evidence", "/evidence"),
            *("--firmware", "uefi", "--firmware", "secure-boot", "--firmware", "uefi"),
            *("--os-cloud", "c", "--os-region-name", "r", "--os-interface", "admin"),
        )

        assert code == 0
        assert engine.request == run_request.RunRequest(
            source=files.Wanted(pathlib.Path("in.img")),
            target=file_target.FileTarget(pathlib.Path("out.raw")),
            build=model.BuildRequest(
                "amphora",
                image_format=model.ImageFormat.RAW,
                compression=model.Compression.ZLIB,
                elements=("one", "two"),
                elements_paths=(pathlib.Path("mine"),),
                environment=(("A", "1=2"), ("B", "")),
                archives=model.Archives(
                    mirror="http://mirror/ubuntu",
                    uca_mirror="http://uca",
                    uca_pocket="caracal",
                    ppas=("ppa:a/b",),
                ),
                proxies=model.Proxies("http://p:1", "http://p:2", "x"),
                root_size=8 * model.GIB,
                series="noble",
            ),
            force=True,
            rebuild_on=frozenset({reasons.Choice.BASE, reasons.Choice.PACKAGES}),
            proof=proof_request.ProofRequest(
                findings.Depth.TRAFFIC,
                4 * model.GIB,
                evidence=pathlib.Path("/evidence"),
                firmwares=(findings.Firmware.UEFI, findings.Firmware.SECURE_BOOT),
            ),
            cloud=cloud.Options("c", "r", "admin"),
            work_base=pathlib.Path("/srv"),
        )

    def test_line_tells_what_was_made(self, engine: FakeRun, capsys: pytest.CaptureFixture[str]):
        assert _execute("image", "in", "out.qcow2") == 0

        printed = capsys.readouterr()
        assert printed.out == "out.qcow2: debian bookworm amd64, 300 MiB qcow2, 1 packages\n"
        assert printed.err == "unpack: 1.2 s\n"
        assert engine.request is not None

    def test_line_tells_what_was_published(
        self, engine: FakeRun, capsys: pytest.CaptureFixture[str], publication: publish.Published
    ):
        engine.published = publication

        assert _execute("image", "glance:", "glance:", "--amp-image-tag", "mine") == 0

        assert (
            capsys.readouterr().out == "i1 amphora-haproxy: debian bookworm amd64, 300 MiB qcow2\n"
        )
        assert engine.request is not None
        assert engine.request.target == glance_target.GlanceTarget(amp_image_tag="mine")

    def test_json_is_alone_on_standard_output(
        self, engine: FakeRun, capsys: pytest.CaptureFixture[str], publication: publish.Published
    ):
        engine.published = publication
        engine.proof = publishing.proof(failing=("kernel",))

        assert _execute("image", "glance:", "glance:", "--json") == 0

        result = json.loads(capsys.readouterr().out)
        assert result["image"]["id"] == "i1"
        assert result["image"]["tags"] == ["octavia-amphora"]
        assert result["image"]["sha256"] == "aa"
        assert result["image"]["release"]["series"] == "bookworm"
        assert result["source"]["version-name"] == "20260801"
        assert (result["proof"]["depth"], len(result["proof"]["checks"])) == ("boot", 5)
        assert result["rivals"] == [
            {
                "id": "r1",
                "name": "theirs",
                "owner": "p2",
                "visibility": "public",
                "created-at": "2026-08-02T00:00:00+00:00",
                "amp-image-owner-id": "p1",
            }
        ]
        kept = {"id": "k1", "name": records.image({}).name, "reason": "server 4f uses it"}
        assert [image["id"] for image in result["retired"]["deleted"]] == ["d1"]
        assert result["retired"]["kept"] == [kept]
        assert (result["retired"]["hidden"], result["retired"]["problem"]) == ([], "")
        assert result["steps"] == [
            {"name": "unpack", "wall-s": 1.25, "cpu-s": 1.0, "peak-memory": 2, "peak-disk": 3}
        ]

    @pytest.mark.usefixtures("engine")
    @pytest.mark.parametrize(
        ("arguments", "line"),
        [
            (("image", "in"), "missing argument 'OUTPUT'; see retrofit image --help"),
            (("image", "in", "out", "--formt", "raw"), "no such option '--formt'"),
            (("image", "in", "out", "--format", "vmdk"), "'vmdk' is not one of 'qcow2', 'raw'"),
            (("image", "in", "out", "--env", "A"), "--env A is not of the form NAME=VALUE"),
            (("imag", "in", "out"), "no such command 'imag'"),
        ],
    )
    def test_wrong_usage(
        self, arguments: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
    ):
        assert _execute(*arguments) == 64

        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("retrofit: error: ")
        assert line in printed.err
        assert printed.err.count("\n") == 1


class TestErrors:
    def test_one_line_with_the_hint(self, engine: FakeRun, capsys: pytest.CaptureFixture[str]):
        engine.error = errors.ImageError("broken", hint="mend it", details=("noise",))

        assert _execute("image", "in", "out") == 65
        assert capsys.readouterr().err == "retrofit: error: broken; mend it\n"

    def test_failing_element_shows_its_last_lines(
        self, engine: FakeRun, capsys: pytest.CaptureFixture[str]
    ):
        engine.error = errors.RecipeError("element x failed", details=("one", "two"))

        assert _execute("image", "in", "out") == 76
        printed = capsys.readouterr().err
        assert printed == "  | one\n  | two\nretrofit: error: element x failed\n"

    def test_details_show_with_debug(self, engine: FakeRun, capsys: pytest.CaptureFixture[str]):
        engine.error = errors.ImageError("broken", details=("noise",))

        assert _execute("image", "in", "out", "--debug") == 65
        assert "  | noise\n" in capsys.readouterr().err

    def test_unexpected_error_has_no_traceback(
        self, engine: FakeRun, capsys: pytest.CaptureFixture[str]
    ):
        engine.error = ValueError("surprise")

        assert _execute("image", "in", "out") == 70
        assert capsys.readouterr().err == (
            "retrofit: error: unexpected ValueError: surprise;"
            " run again with --debug and report the output\n"
        )

    def test_unexpected_error_has_its_traceback_with_debug(
        self, engine: FakeRun, capsys: pytest.CaptureFixture[str]
    ):
        engine.error = ValueError("surprise")

        assert _execute("image", "in", "out", "--debug") == 70
        assert "  | Traceback" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
    )
    def test_signal_ends_the_command(
        self,
        number: signal.Signals,
        code: int,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ):
        tidied = []

        def interrupted(*_: object) -> None:
            try:
                os.kill(os.getpid(), number)
                signal.sigtimedwait([], 5)
            finally:
                os.kill(os.getpid(), number)  # must not disturb the tidying up
                tidied.append(True)

        monkeypatch.setattr(one, "run", interrupted)

        assert _execute("image", "in", "out") == code
        assert tidied == [True]
        assert capsys.readouterr().err == (
            "retrofit: error: interrupted; unfinished work was removed\n"
        )


class TestService:
    @pytest.fixture
    def go(self, tmp_path: pathlib.Path) -> Callable[..., tuple[int, dict[str, Any]]]:
        def go(**request: object) -> tuple[int, dict[str, Any]]:
            path, result = tmp_path / "request.json", tmp_path / "result.json"
            path.write_text(json.dumps({"source": "in", "target": "out"} | request))
            code = _execute("run", str(path), "--result", str(result))
            assert result.stat().st_mode & 0o777 == 0o644
            return code, json.loads(result.read_text())

        return go

    def test_success(
        self, engine: FakeRun, go: Callable[..., Any], publication: publish.Published
    ):
        engine.published = publication

        code, result = go(**{"run-id": "r1"})

        assert code == 0
        assert result["outcome"] == "published"
        assert result["exit-code"] == 0
        assert result["run-id"] == "r1"
        assert result["image"]["id"] == "i1"
        assert result["source"]["id"] == "b1"
        assert [step["name"] for step in result["steps"]] == ["unpack"]
        assert result["reasons"] == [
            {"kind": "first", "text": "no image of this project has the tag octavia-amphora"}
        ]
        assert result["started"] <= result["ended"]
        assert result["duration-s"] >= 0

    def test_an_image_that_only_got_the_tag(
        self, engine: FakeRun, go: Callable[..., Any], publication: publish.Published
    ):
        engine.published, engine.tagged = publication, True

        code, result = go()

        assert (code, result["outcome"]) == (0, "tagged")
        assert result["image"]["id"] == "i1"

    def test_what_was_planned_arrives(self, engine: FakeRun, tmp_path: pathlib.Path):
        path = tmp_path / "plan.json"
        path.write_text(plan_files.write([plan_files.pin("request", _PLANNED.plan, "p1")]))
        request = tmp_path / "request.json"
        request.write_text(json.dumps({"source": "in", "target": "glance:"}))

        _execute(
            "run", str(request), "--plan", str(path), "--result", str(tmp_path / "result.json")
        )

        assert engine.pin is not None
        assert engine.pin.base_image == _BASE

    def test_reasons_and_untrusted_images_are_reported_when_there_is_nothing_to_do(
        self, engine: FakeRun, go: Callable[..., Any]
    ):
        engine.up_to_date = True

        _, result = go()

        assert [reason["kind"] for reason in result["reasons"]] == ["first"]
        assert result["foreign"] == [
            {"id": "f0", "name": "noble", "owner": "theirs", "visibility": "shared"}
        ]

    def test_early_end(self, engine: FakeRun, go: Callable[..., Any]):
        engine.error = errors.Denied("same", hint="force it")

        exited, result = go()

        assert exited == result["exit-code"] == 77
        assert (result["outcome"], result["step"]) == ("failed", "unpack")
        assert (result["message"], result["hint"]) == ("same", "force it")

    def test_the_image_that_is_up_to_date_is_named(
        self,
        engine: FakeRun,
        go: Callable[..., Any],
        publication: publish.Published,
        capsys: pytest.CaptureFixture[str],
    ):
        engine.up_to_date, engine.published = True, publication

        exited, result = go()

        assert exited == result["exit-code"] == 3
        assert (result["outcome"], result["message"]) == ("up-to-date", "same")
        assert [image["id"] for image in result["rivals"]] == ["r1"]
        assert [image["id"] for image in result["retired"]["deleted"]] == ["d1"]
        assert result["image"] == {
            "id": "i1",
            "name": "amphora-haproxy",
            "size": 300 * model.MIB,
            "content-hash": "sha512:bb",
            "tags": ["octavia-amphora"],
            "created-at": "2026-08-01T00:00:00+00:00",
        }
        assert capsys.readouterr().err.splitlines()[-1] == "retrofit: error: same; force it"

    def test_a_failed_proof_is_told_with_the_image_kept(
        self, engine: FakeRun, go: Callable[..., Any]
    ):
        engine.error = findings.refusal(
            publishing.proof(failing=("kernel",)),
            "amphora-haproxy",
            kept=pathlib.Path("/evidence/i1"),
            image_id="i1",
            image_name="failed-amphora-haproxy",
        )

        exited, result = go()

        assert exited == result["exit-code"] == 4
        assert result["outcome"] == "failed"
        assert result["proof"]["result"] == "failed"
        assert result["image"] == {"id": "i1", "name": "failed-amphora-haproxy"}
        assert result["message"] == (
            "amphora-haproxy fails 1 of 5 checks: kernel; it stays in Glance as i1, without tags"
        )
        assert result["hint"] == "see /evidence/i1"
        assert result["details"] == ["kernel: kernel is broken"]

    def test_interruption(self, engine: FakeRun, go: Callable[..., Any]):
        engine.error = errors.Interrupted(signal.SIGTERM)

        exited, result = go()

        assert exited == result["exit-code"] == 143
        assert result["outcome"] == "interrupted"

    def test_unexpected_error(self, engine: FakeRun, go: Callable[..., Any]):
        engine.error = ValueError("surprise")

        exited, result = go()

        assert exited == result["exit-code"] == 70
        assert result["message"] == "unexpected ValueError: surprise"

    def test_wrong_request(self, go: Callable[..., Any]):
        exited, result = go(sereis="noble")

        assert exited == result["exit-code"] == 78
        assert result["outcome"] == "failed"
        assert result["hint"] == "did you mean series?"

    def test_state_can_be_read_while_it_runs(
        self, monkeypatch: pytest.MonkeyPatch, go: Callable[..., Any], tmp_path: pathlib.Path
    ):
        seen: dict[str, Any] = {}

        def look(
            _: run_request.RunRequest, reporter: progress.Reporter, **_others: object
        ) -> None:
            reporter.step_started("unpack")
            reporter.step_ended(_STEP)
            reporter.step_started("grow")
            seen.update(json.loads((tmp_path / "result.json").read_text()))
            raise errors.Unavailable("over")

        monkeypatch.setattr(one, "run", look)
        go()

        assert (seen["outcome"], seen["step"], seen["exit-code"]) == ("running", "grow", None)
        assert [step["name"] for step in seen["steps"]] == ["unpack"]


class TestSnap:
    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("http_proxy", "https_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        pathlib.Path("in.img").touch()

    def test_options_of_the_snap(self, engine: FakeRun, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("http_proxy", "http://proxy:3128")

        code = _snap(
            *("-d", "-r", "-c", "http://uca", "-m", r"deb http://m jammy main\ndeb http://m x y"),
            *("-p", "ppa:a/b", "-u", "yoga", "-O", "raw", "in.img", "out.raw"),
        )

        assert code == 0
        assert engine.request == run_request.RunRequest(
            source=files.Wanted(pathlib.Path("in.img")),
            target=file_target.FileTarget(pathlib.Path("out.raw")),
            build=model.BuildRequest(
                "amphora",
                image_format=model.ImageFormat.RAW,
                archives=model.Archives(
                    mirror="deb http://m jammy main\ndeb http://m x y",
                    uca_mirror="http://uca",
                    uca_pocket="yoga",
                    ppas=("ppa:a/b",),
                ),
                proxies=model.Proxies(http="http://proxy:3128"),
                root_size=1,
            ),
            force=True,
        )

    @pytest.mark.usefixtures("engine")
    def test_manifest(self):
        assert _snap("in.img", "out.qcow2") == 0

        manifest = json.loads(pathlib.Path("out.qcow2.manifest").read_text())
        assert manifest == {
            "packages": [
                {"package": "haproxy", "arch": "amd64", "version": "2.6", "status": "ii "}
            ]
        }

    @pytest.mark.usefixtures("engine")
    @pytest.mark.parametrize(
        "arguments",
        [(), ("in.img",), ("-x", "in.img", "out"), ("-u",), ("-O", "vmdk", "in.img", "out")],
    )
    def test_bad_usage(self, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
        assert _snap(*arguments) == 64
        assert capsys.readouterr().err.startswith("octavia-diskimage-retrofit: error: ")

    def test_help_is_bad_usage_too(self, capsys: pytest.CaptureFixture[str]):
        assert _snap("-h") == 64

        printed = capsys.readouterr()
        assert printed.out == ""
        assert "-u POCKET" in printed.err

    @pytest.mark.parametrize("arguments", [("none.img", "out"), ("in.img", "none/out")])
    def test_bad_paths(
        self, engine: FakeRun, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ):
        assert _snap(*arguments) == 65

        assert engine.request is None
        assert "none" in capsys.readouterr().err


class TestStart:
    def test_help_loads_no_command(self):
        code = (
            "import sys\n"
            "from retrofit.cli import main\n"
            "main.retrofit.main(['--help'], standalone_mode=False)\n"
            "print(*sorted(name for name in sys.modules if name.startswith('retrofit.')))\n"
            "heavy = {'pydantic', 'openstack', 'diskimage_builder', 'guestfs', 'yaml'}\n"
            "print(sorted(heavy & sys.modules.keys()))"
        )
        printed = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout.splitlines()

        assert printed[0].startswith("Usage: ")
        assert printed[-2].split() == [
            *("retrofit.cli", "retrofit.cli.execution", "retrofit.cli.lazy", "retrofit.cli.main"),
            *("retrofit.cli.streams", "retrofit.errors", "retrofit.host", "retrofit.host.signals"),
        ]
        assert printed[-1] == "[]"

    @pytest.mark.parametrize("name", ["manage", "mirror"])
    def test_image_files_load_nothing_of_builds(self, name: str):
        code = f"import sys; from retrofit.cli import {name}; print(*sys.modules)"
        printed = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout

        rooms = {".".join(module.split(".")[:2]) for module in printed.split()}
        assert "retrofit.image_manager" in rooms
        others = {"building", "definitions", "planning", "proof", "publishing", "runs"}
        assert rooms.isdisjoint(f"retrofit.{room}" for room in others)

    @pytest.mark.parametrize(
        ("name", "others"),
        [("image", {"cyclonedx"}), ("create", {"cyclonedx"}), ("plan", {"cyclonedx", "debian"})],
    )
    def test_what_describes_an_image_is_loaded_when_there_is_one(
        self, name: str, others: set[str]
    ):
        code = f"import sys; from retrofit.cli import {name}; print(*sys.modules)"
        printed = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout

        assert others.isdisjoint(printed.split())

    def test_without_a_command_an_error_names_the_help(self, capsys: pytest.CaptureFixture[str]):
        assert _execute() == 64
        assert capsys.readouterr().err == (
            "retrofit: error: missing command; see retrofit --help\n"
        )


class TestHelp:
    def test_lists_every_command_with_its_whole_summary(self):
        listed = testing.CliRunner().invoke(main.retrofit, ["--help"]).stdout
        lines = {line.strip() for line in listed.splitlines()}

        for name, command in main.retrofit.commands.items():
            assert any(
                line.startswith(f"{name} ") and line.endswith(f" {command.help}") for line in lines
            )

    @pytest.mark.parametrize("name", main.retrofit.commands)
    def test_begins_with_the_short_summary(self, name: str):
        summary = main.retrofit.commands[name].help
        text = main.retrofit.load(name).help

        assert summary is not None
        assert text is not None
        assert text.partition("\n\n")[0] == summary
        assert len(summary) <= 60

    @pytest.mark.parametrize("name", main.retrofit.commands)
    def test_shows_every_option(self, name: str):
        command = main.retrofit.load(name)
        shown = testing.CliRunner().invoke(main.retrofit, [name, "--help"]).stdout

        for option in command.params:
            assert option.opts[0] in shown or isinstance(option, click.Argument)

    @pytest.mark.parametrize("name", main.retrofit.commands)
    def test_no_option_takes_the_place_of_another(self, name: str):
        names = [option.name for option in main.retrofit.load(name).params]

        assert [each for each in names if names.count(each) > 1] == []

    def test_shows_options_in_groups(self):
        shown = testing.CliRunner().invoke(main.retrofit, ["image", "--help"]).stdout
        titles = [line.strip() for line in shown.splitlines() if re.fullmatch(r"\S.*: *", line)]

        assert titles == [
            *("Base image:", "Recipe:", "Package archives and proxies:", "Proof:"),
            *("Publishing:", "Cloud:", "Options:"),
        ]

    def test_shows_defaults(self):
        shown = testing.CliRunner().invoke(main.retrofit, ["prune", "--help"]).stdout

        assert "[default: octavia-amphora]" in " ".join(shown.split())


class TestPlan:
    @pytest.fixture
    def request_file(self, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.setattr(planner.Session, "plan", _plan)
        monkeypatch.setattr(promotion, "own", lambda *_: records.own([]))
        monkeypatch.setattr(cloud, "connector", lambda *_: _Project)
        path = tmp_path / "amphora.json"
        path.write_text(json.dumps({"source": "glance:", "target": "glance:"}))
        return str(path)

    def test_for_people(self, request_file: str, capsys: pytest.CaptureFixture[str]):
        assert _execute("plan", request_file) == 0
        assert capsys.readouterr().out == (
            "amphora: build: no image of this project has the tag octavia-amphora\n"
        )

    def test_for_programs(self, request_file: str, capsys: pytest.CaptureFixture[str]):
        assert _execute("plan", request_file, "--json") == 0
        (image,) = json.loads(capsys.readouterr().out)["images"]
        assert (image["name"], image["action"]) == ("amphora", "build")
        assert image["project-id"] == "p1"
        assert image["foreign"][0]["owner"] == "theirs"

    def test_requests_of_one_name_are_refused(
        self, request_file: str, capsys: pytest.CaptureFixture[str]
    ):
        assert _execute("plan", request_file, request_file) == 64
        assert "two request files have the name amphora" in capsys.readouterr().err

    def test_a_file_needs_no_plan(
        self, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
    ):
        path = tmp_path / "file.json"
        path.write_text(json.dumps({"source": "in", "target": "out"}))
        assert _execute("plan", str(path)) == 78
        assert (
            "a plan needs the target glance:, but the target is the file out"
            in capsys.readouterr().err
        )

    def test_definitions(
        self, request_file: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
    ):
        path = tmp_path / "images.yaml"
        path.write_text("images: [{name: a, releases: [jammy, noble], tags: ['{release}']}]")
        assert _execute("plan", "--definitions", str(path)) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
            "a-jammy:",
            "a-noble:",
        ]
        assert _execute("plan", request_file, "--definitions", str(path)) == 64
        assert _execute("plan") == 64

    def test_one_that_cannot_be_planned_leaves_the_others(
        self, request_file: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
    ):
        other = tmp_path / "missing.json"
        other.write_text(json.dumps({"source": "glance:none", "target": "glance:"}))
        assert _execute("plan", str(other), request_file, "--json") == 66
        printed = capsys.readouterr()
        assert [image["name"] for image in json.loads(printed.out)["images"]] == ["amphora"]
        assert printed.err == (
            "retrofit: error: 1 of 2 images cannot be planned: missing: there is no such image\n"
        )


def _plan(_: planner.Session, request: run_request.RunRequest, __: object) -> planner.Planned:
    """Stand for a session's plan: there is any base image but one."""
    if request.source == glance.Wanted(image_id="none"):
        raise errors.InputMissing("there is no such image")
    return _PLANNED


@pytest.mark.parametrize("words", [(), ("request.json", "--definitions", "images")])
def test_a_run_is_for_one_or_for_what_is_defined(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    assert _execute("run", *words) == 64
    assert "run needs either a request file or --definitions" in capsys.readouterr().err


class _Project:
    """Stands for a connection."""

    project_id = "p1"
