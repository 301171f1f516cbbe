"""Ways to learn weights from features, one a file."""
