"""Ways to put a text and an image together, one a file: what is learned on top of two frozen towers."""
