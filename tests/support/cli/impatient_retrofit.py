"""The command ``retrofit``, which waits for servers that stall no longer than a test should."""

from __future__ import annotations

from retrofit.cli import main
from retrofit.host import web, web_servers

if __name__ == "__main__":
    web_servers.STALL_S = 1.0
    web._ATTEMPTS = 2
    main.main()
