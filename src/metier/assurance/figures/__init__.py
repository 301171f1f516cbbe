"""The sources of figures, one a file."""
