"""Serves the Octavia API; runs in Octavia's own virtual environment, by :mod:`.octavia_api`.

Usage::

    python octavia_server.py octavia PORT CERTIFICATE KEY PARENT
    python octavia_server.py prepare DATABASE

The API sends its controller worker messages; they end in the file ``casts``, a line of JSON each,
beside the certificate, whatever the home directory is. While it answers a request, it holds the
file ``lock`` there, and so does who else changes its database: SQLite does not bear several
writers.
"""

from __future__ import annotations

import fcntl
import json
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

import cloud_server


class Server(cloud_server.Server):
    """The API, one request after another, and who takes its messages."""

    def load(self) -> Any:
        """Return the WSGI application, in the worker."""
        application = super().load()
        from oslo_config import cfg

        # Octavia has a default of its own, and SQLAlchemy takes none for a file of SQLite.
        cfg.CONF.set_override("pool_timeout", None, group="database")
        directory = pathlib.Path(self.cfg.certfile).absolute().parent
        _listen(directory)

        def one_by_one(environ: Any, start_response: Any) -> Iterable[bytes]:
            with (directory / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                return list(application(environ, start_response))

        return one_by_one


class _Recorder:
    """Takes the messages that the API sends.

    Args:
        target: Where it finds them.
        directory: Where it writes them down.
    """

    def __init__(self, target: Any, directory: pathlib.Path) -> None:
        # Where the dispatcher looks for it.
        self.target = target
        self._directory = directory

    def failover_amphora(self, _: object, *, amphora_id: str) -> None:
        """Write the message down."""
        with (self._directory / "casts").open("a") as casts:
            casts.write(json.dumps({"failover_amphora": amphora_id}) + "\n")


def _listen(directory: pathlib.Path) -> None:
    import oslo_messaging
    from octavia.common import constants, rpc

    target = oslo_messaging.Target(
        namespace=constants.RPC_NAMESPACE_CONTROLLER_AGENT,
        topic=constants.TOPIC_AMPHORA_V2,
        version="2.0",
        server="worker",
    )
    rpc.get_server(target, [_Recorder(target, directory)]).start()


def prepare(database: str) -> None:
    """Make an empty database; Octavia's migrations do not run on SQLite."""
    import sqlalchemy
    from octavia.common import constants
    from octavia.db import base_models, models
    from sqlalchemy import orm

    engine = sqlalchemy.create_engine(f"sqlite:///{database}")
    base_models.BASE.metadata.create_all(engine)
    words = {
        models.ProvisioningStatus: constants.SUPPORTED_PROVISIONING_STATUSES,
        models.OperatingStatus: constants.SUPPORTED_OPERATING_STATUSES,
        models.AmphoraRoles: constants.SUPPORTED_AMPHORA_ROLES,
        models.LBTopology: constants.SUPPORTED_LB_TOPOLOGIES,
    }
    with orm.Session(engine) as session:
        session.add_all(table(name=name) for table, names in words.items() for name in names)
        session.commit()


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(sys.argv[2])
    else:
        cloud_server.main(Server)
