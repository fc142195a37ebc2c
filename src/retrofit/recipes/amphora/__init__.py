"""Amphora."""
