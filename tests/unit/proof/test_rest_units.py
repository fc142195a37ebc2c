"""Which units of an image a boot starts, and what is read of them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import pytest

from retrofit.proof.rest import namespace, provisioned, services, units

_SYSTEM = "usr/lib/systemd/system"
_LOCAL = "etc/systemd/system"
_PLAIN = "[Service]\nExecStart=/bin/true\n"


def _tree(root: pathlib.Path, files: Mapping[str, str]) -> pathlib.Path:
    """Fill a tree; a text that begins with -> is a link's target."""
    common = {
        f"{_SYSTEM}/graphical.target": "[Unit]\nRequires=multi-user.target\n",
        f"{_SYSTEM}/multi-user.target": "[Unit]\nDescription=all\n",
        f"{_SYSTEM}/default.target": "->graphical.target",
    }
    for name, text in {**common, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            path.symlink_to(text[2:])
        else:
            path.write_text(text)
    return root


def _started(root: pathlib.Path, files: Mapping[str, str]) -> dict[str, str]:
    common = {"graphical.target": "", "multi-user.target": ""}
    started = units.Units(_tree(root, files)).started()
    assert common.items() <= started.items()
    return {name: by for name, by in started.items() if name not in common}


def test_a_link_enables(tmp_path: pathlib.Path) -> None:
    link = f"{_LOCAL}/multi-user.target.wants/agent.service"
    files = {f"{_SYSTEM}/agent.service": _PLAIN, link: "->/usr/lib/systemd/system/agent.service"}

    assert _started(tmp_path, files) == {"agent.service": "multi-user.target"}


def test_without_a_link_nothing_starts(tmp_path: pathlib.Path) -> None:
    files = {f"{_SYSTEM}/agent.service": _PLAIN + "[Install]\nWantedBy=multi-user.target\n"}

    assert _started(tmp_path, files) == {}


def test_what_another_unit_asks_for_starts_but_is_not_enabled(tmp_path: pathlib.Path) -> None:
    files = {
        f"{_SYSTEM}/agent.service": _PLAIN,
        f"{_SYSTEM}/proxy.service": "[Unit]\nWants=agent.service \\\n  gone.service\n",
        f"{_LOCAL}/multi-user.target.wants/proxy.service": "->../proxy.service",
    }

    assert _started(tmp_path, files) == {"proxy.service": "multi-user.target", "agent.service": ""}


def test_a_chain_of_links_counts_from_the_default_target_only(tmp_path: pathlib.Path) -> None:
    files = {
        f"{_SYSTEM}/agent.service": _PLAIN,
        f"{_SYSTEM}/certificates.service": _PLAIN,
        f"{_LOCAL}/agent.service.wants/certificates.service": "->/x/certificates.service",
        f"{_LOCAL}/rescue.target.wants/agent.service": "->/x/agent.service",
        f"{_SYSTEM}/rescue.target": "[Unit]\n",
    }
    assert _started(tmp_path, files) == {}

    more = {f"{_LOCAL}/multi-user.target.requires/agent.service": "->/x/agent.service"}
    assert _started(tmp_path / "2", files | more) == {
        "agent.service": "multi-user.target",
        "certificates.service": "agent.service",
    }


@pytest.mark.parametrize("mask", ["->/dev/null", ""])
def test_a_masked_unit_does_not_start(tmp_path: pathlib.Path, mask: str) -> None:
    files = {
        f"{_SYSTEM}/agent.service": _PLAIN,
        f"{_LOCAL}/agent.service": mask,
        f"{_LOCAL}/multi-user.target.wants/agent.service": "->/x/agent.service",
    }

    assert _started(tmp_path, files) == {}
    unit = units.Units(tmp_path).find("agent.service")
    assert unit is not None
    assert unit.masked


def test_an_alias_leads_to_the_unit(tmp_path: pathlib.Path) -> None:
    files = {
        f"{_SYSTEM}/ssh.service": _PLAIN,
        f"{_LOCAL}/sshd.service": "->/usr/lib/systemd/system/ssh.service",
        f"{_LOCAL}/multi-user.target.wants/sshd.service": "->/x/sshd.service",
    }

    assert _started(tmp_path, files) == {"ssh.service": "multi-user.target"}


def test_an_instance_comes_from_its_template(tmp_path: pathlib.Path) -> None:
    files = {
        f"{_SYSTEM}/getty@.service": _PLAIN,
        f"{_LOCAL}/multi-user.target.wants/getty@tty1.service": "->/x/getty@.service",
    }

    assert _started(tmp_path, files) == {"getty@tty1.service": "multi-user.target"}


def test_cloud_inits_generator_counts_until_it_is_disabled(tmp_path: pathlib.Path) -> None:
    generator = tmp_path / "usr/lib/systemd/system-generators/cloud-init-generator"
    files = {
        f"{_SYSTEM}/cloud-init.target": "[Unit]\n",
        f"{_SYSTEM}/cloud-init.service": _PLAIN,
        f"{_LOCAL}/cloud-init.target.wants/cloud-init.service": "->/x/cloud-init.service",
        str(generator.relative_to(tmp_path)): "#!/bin/sh\n",
    }
    assert _started(tmp_path, files) == {}

    generator.chmod(0o755)
    started = units.Units(tmp_path).started()
    assert started["cloud-init.service"] == "cloud-init.target"

    (tmp_path / "etc/cloud").mkdir()
    (tmp_path / "etc/cloud/cloud-init.disabled").touch()
    assert "cloud-init.service" not in units.Units(tmp_path).started()


def test_drop_ins_are_read_in_order(tmp_path: pathlib.Path) -> None:
    files = {
        f"{_SYSTEM}/agent.service": "[Service]\n# no\nExecStart=/bin/a\n",
        f"{_SYSTEM}/agent.service.d/20-b.conf": "[Service]\nExecStart=\nExecStart=/bin/b\n",
        f"{_LOCAL}/agent.service.d/10-c.conf": "[Service]\nExecStart=/bin/c\n",
        f"{_LOCAL}/agent.service.d/30-d.conf": "[Service]\nExecStart=/bin/d\n",
        f"{_LOCAL}/agent.service.d/40-no": "[Service]\nExecStart=/bin/no\n",
    }
    unit = units.Units(_tree(tmp_path, files)).find("agent.service")

    assert unit is not None
    assert unit.values("Service", "ExecStart") == ["/bin/b", "/bin/d"]


def test_units_that_lead_in_circles_or_out_of_the_tree_end(tmp_path: pathlib.Path) -> None:
    (tmp_path / "host.service").write_text(_PLAIN)
    root = tmp_path / "tree"
    files = {
        f"{_SYSTEM}/a.service": "[Unit]\nWants=b.service\n",
        f"{_SYSTEM}/b.service": "[Unit]\nRequires=a.service\n",
        f"{_LOCAL}/multi-user.target.wants/a.service": "->/x/a.service",
        f"{_LOCAL}/out.service": "->../../../../../host.service",
        f"{_LOCAL}/multi-user.target.wants/out.service": "->/x/out.service",
    }

    assert _started(root, files) == {"a.service": "multi-user.target", "b.service": ""}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("-/sbin/ip netns add x", ["/sbin/ip", "netns", "add", "x"]),
        ("@+/bin/sh -c 'a b'", ["/bin/sh", "-c", "a b"]),
        ("/bin/sh -c 'unfinished", ["/bin/sh", "-c", "'unfinished"]),
    ],
)
def test_commands_are_split(command: str, words: list[str]) -> None:
    assert services.words(command) == words


def test_programs_of_a_namespace() -> None:
    template = (
        "[Service]\nExecStart=-/sbin/ip netns add {{ name }}\n"
        "ExecStart=-/sbin/ip netns exec {{ name }} sysctl --system\n"
        "ExecStart=-/bin/sh -c '/sbin/ip link | awk \\'{print}\\''\n"
        "ExecStart=-/sbin/ip netns exec {{ name }} amphora-interface up all\n"
    )

    wanted = ["/sbin/ip", "sysctl", "/bin/sh", "amphora-interface"]
    assert namespace.programs(template) == wanted


def test_settings_of_oslo_config() -> None:
    text = "a = 1\n# b = 2\n[server]\nc=3=4\n  continued = no\n;d = 5\nnothing\n"

    assert list(provisioned.parse(text)) == [("DEFAULT", "a", "1"), ("server", "c", "3=4")]
