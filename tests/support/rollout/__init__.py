"""Machines that are moved to a new image."""
