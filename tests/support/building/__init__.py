"""Disks, package archives and contents of images."""
