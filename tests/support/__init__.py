"""What tests share: places, base images, clouds and unit agents."""
