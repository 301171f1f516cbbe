"""Bases that installed packages bring, one a file; `bases.base_table` has a row for each."""
