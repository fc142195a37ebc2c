"""Image files of OpenStack Image Manager, and a mirror for them."""
