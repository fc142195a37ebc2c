"""Publishing without a build."""
