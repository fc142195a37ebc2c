"""What holds for all tests, however they are started."""

from __future__ import annotations

import signal

# A job in a shell's background ignores SIGINT, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
