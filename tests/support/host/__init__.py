"""The machine that tests run on, and web servers on it."""
