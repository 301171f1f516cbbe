"""Methods of images, and of images with text."""
