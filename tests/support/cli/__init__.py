"""The command line, run from outside."""
