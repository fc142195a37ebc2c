"""A workload that lives in memory and behaves as the real one does."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from options import config, request, window
from retrofit import errors, model
from retrofit.model.documents import run_document
from workload import cloud_view, engine, image_files, names, packages, unit

PASSWORD = "s3cret: 'quoted' {{ and }} \\ escaped"


@dataclasses.dataclass
class Workload:
    """What :class:`workload.Workload` keeps on a machine.

    Attributes:
        missing: Packages that are not installed.
        broken_apt: Whether installing them fails.
        wanted: The request written last.
        cloud: The credentials written last.
        authority: The authority written last.
        service: Whether the service is in place.
        timer: How often the timer fires, if there is one.
        opening: When runs may begin by themselves.
        once: Overrides of the next run.
        waits: Whether it is not yet time for the next run.
        last: The result file.
        ended: The history.
        runs: Overrides of each run begun.
        play: What a run does, one call for each look at it; it ends when nothing is left.
        attending: The run that ends with the action that waits for it.
        attended_runs: The same of each run begun.
        broken: Whether the last run could not begin.
        newer: Whether a newer revision wrote result and history.
        migrated: How often the names of previous revisions were looked for.
        removed: How often everything was removed.
        paused: Whether no run begins by itself.
        restarted: How often the services were restarted.
        view: What the cloud has answered.
        asked_cloud: How long answers of the cloud held, each time that was to be seen to.
        forgotten: Images whose evidence was removed.
    """

    missing: list[str] = dataclasses.field(default_factory=list)
    broken_apt: bool = False
    wanted: Mapping[str, object] | None = None
    cloud: request.Cloud | None = None
    authority: str = ""
    service: bool = False
    debug: bool = False
    timer: str | None = None
    opening: str = ""
    once: Mapping[str, object] | None = None
    waits: datetime.datetime | None = None
    last: run_document.Result | None = None
    ended: tuple[run_document.Entry, ...] = ()
    runs: list[Mapping[str, object]] = dataclasses.field(default_factory=list)
    play: list[Callable[[Workload], None]] = dataclasses.field(default_factory=list)
    running: bool = False
    attending: str = ""
    attended_runs: list[str] = dataclasses.field(default_factory=list)
    broken: bool = False
    newer: bool = False
    migrated: int = dataclasses.field(default=0, compare=False)
    removed: int = 0
    paused: bool = False
    restarted: int = 0
    view: cloud_view.View | None = None
    asked_cloud: list[datetime.timedelta] = dataclasses.field(default_factory=list)
    forgotten: list[str] = dataclasses.field(default_factory=list)

    def migrate(self) -> None:
        self.migrated += 1

    def missing_packages(self) -> list[str]:
        return self.missing

    def install_packages(self, _: model.Proxies) -> None:
        if self.missing and self.broken_apt:
            raise packages.InstallError("cannot install mtools (apt-get ended with status 100)")
        self.missing = []

    def configure(
        self, wanted: Mapping[str, object], cloud: request.Cloud, authority: str
    ) -> bool:
        previous, self.wanted = self.wanted, wanted
        self.cloud, self.authority = cloud, authority
        return previous is not None and not request.same_image(previous, wanted)

    def configured(self) -> bool:
        return self.cloud is not None and self.wanted is not None

    def forget_credentials(self) -> None:
        self.cloud = None

    def ask_cloud(self, valid: datetime.timedelta) -> None:
        self.asked_cloud.append(valid)

    def seen(self) -> cloud_view.View | None:
        return self.view

    def install_service(self, *, debug: bool, opening: str, schedules: Sequence[str]) -> None:
        self.service, self.debug, self.opening = True, debug, opening
        self.timer = ", ".join(schedules) or None
        if not schedules and self.asked() is not model.Trigger.ACTION:
            self.once = None

    def remove_timer(self) -> None:
        self.timer = None

    def ask(self, overrides: Mapping[str, object]) -> None:
        self.once = overrides

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def restart(self) -> list[str]:
        self.restarted += 1
        return ["the.timer"] if self.timer else []

    def asked(self) -> model.Trigger | None:
        return model.Trigger(self.once["trigger"]) if self.once else None

    def arrange(self, opening: window.Window | None, *, scheduled: bool) -> None:
        assert scheduled or self.asked() in (None, model.Trigger.ACTION)
        assert (opening is None) == (not self.opening)
        if self.once and not self.waits:
            self.start()

    def next_run(self, _: window.Window | None) -> datetime.datetime | None:
        return self.waits if self.once else None

    @contextlib.contextmanager
    def attended(self, run_id: str) -> Iterator[None]:
        self.attending = run_id
        yield
        self.attending = ""

    def cancel(self) -> str:
        found = "running" if self.running else "waiting" if self.once else ""
        self.running, self.once, self.play = False, None, []
        return found

    def start(self) -> None:
        assert self.attending in ("", (self.once or {}).get("run-id"))
        self.attended_runs.append(self.attending)
        if self.running:
            return
        assert self.service, "systemd does not know the service"
        self.running = True
        self.runs.append(self.once or {})
        self.once = None

    def building(self) -> bool:
        if self.running and self.play:
            self.play.pop(0)(self)
            self.running = bool(self.play)
        return self.running

    def stuck(self) -> bool:
        return self.broken

    def result(self) -> run_document.Result | None:
        self._check()
        return self.last

    def history(self) -> tuple[run_document.Entry, ...]:
        self._check()
        return self.ended

    def note(self, result: run_document.Result) -> None:
        self.last = result

    def forget_evidence(self, *, of: str = "") -> None:
        if of:
            self.forgotten.append(of)

    def remove(self) -> None:
        self.removed += 1
        self.running = self.service = False
        self.timer = self.wanted = self.cloud = self.once = self.last = None

    def _check(self) -> None:
        if self.newer:
            raise errors.NewerDocument("result.json has version 9", hint="upgrade")

    def record(self, **values: Any) -> None:
        """Write a result as the engine does."""
        run_id = self.runs[-1].get("run-id", "") if self.runs else ""
        written = {"run-id": run_id, "step": "", "steps": []} | values
        self.last = run_document.Result.model_validate(written)


@dataclasses.dataclass
class Engine:
    """What :class:`engine.Engine` runs.

    Attributes:
        answers: What commands answer, by their line or its first word: exit code, and JSON or a
            problem.
        asked: The command lines that were run.
        progress: Lines of progress of each command.
        settings: Their files of more variables.
    """

    answers: dict[str, tuple[int, Any, str]] = dataclasses.field(default_factory=dict)
    asked: list[list[str]] = dataclasses.field(default_factory=list)
    progress: tuple[str, ...] = ()
    settings: list[pathlib.Path | None] = dataclasses.field(default_factory=list)

    def run(
        self,
        words: Sequence[str],
        *,
        report: Callable[[str], None],
        settings: pathlib.Path | None = None,
    ) -> engine.Answer:
        self.asked.append(list(words))
        self.settings.append(settings)
        for line in self.progress:
            report(line)
        found = self.answers.get(" ".join(words)) or self.answers[words[0]]
        code, document, problem = found
        return engine.Answer(code, json.dumps(document) if document else "", problem)


@dataclasses.dataclass
class ImageFiles(Workload):
    """What :class:`image_files.ImageFiles` keeps on a machine.

    Attributes:
        kept: Of each time that the images of image files were to be kept, the option, the cloud,
            and whether this unit begins runs.
        failed: Why the last run failed.
    """

    kept: list[tuple[str, request.Cloud, bool]] = dataclasses.field(default_factory=list)
    failed: str = ""

    def keep(
        self,
        options: config.Options,
        cloud: request.Cloud,
        _: model.Proxies,
        *,
        scheduled: bool,
    ) -> None:
        self.kept.append((options.image_files, cloud, scheduled))
        self.service = bool(options.image_files)
        on = self.service and scheduled
        self.timer = options.image_files_frequency if on else None

    @property
    def settings(self) -> pathlib.Path:
        return pathlib.Path("/the/settings")

    def to_check(self, options: config.Options) -> list[str]:
        return [f"--image-files={options.image_files}"] if options.image_files else []

    def problem(self) -> str:
        return self.failed


def nothing(_: Workload) -> None:
    """A look at a run in which nothing happened since the last one."""


def hours_ago(hours: float) -> str:
    """Return a time as the engine writes it."""
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours)
    return then.isoformat(timespec="seconds")


def use(monkeypatch: Any, fake: Workload, imports: ImageFiles, retrofit: Engine) -> None:
    """Have the charm use ``fake``, ``imports`` and ``retrofit``."""

    def make(charm: pathlib.Path, own: names.Names) -> Workload:
        assert (charm.name, own.unit) != ("", "")
        return fake

    monkeypatch.setattr(unit, "Workload", make)
    monkeypatch.setattr(image_files, "ImageFiles", lambda *_: imports)
    monkeypatch.setattr(engine, "Engine", lambda *_: retrofit)
