"""The unit agent behaves as Juju does; shown with a small charm in a real container."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import pathlib
import time
import zipfile
from collections.abc import Iterator
from concurrent import futures

import pytest
from packaging import requirements
from tests.support.charm import agent as agent_module
from tests.support.charm import container, lxd
from tests.support.charm.unit_agent import charm, operations, state

PROBE = pathlib.Path(__file__).parent / "probe_charm"


@dataclasses.dataclass
class Service:
    """The remote side of the probe's relation: answers with the word it got."""

    application: str = "service"
    address: str = "192.0.2.7"

    def answer(self, published: state.Data) -> state.Data:
        return {"answer": published["word"].upper()} if "word" in published else {}


def distributions(name: str) -> set[str]:
    """Return a distribution and all that it needs."""
    found = {name}
    for text in importlib.metadata.requires(name) or []:
        needed = requirements.Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            found |= distributions(needed.name)
    return found


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> charm.PackedCharm:
    """Pack the probe with ops as it is installed here."""
    path = tmp_path_factory.mktemp("probe") / "probe.charm"
    with zipfile.ZipFile(path, "w") as archive:
        for file in PROBE.rglob("*"):
            archive.write(file, file.relative_to(PROBE))
        for name in sorted(distributions("ops")):
            for module in importlib.metadata.files(name) or []:
                if ".." not in module.parts and module.suffix != ".pyc":
                    archive.write(str(module.locate()), pathlib.PurePath("venv", module))
    return charm.PackedCharm(path)


@pytest.fixture(scope="module")
def machine() -> Iterator[container.Container]:
    with lxd.running() as daemon, container.launched(daemon, "probe") as launched:
        yield launched


@pytest.fixture(scope="module")
def deployed(
    machine: container.Container,
    packed: charm.PackedCharm,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[agent_module.Agent]:
    logs = tmp_path_factory.mktemp("logs")
    with agent_module.Agent(machine, packed, logs=logs).serving() as running:
        running.deploy()
        yield running


@pytest.fixture
def agent(deployed: agent_module.Agent) -> Iterator[agent_module.Agent]:
    """The probe's agent, as it was after the deployment."""
    yield deployed
    if not deployed.unit.leader:
        deployed.set_leader(True)
    if deployed.unit.config != deployed.packed.options({}):
        deployed.configure(**dict.fromkeys(deployed.unit.config))
    if deployed.unit.committed.relations:
        deployed.unrelate("service")
        # Its status is that of a unit that still has the relation.
        deployed.update_status()


def run_outside(agent: agent_module.Agent, *command: str) -> str:
    """Run a command in the machine as a service would, and return all it printed."""
    script = '"$@" 2>&1; echo "status $?"'
    return agent.machine.container.run(["sh", "-c", script, "sh", *command], cwd="/").stdout


def test_status_follows_relation_and_option(agent: agent_module.Agent) -> None:
    assert agent.unit.status == state.Status("blocked", "service is missing")
    number = agent.relate("service", Service())
    assert agent.unit.status == state.Status("active", f"FIRST at {agent.unit.address}")
    assert agent.unit.committed.relations[number].local_application == {"leader": "probe/0"}
    agent.configure(word="second")
    assert agent.unit.status.message.startswith("SECOND at ")
    agent.unrelate("service")
    agent.update_status()
    assert agent.unit.status.status == "blocked"
    assert agent.unit.version == "1.2"


def test_failed_hook_changes_nothing_but_status(agent: agent_module.Agent) -> None:
    number = agent.relate("service", Service())
    with pytest.raises(operations.HookFailed, match="config-changed failed with status 1"):
        agent.configure(word="lost", fail=True)
    assert agent.unit.status == state.Status("maintenance", "asking")
    assert agent.unit.committed.relations[number].local_unit["word"] == "first"
    agent.configure(fail=False)
    assert agent.unit.committed.relations[number].local_unit["word"] == "lost"


def test_leader_alone_writes_for_the_application(agent: agent_module.Agent) -> None:
    agent.set_leader(False)
    number = agent.relate("service", Service())
    assert agent.unit.committed.relations[number].local_application == {}
    agent.set_leader(True)
    assert agent.unit.committed.relations[number].local_application == {"leader": "probe/0"}


def test_actions_take_defaults_and_end_as_the_charm_says(agent: agent_module.Agent) -> None:
    reported: list[str] = []
    result = agent.run_action("echo", report=reported.append)
    assert result.status == "completed"
    assert result.results == {"text": "hello", "secret": "made in install"}
    assert reported == ["halfway"]
    failed = agent.run_action("echo", {"text": "other", "fail": True})
    assert (failed.status, failed.message) == ("failed", "as asked")
    assert failed.results["text"] == "other"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"txt": "x"}, '"txt" is not allowed'),
        ({"text": 1}, "must be of type string"),
        ({"tone": "shrill"}, "must be one of"),
    ],
)
def test_actions_refuse_what_is_not_declared(
    agent: agent_module.Agent, parameters: dict[str, object], reason: str
) -> None:
    with pytest.raises(charm.Rejected, match=reason):
        agent.run_action("echo", parameters)


