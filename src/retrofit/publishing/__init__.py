"""Brings images into Glance, makes one the current one, retires the others."""
