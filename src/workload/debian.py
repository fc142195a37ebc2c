"""charmhelpers, made to run on Debian as it does on Ubuntu."""

from __future__ import annotations

import charmhelpers.osplatform

# charmhelpers knows Debian by the lower-case name only that Python once gave it, and refuses to
# be imported otherwise.
charmhelpers.osplatform.get_platform = lambda: "ubuntu"

from charmhelpers.core import hookenv, templating  # noqa: E402 - after the line above

__all__ = ["hookenv", "templating"]
