"""Checks of an image at rest: its disk and its files, without starting a machine.

Each function here that returns a :class:`retrofit.proof.subject.Check` makes one, fitted by its
parameters to what an image is for; a recipe names those that apply to its images. Nothing in an
image is trusted: paths are resolved inside it, files are read to a limit, and its programs run in
a cell that they cannot write to.
"""
