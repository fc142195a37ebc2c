"""Repositories of an image with dnf: which ones it is told of, and asking them."""
