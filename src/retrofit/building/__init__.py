"""Makes an image of a base image, by a recipe."""
