"""The machine we run on: processes, sandboxes, files, locks, signals, the web."""
