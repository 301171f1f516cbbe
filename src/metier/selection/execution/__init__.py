"""Candidates fitted, measured, joined into ensembles and sealed."""
