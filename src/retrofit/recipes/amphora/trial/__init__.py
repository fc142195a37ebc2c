"""The trial of an amphora image: amphorae are booted, and asked for what Octavia asks for."""
