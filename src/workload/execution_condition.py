"""What the service asks before a run begins, and what it tells when one has ended.

systemd runs it (``python -m workload.execution_condition``) as ``ExecCondition=`` and
``ExecStopPost=``: what holds for runs that begin by themselves has to hold
for every timer, and for one that catches up after a reboot.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import os
import sys

from options import window
from retrofit import errors, model
from retrofit.host import process
from workload import names, schedule

_LOG = logging.getLogger(__name__)

# The agent runs one hook or action at a time, and this waits for its turn. Nobody who has it may
# be waiting for this service: see begin().
_AGENT_TIMEOUT_S = 60
_PAUSE = datetime.timedelta(minutes=5)
# How the program says that no run may begin now: not as one ends that is broken.
NOT_NOW = os.EX_TEMPFAIL


def begin(plan: schedule.Schedule, *, juju_exec: str, unit: str) -> bool:
    """Tell whether a run may begin now; if it may later, see to it that it does.

    Args:
        plan: The unit's schedule.
        juju_exec: The program that runs commands as a unit.
        unit: Name of the unit.
    """
    # What an action asks for runs on any unit and at any time. The action waits for it and has
    # the agent's turn meanwhile, so nothing may be asked of the agent.
    if plan.asked() is model.Trigger.ACTION and plan.abandoned():
        plan.withdraw()
        _LOG.info("the action that asked for the run was cancelled")
        return False
    if plan.asked() is model.Trigger.ACTION:
        return True
    if plan.paused:
        _LOG.info("the unit is paused")
        return False
    moment = schedule.now()
    opening = plan.opening(moment)
    if opening > moment:
        plan.ask_for(model.Trigger.SCHEDULE)
        plan.arm(opening - moment)
        _LOG.info("the run begins when the maintenance window opens: %s", opening)
        return False
    leads = _is_leader(juju_exec, unit)
    if plan.asked() is model.Trigger.ACTION:
        return True
    if leads:
        return plan.choose(moment)
    if leads is None:
        plan.ask_for(model.Trigger.SCHEDULE)
        plan.arm(_PAUSE)
        _LOG.info("Juju's agent is busy: retry in %s", _PAUSE)
        return False
    _LOG.info("another unit is the leader, and runs begin there")
    return False


def ended(plan: schedule.Schedule, *, result: str, ran: bool) -> None:
    """See to what follows the end of the service.

    Args:
        plan: The unit's schedule.
        result: systemd's word for the end, such as ``success`` or ``exec-condition``.
        ran: Whether a run began.
    """
    if result == "exec-condition":
        # No run began, and begin() has seen to the rest.
        return
    if ran:
        plan.ended()
    elif plan.asked() not in (None, model.Trigger.ACTION):
        # What kept it from beginning would do so again at once.
        plan.arm(_PAUSE)


def main(words: list[str] | None = None) -> int:
    """Do what systemd asks for; :data:`NOT_NOW` says that no run may begin."""
    parser = argparse.ArgumentParser(prog="execution-condition")
    parser.add_argument("moment", choices=["begin", "ended"])
    parser.add_argument("--unit", required=True)
    parser.add_argument("--job", default="")
    parser.add_argument("--juju-exec", required=True)
    parser.add_argument("--window", default="")
    given = parser.parse_args(words)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    plan = schedule.Schedule(names.Names(given.unit, given.job), window.parse(given.window))
    if given.moment == "ended":
        # Of systemd.exec(5); the latter is there only if the main process was.
        ended(plan, result=os.environ.get("SERVICE_RESULT", ""), ran="EXIT_CODE" in os.environ)
        return 0
    return 0 if begin(plan, juju_exec=given.juju_exec, unit=given.unit) else NOT_NOW


def _is_leader(juju_exec: str, unit: str) -> bool | None:
    """Ask Juju whether the unit leads; ``None`` if there is no answer."""
    argv = [juju_exec, "-u", unit, "is-leader --format json"]
    try:
        answer = json.loads(process.run(argv, timeout_s=_AGENT_TIMEOUT_S).stdout)
    except (errors.RetrofitError, ValueError):
        return None
    return answer if isinstance(answer, bool) else None


if __name__ == "__main__":
    sys.exit(main())
