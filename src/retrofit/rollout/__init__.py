"""Brings machines to the current image."""
