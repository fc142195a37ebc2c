"""What charmcraft itself says of charmcraft.yaml, without packing anything."""

from __future__ import annotations

import json
import pathlib
import subprocess

from tests.support import artefacts, paths

# Run by charmcraft's own interpreter: what packing would begin with, and the bases that it knows.
_ASK = """
import json, sys, yaml
import craft_platforms
from charmcraft import const
from charmcraft.models import project
data = yaml.safe_load(sys.stdin)
project.CharmcraftProject.unmarshal(data)
plan = craft_platforms.get_build_plan("charmcraft", project_data=data)
known = [[base.name, base.version] for base in const.SUPPORTED_BASES]
bases = [[each.build_base.distribution, each.build_base.series] for each in plan]
print(json.dumps({"known": known, "bases": bases, "names": [each.platform for each in plan]}))
"""


def _ask(text: str) -> subprocess.CompletedProcess[str]:
    python = artefacts.programs("charmcraft") / "bin" / "python"
    return subprocess.run(
        [python, "-c", _ASK],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_packs_for_every_platform_that_it_names():
    path: pathlib.Path = paths.REPOSITORY / "charmcraft.yaml"
    answered = _ask(path.read_text(encoding="utf-8"))

    assert answered.returncode == 0, answered.stderr
    told = json.loads(answered.stdout)
    assert [base for base in told["bases"] if base not in told["known"]] == []
    assert told["names"] == [
        f"ubuntu@{release}:{architecture}"
        for release in ("22.04", "24.04", "26.04")
        for architecture in ("amd64", "arm64")
    ]
