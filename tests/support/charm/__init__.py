"""A unit agent for the packed charm, and the machines it runs on."""
