"""Tags of images in Glance, by which services find them."""

from __future__ import annotations

# Glance takes 255 characters, a comma would divide a tag in queries, and nobody sees a control
# character.
PATTERN = r"[^\s,\x00-\x1f\x7f]{1,255}"
MEANING = "1 to 255 characters, without spaces or commas"
