"""Amphora images, good and broken, and those that an amphora talks to."""
