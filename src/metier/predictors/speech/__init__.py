"""Predictors that hear."""
