"""What a proof of the result takes, depth by depth; a go of its own."""

from __future__ import annotations

import json
import sys

from retrofit.host import files

from . import record, session, table


def prove(bench: session.Session) -> None:
    """Prove the result to the last depth, and write ``results/proof.md``."""
    measured = bench.measure(
        "proof",
        "`retrofit verify --depth traffic`",
        [sys.executable, "-m", "retrofit", "verify", bench.result, "--depth", "traffic", "--json"],
        cache=session.NONE,
        output=None,
    )
    if measured.complaint:
        raise SystemExit(f"retrofit verify failed: {measured.complaint}")
    seconds = json.loads(measured.output)["seconds"]
    document = record.Document(record.machine(), "python -m benchmarks proof", (), {})
    lines = [
        table.headline(document),
        "",
        "| proof | seconds |",
        "|---|---:|",
        *(f"| depth {depth} | {elapsed:.0f} |" for depth, elapsed in seconds.items()),
        f"| all | {measured.wall_s:.0f} |",
        "",
    ]
    files.write(record.RESULTS / "proof.md", "\n".join(lines), mode=0o644)
