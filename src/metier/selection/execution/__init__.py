"""Candidates fitted, measured and sealed."""
