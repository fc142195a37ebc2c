"""What a unit knows of its cloud: whether it can be used, and which images are current there.

The cloud is asked when its settings change, while something is wrong with it, and now and then
where a unit has no run of its own that says which image is current.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import pathlib

from retrofit import errors
from retrofit.host import files, process
from retrofit.model import documents
from retrofit.model.documents import run_document
from workload import engine, hints, names

NAME = "cloud.json"
# What the answers depend on.
_SETTINGS = ("clouds.yaml", "ca.pem", "request.json")
# A server that is silent is waited for 10 s.
_TIMEOUT_S = 40


class View(documents.Part):
    """What the cloud has answered.

    Attributes:
        settings: Digest of the settings with which it was asked.
        asked: When that was.
        problem: What keeps it from being used, and what to do, in one line; empty if nothing does.
        defined: How many images are defined.
        current: The images that are current, one for each definition that has any.
    """

    settings: str
    asked: documents.Time
    problem: str = ""
    defined: int = 1
    current: tuple[run_document.Image, ...] = ()


def read(state: pathlib.Path) -> View | None:
    """Return what is known; ``None`` if nothing is, or of other settings than those of now."""
    try:
        view = View.model_validate_json((state / NAME).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return view if view.settings == _digest(state) else None


def is_due(view: View | None, now: datetime.datetime, valid: datetime.timedelta) -> bool:
    """Tell whether to ask the cloud.

    Args:
        view: What is known.
        now: The present.
        valid: How long a good answer holds.
    """
    zero = datetime.timedelta(0)
    return view is None or bool(view.problem) or not zero <= now - view.asked < valid


def ask(charm: pathlib.Path, own: names.Names) -> None:
    """Ask the cloud, and keep what it answers.

    Args:
        charm: Directory of the charm.
        own: The unit's names on its machine.
    """
    known = {"settings": _digest(own.state), "asked": datetime.datetime.now(datetime.timezone.utc)}
    view = View.model_validate(known | _answers(charm, own))
    files.write(own.state / NAME, view.model_dump_json(by_alias=True) + "\n", mode=0o600)


def _answers(charm: pathlib.Path, own: names.Names) -> dict[str, object]:
    """Run the program that asks; return what it says, a problem in the charm's words."""
    python = engine.command(charm)[0]
    try:
        completed = process.run(
            [python, "-m", "workload.cloud_questions", own.state / "request.json"],
            timeout_s=_TIMEOUT_S,
            extra_environment=engine.environment(charm, own),
            confidential=True,
        )
    except errors.CommandError as error:
        return {"problem": f"the cloud could not be asked: {error.message}"}
    found: dict[str, object] = json.loads(completed.stdout)
    if "problem" in found:
        found["problem"] = hints.for_charm(str(found["problem"]))
    return found


def _digest(state: pathlib.Path) -> str:
    digest = hashlib.sha256()
    for name in _SETTINGS:
        path = state / name
        content = path.read_bytes() if path.exists() else b""
        digest.update(b"%d\0%s" % (len(content), content))
    return digest.hexdigest()
