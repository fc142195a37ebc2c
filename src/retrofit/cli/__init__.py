"""The command line: options in, progress and results out, errors into exit codes.

Modules here import only what parsing needs; what a command works with is imported when it runs,
because the engine's libraries take longer to load than ``--help`` may take.
"""
