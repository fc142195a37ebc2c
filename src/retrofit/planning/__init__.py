"""What is to be done about an image, and why; plans in files."""
