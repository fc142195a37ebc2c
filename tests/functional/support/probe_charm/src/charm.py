#!/usr/bin/env python3
"""A charm that uses each kind of hook tool once."""

import subprocess

import ops


class ProbeCharm(ops.CharmBase):
    """Publishes what it sees, so that the tests see it too."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        framework.observe(self.on.install, self._on_install)
        framework.observe(self.on.config_changed, self._reconcile)
        framework.observe(self.on.update_status, self._reconcile)
        framework.observe(self.on.leader_elected, self._reconcile)
        framework.observe(self.on["service"].relation_changed, self._reconcile)
        framework.observe(self.on["echo"].action, self._on_echo)
        framework.observe(self.on["ask-own-unit"].action, self._on_ask_own_unit)

    def _on_install(self, _: ops.InstallEvent) -> None:
        self.unit.set_workload_version("1.2")
        if self.unit.is_leader():
            self.app.add_secret({"password": "made in install"}, label="mine")

    def _reconcile(self, _: ops.EventBase) -> None:
        relation = self.model.get_relation("service")
        if relation is None:
            self.unit.status = ops.BlockedStatus("service is missing")
            return
        relation.data[self.unit]["word"] = str(self.config["word"])
        if self.unit.is_leader():
            relation.data[self.app]["leader"] = self.unit.name
        self.unit.status = ops.MaintenanceStatus("asking")
        if self.config["fail"]:
            raise RuntimeError("told to fail")
        answers = [relation.data[unit].get("answer", "") for unit in relation.units]
        binding = self.model.get_binding(relation)
        assert binding is not None
        self.unit.status = ops.ActiveStatus(f"{answers[0]} at {binding.network.bind_address}")

    def _on_echo(self, event: ops.ActionEvent) -> None:
        secret = self.model.get_secret(label="mine").get_content(refresh=True)
        event.log("halfway")
        event.set_results({"text": event.params["text"], "secret": secret["password"]})
        if event.params["fail"]:
            event.fail("as asked")

    def _on_ask_own_unit(self, event: ops.ActionEvent) -> None:
        nested = subprocess.run(
            ["juju-exec", self.unit.name, "true"], capture_output=True, text=True, check=False
        )
        event.set_results({"code": nested.returncode, "error": nested.stderr.strip()})


if __name__ == "__main__":
    ops.main(ProbeCharm)
