"""Namespaces: the only package of the engine that enters them.

:mod:`.workshop` is where the engine's own steps run, as root over 65,536 ids and nothing else;
:mod:`.cell` is where programs run that nobody vouches for.
"""
