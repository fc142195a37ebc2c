"""What a service sets its network namespace up with."""

from __future__ import annotations

from ...model import findings
from .. import subject
from . import reading, services, templates, units


def namespace(template: templates.Template) -> subject.Check:
    """The programs that a unit for a network namespace starts are there.

    Args:
        template: Template of the unit.
    """

    def look(image: subject.Subject) -> findings.Verdict:
        text = template.read(image)
        if text is None:
            return findings.failed(f"the unit's template {template.path} is missing")
        wanted = programs(text)
        missing = [name for name in wanted if not services.has_program(image, name)]
        if missing:
            return findings.failed(
                f"{reading.some(missing)}, which the namespace needs, is missing or cannot be"
                " executed"
            )
        return findings.passed(", ".join(wanted))

    return subject.Check("network namespace", look)


def programs(template: str) -> list[str]:
    """Return the programs that a unit starts, those that ``ip netns exec`` runs included."""
    found: dict[str, None] = {}
    for section, key, value in units.parse(template):
        if (section, key) != ("Service", "ExecStart"):
            continue
        program, *rest = services.words(value.replace("{{ ", "{{").replace(" }}", "}}"))
        found[program] = None
        if rest[:2] == ["netns", "exec"] and len(rest) > 3:
            found[rest[3]] = None
    return list(found)
