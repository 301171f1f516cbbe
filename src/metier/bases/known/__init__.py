"""Bases that installed packages bring, one a file; `bases.known_base` has a row for each."""
