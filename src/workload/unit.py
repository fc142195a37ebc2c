"""What the charm keeps on the machine: service, timer, credentials, request, results."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import pathlib
import shutil
from collections.abc import Mapping, Sequence

from charmlibs import systemd

from options import request, window
from retrofit import errors, model
from retrofit.host import files, process
from retrofit.model.documents import run_document
from workload import (
    cancellation,
    cloud_view,
    debian,
    engine,
    execution_condition,
    migration,
    names,
    packages,
    removal,
    results,
    schedule,
)

_KEPT_EVIDENCE = 3
_SERVICE = f"{names.PROJECT}.service"
_TIMER = f"{names.PROJECT}.timer"

_QUERY_TIMEOUT_S = 60
# Units of many clouds share mirrors. These words leave the time to us and are the same everywhere;
# who names a time has chosen one, and means it.
_DELAY_S = {"daily": 3600, "weekly": 3600}
_SHORT_DELAY_S = 300


class Workload:
    """The builds of one unit.

    Args:
        charm: Directory of the charm.
        own: The unit's names on its machine.
    """

    def __init__(self, charm: pathlib.Path, own: names.Names) -> None:
        self._charm = charm
        self._own = own

    def migrate(self) -> None:
        """Take over what previous revisions left; see :func:`migration.migrate`."""
        migration.migrate(self._own)

    def missing_packages(self) -> list[str]:
        """Return the packages that builds need and that are not installed."""
        return packages.missing()

    def install_packages(self, proxies: model.Proxies) -> None:
        """Install the packages that are missing; see :func:`packages.install`."""
        missing = packages.missing()
        if missing:
            packages.install(missing, proxies)

    def configure(
        self, wanted: Mapping[str, object], cloud: request.Cloud, authority: str
    ) -> bool:
        """Write what a run needs: request, credentials, the cloud's authority.

        Args:
            wanted: The request.
            cloud: The cloud it goes to.
            authority: PEM text of the authority that signs the cloud's certificates, or empty.

        Returns:
            Whether a request was there already that makes another image.
        """
        self._own.make_directories()
        state = self._own.state
        previous = self._previous_request()
        self._render("clouds.yaml", state / "clouds.yaml", 0o600, cloud=dataclasses.asdict(cloud))
        write(state / "ca.pem", authority, 0o600)
        write(state / "request.json", _as_text(wanted), 0o600)
        return previous is not None and not request.same_image(previous, wanted)

    def configured(self) -> bool:
        """Tell whether there are credentials and a request."""
        state = self._own.state
        return all((state / name).exists() for name in ("clouds.yaml", "request.json"))

    def forget_credentials(self) -> None:
        """Remove the credentials of runs, which keystone gives no more."""
        for name in ("clouds.yaml", cloud_view.NAME):
            (self._own.state / name).unlink(missing_ok=True)

    def ask_cloud(self, valid: datetime.timedelta) -> None:
        """Ask the cloud whether it can be used, unless that is known; see :mod:`cloud_view`.

        Args:
            valid: How long a good answer holds, as long as the settings are the same.
        """
        if cloud_view.is_due(self.seen(), datetime.datetime.now(datetime.timezone.utc), valid):
            cloud_view.ask(self._charm, self._own)

    def seen(self) -> cloud_view.View | None:
        """Return what is known of the cloud as it is set now, if it was asked."""
        return cloud_view.read(self._own.state)

    def install_service(
        self, *, debug: bool, opening: str, schedules: Sequence[str], words: Sequence[str] = ()
    ) -> None:
        """Put the service in place, and the timer where this unit is to have one.

        Args:
            debug: Whether runs write all that they do to the journal.
            opening: The maintenance window, as :func:`window.parse` takes it.
            schedules: When the timer starts the service; without any there is no timer.
            words: The command of the engine that a run is; without any, one that builds.
        """
        changed = self._render(
            _SERVICE,
            removal.UNITS / self._own.service,
            0o644,
            charm=self._charm,
            runs=self._own.runs,
            job=self._own.job,
            line=" ".join(words or ("run", "--definitions", f"{self._own.state}/request.json")),
            python=engine.command(self._charm)[0],
            command=" ".join(engine.command(self._charm)),
            environment=engine.environment(self._charm, self._own),
            limits=engine.LIMITS,
            debug=debug,
            opening=opening,
            juju_exec=_juju_exec(),
            not_now=execution_condition.NOT_NOW,
        )
        if changed:
            systemd.daemon_reload()
        if not schedules:
            self.remove_timer()
            schedule.Schedule(self._own, None).forget()
            return
        changed = self._render(
            _TIMER,
            removal.UNITS / self._own.timer,
            0o644,
            schedules=schedules,
            delay_s=min(_DELAY_S.get(each, _SHORT_DELAY_S) for each in schedules),
        )
        if changed:
            systemd.daemon_reload()
            systemd.service_enable(self._own.timer)
            systemd.service_restart(self._own.timer)

    def ask(self, overrides: Mapping[str, object]) -> None:
        """Leave what is different in the next run; see :func:`request.once`."""
        schedule.Schedule(self._own, None).ask(overrides)

    def asked(self) -> model.Trigger | None:
        """Return what asks for a run that has not begun, if anything does."""
        return schedule.Schedule(self._own, None).asked()

    @property
    def paused(self) -> bool:
        """Whether no run begins by itself."""
        return schedule.Schedule(self._own, None).paused

    def pause(self) -> None:
        """Let no run begin by itself, also after a reboot; one that is under way goes on."""
        self._own.make_directories()
        schedule.Schedule(self._own, None).pause()

    def resume(self) -> None:
        """Let runs begin by themselves again."""
        schedule.Schedule(self._own, None).resume()

    def restart(self) -> list[str]:
        """Start the timer anew, if there is one; return the names of what was restarted."""
        if not (removal.UNITS / self._own.timer).exists():
            return []
        systemd.service_restart(self._own.timer)
        return [self._own.timer]

    def attended(self, run_id: str) -> contextlib.AbstractContextManager[None]:
        """Have a run that is asked for end if this process is killed within the context."""
        return cancellation.attended(self._own, self._own.service, run_id=run_id)

    def cancel(self) -> str:
        """End the run that is under way, and take back what is asked for.

        Returns:
            What was cancelled: a run that was ``running``, or ``waiting`` to begin, or nothing.
        """
        plan = schedule.Schedule(self._own, None)
        found = "running" if self.building() else "waiting" if plan.asked() else ""
        cancellation.cancel(self._own.service)
        plan.withdraw()
        return found

    def start(self) -> None:
        """Start a run and return at once; does nothing while one is under way."""
        schedule.Schedule(self._own, None).disarm()
        systemd.service_start("--no-block", self._own.service)

    def arrange(self, opening: window.Window | None, *, scheduled: bool) -> None:
        """Have the run that is asked for begin when it is due, and one that failed again.

        Args:
            opening: When runs may begin by themselves; ``None`` for always.
            scheduled: Whether this unit has any that begin by themselves.
        """
        if self.building():
            # Its end sees to what follows.
            return
        plan = schedule.Schedule(self._own, opening)
        if scheduled:
            plan.ended()
        else:
            plan.arrange()

    def next_run(self, opening: window.Window | None) -> datetime.datetime | None:
        """Return when the run that is asked for is to begin, if one is."""
        return schedule.Schedule(self._own, opening).due(schedule.now())

    def building(self) -> bool:
        """Tell whether a run is under way or about to be."""
        shown = self._shown("ActiveState", "Job")
        idle = shown.get("ActiveState") in ("inactive", "failed")
        return not idle or shown.get("Job", "0") not in ("", "0")

    def stuck(self) -> bool:
        """Tell whether the service failed last time before a run could begin."""
        shown = self._shown("ActiveState", "ExecMainStartTimestampMonotonic")
        return shown == {"ActiveState": "failed", "ExecMainStartTimestampMonotonic": "0"}

    def result(self) -> run_document.Result | None:
        """Return how the last run went or the current one goes, if there was any.

        Raises:
            errors.NewerDocument: A newer revision has written it.
        """
        return results.read(self._own.runs / "result.json")

    def history(self) -> tuple[run_document.Entry, ...]:
        """Return the last runs, oldest first.

        Raises:
            errors.NewerDocument: A newer revision has written them.
        """
        return schedule.Schedule(self._own, None).runs()

    def note(self, result: run_document.Result) -> None:
        """Keep what came about without a run, in place of the last run's result."""
        write(self._own.runs / "result.json", result.model_dump_json(by_alias=True) + "\n", 0o644)

    def forget_evidence(self, *, of: str = "") -> None:
        """Remove what was kept of proofs of one image, and of others but for the last few."""
        if of:
            shutil.rmtree(self._own.evidence / of, ignore_errors=True)
        kept = sorted(self._own.evidence.glob("*"), key=lambda path: path.stat().st_mtime)
        for directory in kept[:-_KEPT_EVIDENCE]:
            shutil.rmtree(directory)

    def remove(self) -> None:
        """End a run that is under way, and remove what this charm wrote; packages stay."""
        removal.remove(self._own)

    def remove_timer(self) -> None:
        """Let nothing begin by itself; what was asked for is kept."""
        schedule.Schedule(self._own, None).disarm()
        if not (removal.UNITS / self._own.timer).exists():
            return
        systemd.service_stop(self._own.timer)
        removal.remove_unit_files([self._own.timer])

    def _previous_request(self) -> dict[str, object] | None:
        try:
            previous = json.loads((self._own.state / "request.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return previous if isinstance(previous, dict) else None

    def _shown(self, *properties: str) -> dict[str, str]:
        """Return properties of the service, as systemd writes them."""
        shown = process.run(
            ["systemctl", "show", f"--property={','.join(properties)}", self._own.service],
            timeout_s=_QUERY_TIMEOUT_S,
        )
        return dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)

    def _render(self, template: str, target: pathlib.Path, mode: int, **context: object) -> bool:
        """Fill in a template; return whether that changed the file."""
        text = debian.templating.render(
            template,
            None,
            context | {"unit": self._own.unit},
            templates_dir=str(self._charm / "templates"),
        )
        return write(target, text + "\n", mode)


def _as_text(wanted: Mapping[str, object]) -> str:
    """Return a request as JSON that is YAML, too, which knows no halves of characters."""
    return json.dumps(dict(wanted), indent=2, ensure_ascii=False) + "\n"


def _juju_exec() -> str:
    """Return the program that runs commands as a unit: Juju 3's, or 2.9's."""
    try:
        return process.find("juju-exec")
    except errors.ToolMissing:
        return "/usr/bin/juju-run"


def write(path: pathlib.Path, text: str, mode: int) -> bool:
    """Write a file unless it holds that already; return whether it was written."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8") == text and path.stat().st_mode & 0o777 == mode:
            return False
    files.write(path, text, mode=mode)
    return True
