"""The action check: what keeps the unit from building and publishing images, all at once."""

from __future__ import annotations

import collections
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ops

from actions import answers
from options import config
from retrofit import errors
from workload import engine, hints, image_files, names, unit


class CheckAction(ops.Object):
    """Observes the action, which a unit that cannot build answers as well.

    Args:
        charm: The charm.
        builds: The unit's builds.
        imports: Its runs of image files.
        retrofit: The engine.
        own: The unit's names on its machine.
        problem: Returns what keeps builds from running, if anything does.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        builds: unit.Workload,
        imports: image_files.ImageFiles,
        retrofit: engine.Engine,
        own: names.Names,
        problem: Callable[[], ops.StatusBase | None],
    ) -> None:
        super().__init__(charm, "check-action")
        self._workload = builds
        self._imports = imports
        self._engine = retrofit
        self._own = own
        self._problem = problem
        self.framework.observe(charm.on.check_action, self._on_check)

    def _on_check(self, event: ops.ActionEvent) -> None:
        """Check what there is to check, and fail with the lines of the checks that failed."""
        problem = self._problem()
        # What the model no longer says is not asked of the cloud.
        known = problem is None and self._workload.configured()
        findings: list[Any] = []
        for line, settings in self._lines(whole=known):
            answer = self._engine.run(line, report=lambda _: None, settings=settings)
            if answer.code not in (0, errors.ChecksFailed.exit_code):
                event.fail(answer.problem)
                return
            findings += json.loads(answer.output)["findings"]
        failed = [each for each in findings if each["outcome"] == "failed"]
        document = {"ok": not failed, "findings": findings}
        event.set_results(_told(document))
        lines = [_line(each) for each in failed]
        if problem is not None:
            lines.append(f"only the machine was checked: {problem.message}")
        if lines:
            event.fail("; ".join(lines))

    def _lines(self, *, whole: bool) -> Iterator[tuple[Sequence[str], pathlib.Path | None]]:
        """Yield command lines, and files of variables for them."""
        words = ["doctor", "--json", f"--work-dir={self._own.work}"]
        if not whole:
            yield [*words, "--only=machine"], None
            return
        # The definitions name the cloud and the mirrors.
        yield [*words, f"--definitions={self._own.state / 'request.json'}"], None
        files = self._imports.to_check(config.load(self.model.config))
        if files:
            # Only these are reached through the model's proxies that are in the variables.
            yield [*words, "--only=image-files", *files], self._imports.settings


def _told(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what was found as flat keys for Juju, and whole."""
    lines: dict[str, list[str]] = collections.defaultdict(list)
    for found in document["findings"]:
        lines[found["subject"]].append(_line(found))
    failed = [each["check"] for each in document["findings"] if each["outcome"] == "failed"]
    values = {subject: "\n".join(told) for subject, told in lines.items()}
    return answers.with_json(values | {"failed": ", ".join(failed)}, document)


def _line(found: Mapping[str, str]) -> str:
    """Return what a check found in one line, in the charm's words."""
    text = "; ".join(filter(None, (found["found"], found["advice"])))
    return f"{found['check']}: {found['outcome']}: {hints.for_charm(text)}"
