"""The charm: actions."""
