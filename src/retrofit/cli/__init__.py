"""The command line: options in, progress and results out, errors into exit codes.

``main`` imports no command: a command's module is imported when the command is used, with all that
the command works with.
"""
