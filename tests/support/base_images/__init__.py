"""Base images, and trees they come from."""
