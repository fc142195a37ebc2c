"""Where base images come from."""
