"""Proves that an image works: at rest, booted, and balancing requests.

What is checked is a recipe's to say; the modules here are the checks, and what they need: the open
image (:mod:`.subject`), machines (:mod:`.machine`) and the service's own client.
"""
