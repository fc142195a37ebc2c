"""The charm: options."""
