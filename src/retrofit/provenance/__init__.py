"""What an image says of itself in Glance: marks, inputs, packages; differences and SBOM."""
