"""A stand-in for a cell: harmless scripts run on the host, with paths of the cell translated."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

from retrofit.host import process
from retrofit.host.sandbox import cells


@dataclasses.dataclass(frozen=True)
class HostCell(cells.Cell):
    """Runs programs on the host; the cell's root is the value of ``TMP_MOUNT_PATH``."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float,
        on_line: Callable[[str], None] | None = None,
        check: bool = True,
        confidential: bool = False,
    ) -> process.Completed:
        # Not /tmp itself: what was translated once, which lies below it, must stay as it is.
        sources = {bind.target: str(bind.source) for bind in self.binds if bind.target != "/tmp"}
        targets = sorted(sources, key=len, reverse=True)
        pattern = re.compile(rf"(?<![^\s:\]=])({'|'.join(map(re.escape, targets))})(?=/|:|\s|$)")

        def here(text: str) -> str:
            return pattern.sub(lambda match: sources[match[0]], text)

        translated = {name: here(value) for name, value in self.environment.items()}
        if "TMP_MOUNT_PATH" in translated:
            translated["TMP_MOUNT_PATH"] = str(self.root)
        return process.run(
            [here(word) for word in argv],
            timeout_s=timeout_s,
            only_environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"} | translated,
            on_line=on_line,
            check=check,
            confidential=confidential,
        )
