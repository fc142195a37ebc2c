"""What people write of images, checked, and the requests that it stands for."""
