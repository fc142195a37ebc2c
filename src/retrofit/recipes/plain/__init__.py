"""Plain cloud images with all updates."""
