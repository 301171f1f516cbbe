"""The rows of a run: read, checked, split, augmented."""
