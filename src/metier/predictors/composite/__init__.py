"""Predictors made of other predictors, each in a subfolder."""
