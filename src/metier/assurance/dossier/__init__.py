"""A folder of evidence about a bundle: what it is, what it was trained on, what was measured, and what its owner states."""
