"""Disk images: what is on them, making room, opening their file trees, converting them."""
