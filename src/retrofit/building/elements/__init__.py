"""Elements: recipes in diskimage-builder's format, and what runs them on an existing image.

:mod:`.collect` gathers element directories, :mod:`.dependencies` expands a list of elements,
:mod:`.hooks` merges their scripts and :mod:`.runner` runs the phases. ``own/`` holds the
project's own elements; :mod:`.octavia` fetches those of Octavia.
"""
