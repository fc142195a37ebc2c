"""Measurements of the project, taken on one machine in one go."""
