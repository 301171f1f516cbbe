"""Text to numbers, the same in training and in serving."""
