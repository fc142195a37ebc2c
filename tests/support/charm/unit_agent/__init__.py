"""The parts of the unit agent: state of a unit, hook tools, packed charms, and remote units."""
