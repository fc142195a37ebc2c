"""The next run that begins by itself: what asks for it, when it is due, and a timer for that."""

from __future__ import annotations

import datetime
import json
import logging
import pathlib
import zoneinfo
from collections.abc import Mapping

from options import window
from retrofit import errors, model
from retrofit.host import files, process
from retrofit.model.documents import run_document
from retrofit.runs import history
from workload import cancellation, due, names, retries

_LOG = logging.getLogger(__name__)

# Who changes one option often changes another.
_OPTIONS_PAUSE = datetime.timedelta(seconds=30)
_LOCAL_ZONE = pathlib.Path("/etc/localtime")
_LONGEST_DELAY_S = 300
_TIMEOUT_S = 60


class Schedule:
    """What was asked for and has not begun, and the runs before it.

    Args:
        own: The unit's names on its machine.
        opening: When runs may begin by themselves; ``None`` for always.
    """

    def __init__(self, own: names.Names, opening: window.Window | None) -> None:
        self._own = own
        self._once = own.runs / "once.json"
        self._result = own.runs / "result.json"
        self._paused = own.state / "paused"
        self._window = opening

    @property
    def paused(self) -> bool:
        """Whether no run begins by itself until somebody says so; a reboot changes nothing."""
        return self._paused.exists()

    def pause(self) -> None:
        """Let no run begin by itself."""
        files.write(self._paused, "", mode=0o600)
        self.disarm()

    def resume(self) -> None:
        """Let runs begin by themselves again."""
        self._paused.unlink(missing_ok=True)

    def ask(self, overrides: Mapping[str, object]) -> None:
        """Leave what is different in the next run; see :func:`request.once`."""
        files.write(self._once, json.dumps(dict(overrides)) + "\n", mode=0o600)

    def ask_for(self, trigger: model.Trigger) -> None:
        """Ask for a run of which nothing else is different, unless one is asked for already."""
        if self.asked() is None:
            self.ask({"trigger": str(trigger)})

    def choose(self, moment: datetime.datetime) -> bool:
        """Have the run that begins by itself look at the images that are due; tell if any is.

        Args:
            moment: The present.
        """
        trigger = self.asked() or model.Trigger.SCHEDULE
        # An option may have changed any image, and image files have one schedule.
        if trigger is model.Trigger.OPTION or self._own.job:
            return True
        images = due.names(self._own.state, moment)
        if images:
            self.ask({"trigger": str(trigger), "images": list(images)})
        elif images is not None:
            self._once.unlink(missing_ok=True)
            _LOG.info("no image is due")
        return images != ()

    def asked(self) -> model.Trigger | None:
        """Return what asks for a run that has not begun, if anything does."""
        try:
            return model.Trigger(json.loads(self._once.read_bytes())["trigger"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            # A previous revision's; whatever else it holds, the run itself complains of it.
            return model.Trigger.SCHEDULE

    def abandoned(self) -> bool:
        """Tell whether the action is gone that asked for a run and waits for it."""
        try:
            run_id = str(json.loads(self._once.read_bytes())["run-id"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return False
        return cancellation.is_abandoned(self._own, run_id)

    def withdraw(self) -> None:
        """Take back what was asked for, whatever asked for it."""
        self.disarm()
        self._once.unlink(missing_ok=True)

    def forget(self) -> None:
        """Take back what was asked for, but for what an action asked for."""
        if self.asked() is not model.Trigger.ACTION:
            self._once.unlink(missing_ok=True)

    def runs(self) -> tuple[run_document.Entry, ...]:
        """Return the last runs, oldest first.

        Raises:
            errors.NewerDocument: A newer revision has written the history.
        """
        return history.read(history.beside(self._result))

    def due(self, moment: datetime.datetime) -> datetime.datetime | None:
        """Return when the run that is asked for is to begin, if one is.

        Args:
            moment: The present.
        """
        trigger = self.asked()
        if trigger is None or trigger is model.Trigger.ACTION:
            return moment if trigger else None
        earliest = moment
        if trigger is model.Trigger.OPTION:
            changed = datetime.datetime.fromtimestamp(
                self._once.stat().st_mtime, datetime.timezone.utc
            )
            earliest = _later(changed, _OPTIONS_PAUSE, moment)
        if trigger is model.Trigger.RETRY:
            runs = self._known_runs()
            pause = retries.pause(runs)
            if pause is not None:
                earliest = _later(runs[-1].end, pause, moment)
        return self.opening(earliest)

    def opening(self, moment: datetime.datetime) -> datetime.datetime:
        """Return the first moment from one on at which a run may begin by itself."""
        return self._window.opening(moment) if self._window else moment

    def ended(self) -> None:
        """See to what follows a run: another attempt, or what was asked for meanwhile."""
        if not self._own.job:
            due.note(self._own.state)
        history.settle(self._result)
        if retries.pause(self._known_runs()) is not None:
            self.ask_for(model.Trigger.RETRY)
        elif self.asked() is model.Trigger.RETRY:
            self._once.unlink()
        self.arrange()

    def _known_runs(self) -> tuple[run_document.Entry, ...]:
        """Return the last runs, none if it is not known what failed: nothing is tried again."""
        try:
            return self.runs()
        except errors.NewerDocument as error:
            _LOG.warning("no run is repeated: %s", error)
            return ()

    def arrange(self) -> None:
        """Have the run that is asked for begin when it is due."""
        if self.abandoned():
            self.withdraw()
        moment = now()
        due = self.due(moment)
        if due is not None:
            self.arm(due - moment)

    def arm(self, pause: datetime.timedelta) -> None:
        """Start the service after a pause, in place of what was arranged before."""
        self.disarm()
        seconds = max(pause.total_seconds(), 1)
        process.run(
            [
                "systemd-run",
                *("--quiet", "--collect", f"--unit={self._own.next}", f"--slice={names.SLICE}"),
                f"--on-active={seconds:.0f}",
                # Many windows open at the same hour.
                f"--timer-property=RandomizedDelaySec={min(seconds / 12, _LONGEST_DELAY_S):.0f}",
                "--timer-property=AccuracySec=1",
                *("--", "systemctl", "start", "--no-block", self._own.service),
            ],
            timeout_s=_TIMEOUT_S,
        )

    def disarm(self) -> None:
        """Start nothing after the pause that goes on, if one does."""
        argv = ["systemctl", "stop", f"{self._own.next}.timer"]
        process.run(argv, timeout_s=_TIMEOUT_S, check=False)


def now() -> datetime.datetime:
    """Return the present in the machine's time zone, which is that of systemd's calendars."""
    if not _LOCAL_ZONE.exists():
        return datetime.datetime.now(datetime.timezone.utc)
    with _LOCAL_ZONE.open("rb") as file:
        return datetime.datetime.now(zoneinfo.ZoneInfo.from_file(file, "localtime"))


def _later(
    then: datetime.datetime, pause: datetime.timedelta, moment: datetime.datetime
) -> datetime.datetime:
    """Return the end of a pause, whatever the clock was when it began."""
    return min(max(then + pause, moment), moment + pause).astimezone(moment.tzinfo)
