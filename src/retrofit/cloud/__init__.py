"""An OpenStack cloud: connecting to it, and one project's view of its services.

The only room that imports openstacksdk, and late: that costs a third of a second, which
``retrofit --help`` need not pay.
"""

from .connecting import Options, connect, connector
from .project import Cloud
from .service import Service, retrying

__all__ = ["Cloud", "Options", "Service", "connect", "connector", "retrying"]