@pytest.mark.parametrize(
    ("options", "reason"), [({"wrod": "x"}, "unknown option"), ({"fail": "yes"}, "expected bool")]
)
def test_options_refuse_what_is_not_declared(
    agent: agent_module.Agent, options: dict[str, object], reason: str
) -> None:
    with pytest.raises(charm.Rejected, match=reason):
        agent.configure(**options)


@pytest.mark.parametrize(
    ("command", "status", "line"),
    [
        ("relation-get --wrong", 2, "option provided but not defined: --wrong"),
        ("relation-get", 1, "no relation id specified"),
        ("is-leader extra", 2, "unrecognized args"),
        ("status-set unknown", 1, 'invalid status "unknown"'),
        ("config-get --format=xml", 2, 'invalid value "xml"'),
        ("config-get word", 0, "first"),
        ("config-get --format json word", 0, '"first"'),
        ("is-leader", 0, "True"),
        ("action-get", 1, "not running an action"),
        ("resource-get nothing", 1, 'resource "nothing" not found'),
        ("unit-get public-address", 0, "10.214."),
        ("juju-exec probe/0 true", 1, "cannot be called from within a hook"),
    ],
)
def test_hook_tools_are_strict(
    agent: agent_module.Agent, command: str, status: int, line: str
) -> None:
    script = f"{command} 2>&1; echo status $?"
    printed = run_outside(agent, "juju-exec", "probe/0", script)
    assert line in printed
    assert f"status {status}\n" in printed


def test_hook_tools_need_an_operation(agent: agent_module.Agent) -> None:
    tool = f"/var/lib/juju/tools/{agent.machine.tag}/config-get"
    assert 'ERROR unknown context id ""\nstatus 1' in run_outside(agent, tool)


def test_juju_exec_commits_only_if_it_succeeds(agent: agent_module.Agent) -> None:
    run_outside(agent, "juju-exec", "probe/0", "state-set kept=yes")
    assert "status 3" in run_outside(agent, "juju-exec", "probe/0", "state-set lost=yes; exit 3")
    assert agent.unit.committed.store["kept"] == "yes"
    assert "lost" not in agent.unit.committed.store


def test_juju_exec_waits_for_its_turn(agent: agent_module.Agent) -> None:
    slow = "touch /tmp/first; sleep 2; test ! -e /tmp/second"
    with futures.ThreadPoolExecutor() as pool:
        first = pool.submit(run_outside, agent, "juju-exec", "probe/0", slow)
        while not agent.machine.container.exists("/tmp/first"):
            time.sleep(0.1)
        second = run_outside(agent, "juju-exec", "probe/0", "touch /tmp/second")
        assert "status 0" in first.result()
    assert "status 0" in second


def test_power_cut_runs_start(agent: agent_module.Agent) -> None:
    starts = len(list(agent.logs.glob("*-hooks-start.log")))
    agent.machine.container.run(["touch", "/run/mark", "/var/mark"])

    agent.restart()

    assert agent.machine.container.exists("/var/mark")
    assert not agent.machine.container.exists("/run/mark")
    assert len(list(agent.logs.glob("*-hooks-start.log"))) == starts + 1
    assert agent.run_action("echo", {"text": "tools answer"}).status == "completed"


def test_unit_cannot_wait_for_itself(agent: agent_module.Agent) -> None:
    result = agent.run_action("ask-own-unit")
    assert result.results["code"] == "1"
    assert "cannot be called from within a hook" in result.results["error"]
