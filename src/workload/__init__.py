"""The charm: workload."""
