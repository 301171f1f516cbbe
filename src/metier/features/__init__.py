"""Features of texts, the same in training and serving."""
