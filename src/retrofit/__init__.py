"""Build, publish and keep OpenStack service images from stock cloud images."""

__version__ = "0.1.0"
