"""A real cloud on loopback, and what asks or disturbs it."""
