"""The charm: relations."""
