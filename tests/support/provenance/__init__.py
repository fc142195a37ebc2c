"""Records of images that need no build."""
